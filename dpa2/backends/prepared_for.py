"""Systems that were prepared for another model are refused where a view of a model is to evaluate them."""

from __future__ import annotations

from ..batching.table import Cutoffs
from ..config import DPA2Config
from ..dtypes import dtype_name
from ..errors import BackendError, InputError, shorten
from ..evaluation.prepared import Prepared
from ..nn.arrays import Array

HINT = "systems = model.prepare_systems(...), of the model that the view was made of"
LIBRARIES = {"jaxlib": "jax"}  # by the package of the class of arrays, where it has another name


def require_prepared(systems: object, config: DPA2Config, library: str, device: str | None = None) -> None:
    """Raise an error unless systems were prepared for a model of this configuration, library and device.

    device: None where the library moves arrays by itself. The error is an `InputError` for what was not prepared, or
    for other neighbour lists, and a `BackendError` for arrays that the view cannot compute with.
    """
    if not isinstance(systems, Prepared):
        raise InputError(f"systems = {shorten(systems)}: are not prepared; {HINT}", argument="systems")
    if systems.plan.cutoffs != Cutoffs.of(config):
        what = "systems: were prepared for a model with other cutoffs, max_neighbors, excluded pairs or types"
        raise InputError(f"{what}; {HINT}", argument="systems")
    x = systems.chunks[0].vectors
    found = library_of(x), dtype_name(x.dtype), None if device is None else str(getattr(x, "device", ""))
    wanted = library, config.dtype, device
    if found != wanted:
        said, asked = (" ".join(filter(None, words)) for words in (found, wanted))
        raise BackendError(f"systems: were prepared for {said}, and the view is of {asked}; {HINT}",
                           backend=library, hint=HINT)  # fmt: skip


def library_of(x: Array) -> str:
    """The name of the library of an array."""
    package = type(x).__module__.partition(".")[0]
    return LIBRARIES.get(package, package)
