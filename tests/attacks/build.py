"""All hostile files in one folder, in groups."""

from __future__ import annotations

from pathlib import Path

from . import archives, hdf5, pickles, tensors, texts

GENUINE = Path(__file__).parents[1] / "data" / "samples" / "dpa2_tiny.dp"
SUFFIXES = (".dp", ".yaml", ".json", ".safetensors")


def build(folder: Path) -> dict[str, list[str]]:
    """Write all files below `folder`, which is new; names by group."""
    from dpa2.serialization import convert

    folder.mkdir(parents=True)
    for suffix in SUFFIXES:
        convert(GENUINE, folder / f"genuine{suffix}")
    hdf5.prepare(folder)
    groups = {
        "pickles": pickles.files(),
        "archives": archives.files(),
        "tensors": tensors.files(),
        "texts": texts.files((folder / "genuine.json").read_bytes()),
        "hdf5": hdf5.files(GENUINE, folder),
    }
    return {group: [write(folder, *file) for file in files] for group, files in groups.items()}


def write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return name
