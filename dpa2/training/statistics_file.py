"""Statistics of data on disk (`stat_file`): an HDF5 file or a directory, in which the next training finds them.

They stand in a group of our own beside what DeePMD-kit may have written, below a digest of the types and of the other
settings that they depend on. As there, the data themselves are not compared.
Source: section 6.4 of the specification of training.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..config import DPA2Config
from ..errors import FormatError
from ..model.model import Model
from ..serialization.atomic import replacing
from ..serialization.settings.plain import canonical_json
from .statistics import DataStatistics

GROUP = "dpa2"
SUFFIXES = (".h5", ".hdf5")


def kept_statistics(
    path: str | Path | None, mode: str, model: Model, smallest: float, compute: Callable[[], DataStatistics]
) -> DataStatistics:
    """Return the statistics of a file, or compute them and put them there.

    Parameters
    ----------
    path
        The file or directory; None to compute them without one.
    mode
        "update", or "read", with which statistics that are not there are an error.
    model
        The model, whose settings the statistics must belong to.
    smallest
        The least deviation of parameters, on which they depend, too.
    compute
        Called without arguments where there are none.

    Raises
    ------
    FormatError
        The file is damaged, or has no statistics for this model though mode is "read" (facts: file).
    WriteFailed
        The system does not let the file be written (facts: file, reason).
    """
    if path is None:
        return compute()
    place, key = Path(path), key_of(model.config, smallest)
    found = read_arrays(place, key)
    if found is not None:
        return of_arrays(found, place)
    if mode == "read":
        rule = f"has no statistics for a model of these settings and types ({', '.join(model.type_map)})"
        way = "set stat_file_mode to 'update' to compute them"
        raise FormatError(f"{place}: {rule}; {way}", file=str(place))
    computed = compute()
    write_arrays(place, key, computed.to_arrays())
    return computed


def of_arrays(found: dict[str, np.ndarray], place: Path) -> DataStatistics:
    """Return statistics from their arrays in a file."""
    bad = [name for name, array in found.items() if array.dtype.kind != "f" or not np.isfinite(array).all()]
    try:
        if bad:
            raise ValueError(f"{bad[0]} holds something else than finite numbers")
        return DataStatistics.from_arrays(found)
    except (KeyError, ValueError, TypeError) as error:
        what = f"its statistics are damaged ({error}); delete the file to compute them again"
        raise FormatError(f"{place}: {what}", file=str(place)) from error


def key_of(config: DPA2Config, smallest: float) -> str:
    """Return a digest of all settings that statistics depend on."""
    blocks = {"repinit": config.repinit, "three_body": config.three_body, "repformer": config.repformer}
    fitting = config.fitting
    settings = [
        config.types,
        {n: [b.cutoff, b.inner_cutoff, b.max_neighbors] for n, b in blocks.items() if b is not None},
        config.excluded_pairs, config.model_excluded_pairs, config.excluded_types, config.preset_bias,
        config.protection, fitting.frame_parameters, fitting.atom_parameters, fitting.default_frame_parameters,
        smallest,
    ]  # fmt: skip
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def read_arrays(place: Path, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays below a key; None if there is no such file or no such key in it."""
    try:
        if place.suffix in SUFFIXES and not place.is_dir():
            return read_hdf5(place, key) if place.exists() else None
        file = file_of(place, key)
        if not file.exists():
            return None
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as data:
            return {name: np.array(data[name]) for name in data.files}
    except Exception as error:  # a damaged file makes the readers raise nearly anything
        raise FormatError(f"{place}: cannot be read as a file of statistics ({error})", file=str(place)) from error


def read_hdf5(place: Path, key: str) -> dict[str, np.ndarray] | None:
    """Return the arrays below a key of an HDF5 file."""
    import h5py

    with h5py.File(place, "r") as file:
        group = file.get(f"{GROUP}/{key}")
        return None if group is None else {name: np.array(array[()]) for name, array in group.items()}


def write_arrays(place: Path, key: str, arrays: dict[str, np.ndarray]) -> None:
    """Add arrays below a key; whatever else is in the file stays, and the file is the old or the new one."""
    if place.suffix in SUFFIXES and not place.is_dir():
        write_hdf5(place, key, arrays)
        return
    file = file_of(place, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as part, open(part, "wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def write_hdf5(place: Path, key: str, arrays: dict[str, np.ndarray]) -> None:
    """Add arrays below a key of an HDF5 file, which may not exist yet."""
    import h5py

    with replacing(place) as part:
        if place.exists():
            shutil.copyfile(place, part)
        with h5py.File(part, "a") as file:
            for name, array in arrays.items():
                file[f"{GROUP}/{key}/{name}"] = array


def file_of(place: Path, key: str) -> Path:
    """Return the file of a directory that holds the arrays below a key."""
    return place / GROUP / f"{key}.npz"
