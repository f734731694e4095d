"""Energies of atoms as an operator of PyTorch: a function of positions and cells that can be differentiated once.

TorchScript calls it like any other operator, so a compiled module can hold a model as the bytes of its file.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ..api import load, save
from ..errors import BackendError, require
from ..model.model import Model
from ..neighbors.skin import checked_skin
from ..structures.elements import Elements
from ..structures.naming import renaming
from ..structures.system import host_array
from .batches import Batches, end_to_end
from .strain import slope_by_cell

torch: Any = require("torch", "metatomic")


class Energies:
    """Energies of atoms, forces and virials of batches of systems that come as tensors.

    settings: skin, neighbors and types in JSON, with an identifier.
    """

    def __init__(self, model: Model, settings: str) -> None:
        self.settings, given = settings, json.loads(settings)
        self.elements = Elements.of(model.type_map, given["types"])
        self.batches = Batches(model, given["skin"], given["neighbors"])

    @property
    def model(self) -> Model:
        """The model."""
        return self.batches.model

    def move(self, device: Any) -> None:
        """Move the model to the device of the atoms."""
        if torch.device(self.model.backend.device) != device:
            self.batches = Batches(self.model.to(device=str(device)), self.batches.skin, self.batches.neighbors)

    def evaluate(
        self, positions: Any, cells: Any, pbc: Any, numbers: Any, sizes: list[int], weights: Any = None
    ) -> tuple:
        """Return energies of atoms, forces and virials (system, 3, 3) as tensors like positions.

        sizes: the numbers of atoms of systems, which lie end to end. weights: of the energies of atoms, in the sum to
        which forces and virials belong; None for 1.
        """
        self.move(positions.device)
        shares = None if weights is None else [host_array(w, "weights").astype(float) for w in weights.split(sizes)]
        x, z = host_array(positions, "positions"), host_array(numbers, "types")
        systems = end_to_end(self.elements, x, z, host_array(cells, "cell"), host_array(pbc, "pbc"), sizes)
        found = self.batches.evaluate(systems, weights=shares)
        energies, forces = (torch.cat([getattr(out, name) for out in found]) for name in ("atom_energy", "forces"))
        return tuple(x.to(positions) for x in (energies, forces, torch.stack([out.virial for out in found])))


OPEN: WeakValueDictionary[str, Energies] = WeakValueDictionary()  # those of models in this process, by their settings


class ModelFile:
    """A model as the bytes of a file and settings; two are equal if they are the same tensor and settings."""

    def __init__(self, settings: str, file: Any) -> None:
        self.settings, self.file, self.key = settings, file, (settings, file.data_ptr())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelFile) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=8)
def read(given: ModelFile) -> Energies:
    """Return the energies of a model that came with a compiled module; the last few stay in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        path.write_bytes(host_array(given.file, "file").tobytes())
        return Energies(load(path, "torch"), given.settings)


def opened(model: Model, skin: float, neighbors: str, types: Mapping[str, str] | None) -> tuple[Energies, Any]:
    """Return energies that the operator finds by their settings, as long as they exist, and the bytes of the model."""
    pairs = {} if types is None else renaming(types, model.type_map)
    given = {"skin": checked_skin(skin), "neighbors": str(neighbors), "types": pairs, "identifier": uuid.uuid4().hex}
    energies = Energies(model, json.dumps(given))
    OPEN[energies.settings] = energies
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        save(model, path)
        return energies, torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)


def known(settings: str, file: Any) -> Energies:
    """Return the energies of these settings, which are read from the bytes of a file in another process."""
    return OPEN.get(settings) or read(ModelFile(settings, file))


class EnergiesOfAtoms(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """Energies of atoms by positions and cells; the way back multiplies what the way there computed."""

    @staticmethod
    def forward(ctx: Any, given: Energies, positions: Any, cells: Any, pbc: Any, numbers: Any, sizes: list[int]) -> Any:
        """Return the energies (atom,); arguments are those of `Energies.evaluate`."""
        energies, forces, virials = given.evaluate(positions, cells, pbc, numbers, sizes)
        ctx.given, ctx.sizes = given, sizes
        ctx.save_for_backward(positions, cells, pbc, numbers, forces, virials)
        return energies

    @staticmethod
    def backward(ctx: Any, weights: Any) -> tuple:
        """Return the derivatives of the sum of energies times weights by positions and cells."""
        *atoms, forces, virials = ctx.saved_tensors
        positions, cells, *_ = atoms
        with torch.no_grad():
            parts = weights.split(ctx.sizes)
            if all(bool((part == part[0]).all()) for part in parts):  # of sums over systems, as nearly always
                forces = weights[:, None] * forces
                virials = torch.stack([part[0] for part in parts])[:, None, None] * virials
            else:
                _, forces, virials = ctx.given.evaluate(*atoms, ctx.sizes, weights)
            slopes = -forces, by_cells(positions, cells, forces, virials, ctx.sizes)
        if torch.is_grad_enabled():
            slopes = Once.apply(*slopes, positions, cells)
        return None, *slopes, None, None, None


def by_cells(positions: Any, cells: Any, forces: Any, virials: Any, sizes: list[int]) -> Any:
    """Return the derivatives of energies by cells (system, 3, 3) at given positions."""
    systems = zip(positions.split(sizes), cells, forces.split(sizes), virials, strict=True)
    return torch.stack([slope_by_cell(*system) for system in systems])


class Once(torch.autograd.Function):  # type: ignore[misc, name-defined]
    """First derivatives as they are, which refuse to be differentiated again."""

    @staticmethod
    def forward(ctx: Any, by_positions: Any, by_cells: Any, positions: Any, cells: Any) -> tuple:
        """Return the derivatives, as functions of positions and cells."""
        return by_positions.clone(), by_cells.clone()

    @staticmethod
    def backward(ctx: Any, *unused: Any) -> Any:
        """Raise a `BackendError`."""
        hint = "model.hessian(...)"
        what = f"second derivatives of the energy are not available by PyTorch's graph here; use {hint}"
        raise BackendError(what, backend="torch", hint=hint)


def energies(settings: str, file: Any, positions: Any, *others: Any) -> Any:
    """Return the energies of atoms with the model of a compiled module."""
    return EnergiesOfAtoms.apply(known(settings, file), positions, *others)


LIBRARY = torch.library.Library("dpa2", "FRAGMENT")
ATOMS = "Tensor positions, Tensor cells, Tensor pbc, Tensor numbers, int[] sizes"
LIBRARY.define(f"energies(str settings, Tensor file, {ATOMS}) -> Tensor")
LIBRARY.impl("energies", energies, "CompositeImplicitAutograd")
