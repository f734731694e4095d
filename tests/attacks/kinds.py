"""What can be read, by kinds of file: each function returns a word by which two readings can be compared."""

from __future__ import annotations

from pathlib import Path


def model(path: str) -> str:
    """The digest of a model."""
    import dpa2

    return dpa2.load(path).checkpoint().digest()


def data(path: str) -> str:
    """The number of frames of a data set, each of which is read."""
    from dpa2.data import read_dataset

    return f"{sum(1 for _ in read_dataset(path))} frames"


def vector(path: str) -> str:
    """The name of a golden vector."""
    from dpa2.conformance.vectors import read

    return read(Path(path)).name


def arrays(path: str) -> str:
    """The number of arrays in the results of a program under test."""
    from dpa2.conformance.targets import read_arrays

    return f"{len(read_arrays(Path(path)))} arrays"


def careless(path: str) -> str:
    """What a reader does that trusts a file."""
    import pickle

    with open(path, "rb") as file:
        return str(type(pickle.load(file)))
