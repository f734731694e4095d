"""The table of file formats: the module of each in this folder declares the format as its `CONTAINERS`.

Nothing depends on the order of the lines.
"""

from __future__ import annotations

from importlib import import_module

from .container import Container

MODULES = (  # names of the modules; a new format is a new module and a line here
    "hdf5",
    "json",
    "orbax",
    "paddle",
    "programs",
    "pytorch",
    "safetensors",
    "training_state",
    "yaml",
)
CONTAINERS: tuple[Container, ...] = tuple(
    container for name in MODULES for container in import_module(f".{name}", __package__).CONTAINERS
)
