"""The table of back ends, and their construction by name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import BackendError, require
from ..nn.arrays import NAMESPACES
from .forks import refuse_lost

if TYPE_CHECKING:
    from .protocol import Backend


@dataclass(frozen=True)
class Entry:
    """A back end of the table.

    module, cls: the file of this folder and the class in it. package: the package that the library is imported as.
    extra: the optional dependencies of dpa2 that install it, "" if dpa2 always has it. namespace: the module with the
    functions of the array-API standard, "" where arrays carry their own. noise: the beginning of a warning that the
    library gives when it is imported, and that says nothing to who evaluates models.
    """

    module: str
    cls: str
    package: str
    extra: str = ""
    namespace: str = ""
    noise: str = ""

    @property
    def install(self) -> str:
        """The command that installs the library."""
        return f"pip install 'dpa2[{self.extra}]'" if self.extra else "pip install dpa2"

    def library(self) -> ModuleType:
        """Import and return the library; raise `MissingDependency` where it is not installed."""
        if not self.noise or self.package in sys.modules:
            return require(self.package, self.extra)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=self.noise)
            return require(self.package, self.extra)


BACKENDS = {
    "numpy": Entry("numpy", "NumPy", package="numpy"),
    "torch": Entry("torch", "Torch", package="torch", extra="torch", namespace="array_api_compat.torch"),
    "jax": Entry("jax", "JAX", package="jax", extra="jax"),
    "paddle": Entry(
        "paddle",
        "Paddle",
        package="paddle",
        extra="paddle",
        namespace=f"{__package__}.paddle_namespace",
        noise="No ccache found",
    ),
    "cupy": Entry("cupy", "CuPy", package="cupy", extra="cupy", namespace="array_api_compat.cupy"),
}
NAMESPACES.update({entry.package: entry.namespace for entry in BACKENDS.values() if entry.namespace})
NAMES = tuple(BACKENDS)
CHOICES = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"  # for help texts


MADE: dict[str, Callable[[str | None], Backend]] = {}  # what users registered


def register(name: str, make: Callable[[str | None], Backend]) -> None:
    """Add a back end under a name, so that `load`, `to` and the ASE calculator know it in this process.

    make: takes the name of a device, or None for the default one, and returns an object with the methods of
    `dpa2.backends.protocol.Backend`; for a library of the array-API standard, `dpa2.backends.Standard` has them all.

    Raises `BackendError` for a name that a back end of dpa2 has, or that is none, and for what cannot be called; an
    object that lacks methods is refused when it is made.

    >>> import array_api_strict, dpa2
    >>> from dpa2 import backends
    >>> backends.register("strict", lambda device: backends.Standard("strict", array_api_strict))
    >>> dpa2.load(dpa2.demo.MODEL, backend="strict").backend.name
    'strict'
    """
    if name in BACKENDS or not name.isidentifier():
        rule = "is a back end of dpa2" if name in BACKENDS else "must be a word of letters, digits and _"
        raise BackendError(f"{name!r}: {rule}; choose another name", backend=name)
    if not callable(make):
        hint = f"lambda device: Standard({name!r}, library)"
        raise BackendError(
            f"{name}: a back end is registered by a function of a device, as {hint}", backend=name, hint=hint
        )
    MADE[name] = make


def registered(name: str, device: str | None) -> Backend:
    """The back end that a user's function makes; `BackendError` where it lacks a member of the contract."""
    from .protocol import Backend

    made = MADE[name](device)
    lacks = [member for member in dir(Backend) if not member.startswith("_") and not hasattr(made, member)]
    if lacks:
        hint = "dpa2.backends.Standard"
        what = f"{name}: the function that was registered returns a {type(made).__name__} without {', '.join(lacks)}"
        raise BackendError(f"{what}; {hint} has them all", backend=name, hint=hint)
    return made


def backend(name: str = "numpy", device: str | None = None) -> Backend:
    """Return the back end of the table called `name`, on a device or on the library's default one.

    Raises `BackendError` for an unknown name or device, and for JAX in a process that was forked from one that used it;
    `MissingDependency` where the library is not installed.

    >>> backend("numpy").device
    'cpu'
    """
    if name in MADE:
        return registered(name, device)
    if name not in BACKENDS:
        commands = "; ".join(f"{each}: {entry.install}" for each, entry in BACKENDS.items())
        raise BackendError(
            f"there is no back end {name!r}; known: {', '.join([*NAMES, *MADE])} ({commands})", backend=name
        )
    entry = BACKENDS[name]
    refuse_lost(name)
    entry.library()
    return getattr(import_module(f".{entry.module}", __package__), entry.cls)(device)
