"""The inputs of the fuzzer: number k of a seed is always the same file, built from a grammar or damaged."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from dpa2 import save
from dpa2.testing.weights import perturbed_model, small_config, small_repformer

from .archives import Entry, archive
from .builders import BUILDERS
from .genuine import contents
from .mutations import mutate
from .orbax_trees import directory

SAMPLES = Path(__file__).parents[1] / "data" / "samples" / "samples.tar.xz"
MEMBERS = {  # one model in the files of several programs
    ".dp": "dpa2_tiny.dp", ".hlo": "dpa2_tiny.hlo", ".pt": "dpa2_tiny.trainer_checkpoint.pt",
    ".pth": "dpa2_tiny.frozen.pth", ".pt2": "dpa2_tiny.pt2", ".pd": "dpa2_tiny_paddle.trainer_checkpoint.pd",
}  # fmt: skip
OURS = (".yaml", ".json", ".safetensors")
DIRECTORY = "dpa2_tiny.jax"
SUFFIXES = (*BUILDERS, ".jax")
Files = dict[str, bytes]


@dataclass(frozen=True)
class Input:
    """One input: the suffix of its name, how it was made, and its bytes, or files by path for a directory."""

    suffix: str
    made: str  # "built" or "mutated"
    content: bytes | Files

    def write(self, folder: Path) -> Path:
        """Write it into a folder, which holds no other; its path."""
        path = folder / f"input{self.suffix}"
        for inside, data in self.content.items() if isinstance(self.content, dict) else [("", self.content)]:
            (path / inside).parent.mkdir(parents=True, exist_ok=True)
            (path / inside).write_bytes(data)
        return path

    def size(self) -> int:
        """Its bytes."""
        parts = self.content.values() if isinstance(self.content, dict) else [self.content]
        return sum(map(len, parts))


def suffix_of(k: int) -> str:
    """The format of an input."""
    return SUFFIXES[k % len(SUFFIXES)]


def make(seed: int, k: int) -> Input:
    """Input k of a seed."""
    random, suffix = Random(f"{seed} {k}"), suffix_of(k)
    if random.random() < 0.5:
        return Input(suffix, "mutated", damaged(random, suffix))
    built = directory(random, genuine_directory()) if suffix == ".jax" else BUILDERS[suffix](random, genuine())
    return Input(suffix, "built", built)


def damaged(random: Random, suffix: str) -> bytes | Files:
    """A genuine file, or one file of a genuine directory, with damage; in archives also below the checksums."""
    if suffix == ".jax":
        files = genuine_directory()
        place = random.choice(sorted(files))
        return files | {place: mutate(random, files[place])}
    data = genuine()[suffix]
    if not data.startswith(b"PK") or random.random() < 0.4:
        return mutate(random, data)
    entries = contents(data)
    place = random.choice([*sorted(entries), *(name for name in entries if name.endswith((".pkl", ".json")))])
    entries[place] = mutate(random, entries[place])
    return archive(*(Entry(f"archive/{name}", content) for name, content in entries.items()))


@cache
def genuine() -> dict[str, bytes]:
    """A model in each format that is a file: that of the reference, or a smaller one of ours, which is read sooner."""
    found = {suffix: sample(name) for suffix, name in MEMBERS.items()}
    small = perturbed_model(small_config(repformer=small_repformer(layers=1), three_body=None))
    with TemporaryDirectory() as folder:
        for suffix in OURS:
            save(small, Path(folder) / f"model{suffix}")
            found[suffix] = (Path(folder) / f"model{suffix}").read_bytes()
    return found


@cache
def genuine_directory() -> Files:
    """The same model as the files of a directory."""
    prefix = f"{DIRECTORY}/"
    return {name.removeprefix(prefix): data for name, data in samples().items() if name.startswith(prefix)}


def sample(name: str) -> bytes:
    return samples()[name]


@cache
def samples() -> Files:
    """Models of the reference, without unpacking them to disk."""
    with tarfile.open(SAMPLES) as file:
        members = [member for member in file.getmembers() if member.isfile()]
        return {member.name.removeprefix("./"): file.extractfile(member).read() for member in members}
