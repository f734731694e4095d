"""Data sets in text files: `coord.raw`, `box.raw`, `energy.raw` and so on, with a frame in each line."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import FormatError, require_regular


@dataclass(frozen=True, order=True)
class RawSet:
    """A directory of text files in the place of one `set.*`, with the methods of `pathlib.Path` that data sets use."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def __truediv__(self, name: str) -> RawFile:
        return RawFile((self.folder / name).with_suffix(".raw"))

    @property
    def parent(self) -> Path:
        return self.folder


@dataclass(frozen=True)
class RawFile:
    """A text file in the place of an array."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def stem(self) -> str:
        return self.path.stem

    def exists(self) -> bool:
        """Return whether there is such a file."""
        return self.path.exists()

    def array(self) -> np.ndarray:
        """The numbers of the file, a row for each frame."""
        require_regular(self.path)
        return kept(self.path, self.path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def kept(path: Path, _: int) -> np.ndarray:
    """The numbers of a file, kept as long as the file does not change."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file, which is a set without frames
            return np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as rows of numbers ({error})", file=str(path)) from error
