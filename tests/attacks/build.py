"""All hostile files in one folder, in groups."""

from __future__ import annotations

from pathlib import Path

from . import archives, directories, genuine, hdf5, pickles, references, tensors, texts


def build(folder: Path) -> dict[str, list[str]]:
    """Write all files into `folder`, which is new; names by group."""
    folder.mkdir(parents=True)
    models = genuine.write(folder)
    hdf5.prepare(folder)
    groups = {
        "pickles": pickles.files(models),
        "archives": archives.files(models),
        "tensors": tensors.files(),
        "references": references.files(models),
        "texts": texts.files(models[".json"]),
        "hdf5": hdf5.files(models[".dp"], folder),
    }
    names = {group: [write(folder, *file) for file in files] for group, files in groups.items()}
    return names | {"directories": list(directories.build(folder))}


def write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return name
