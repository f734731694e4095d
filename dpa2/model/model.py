"""A model as its users see it: loaded weights on a back end, and what can be asked of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from ..backends import backend as find_backend
from ..backends.protocol import Backend
from ..batching.memory import Demand, turns
from ..batching.plan import ChunkShape, plan
from ..batching.table import Cutoffs
from ..config import DPA2Config
from ..construction.build import load_weights
from ..construction.precision import in_precision, precision
from ..errors import BackendError, InputError
from ..evaluation.evaluate import Evaluation, Prepared, evaluate_prepared, prepare, stacked
from ..evaluation.hessian import hessian
from ..fitting.energy import EnergyModel, EnergyProgram
from ..neighbors import Neighbors, check_limits, from_list, neighbor_list
from ..nn.module import leaves, map_leaves
from ..structures.parameters import with_defaults, with_parameters
from ..structures.system import System, checked, frames, host_array
from .acceleration import Acceleration, accelerated
from .descriptor_view import DescriptorView
from .extrapolation import warn_of_extrapolation


class Model:
    """A DPA-2 energy model on NumPy, PyTorch or JAX; made by `dpa2.load`, `dpa2.build` or `model.to`.

    Immutable: `to` returns another model. Source: sections 1-12 of the specification.
    """

    def __init__(
        self, config: DPA2Config, weights: EnergyModel, backend, metadata: dict | None = None,
        acceleration: Acceleration | None = None,
    ):  # fmt: skip
        self.config = config
        self.weights = weights
        self.backend = backend
        self.metadata = metadata or {}
        self.acceleration = acceleration

    @classmethod
    def from_checkpoint(cls, checkpoint, backend="numpy", dtype=None, device=None, source="", moved=None) -> Model:
        """Weights of a `Checkpoint` on a back end, in the file's precision or in `dtype`; `moved` as in `placed`."""
        host = load_weights(checkpoint.config, checkpoint.weights, source)
        model = cls(checkpoint.config, host, None, checkpoint.metadata)
        return model.placed(*model.destination(backend, device, dtype), {} if moved is None else moved)

    def to(
        self, backend: str, *, device: str | None = None, dtype: str | None = None, block: int | None = None
    ) -> Model:
        """The same model on another back end, device or in another precision ("float64", "float32", ...).

        block: how many atoms are worked on together; the back end knows what is fast, fewer take less memory.

        Raises `BackendError` where the library cannot do that, `MissingDependency` where it is not installed.
        """
        return self.placed(*self.destination(backend, device, dtype, block), {})

    def destination(self, backend: str, device=None, dtype=None, block=None) -> tuple[Backend, DPA2Config]:
        """A back end, and the configuration in the precision that is wanted there."""
        target = find_backend(backend, device)
        config = self.config if dtype is None else in_precision(self.config, dtype)
        if block is not None:
            target = target.with_shape(target.shape.of_size(block))
        elif config.dtype != "float64":
            target = target.with_shape(target.shape.doubled())  # as many bytes
        return target, config

    def placed(self, target, config: DPA2Config, moved: dict) -> Model:
        """The model on a back end; arrays in `moved` are there already, for models that share some."""

        def move(name: str, array):
            dtype = precision(config, name, target)
            key = id(array), str(dtype)
            if key not in moved:
                host = array if self.backend is None else self.backend.to_numpy(array)
                moved[key] = array, target.asarray(host, dtype)
            return moved[key][1]

        return Model(config, map_leaves(move, self.weights), target, self.metadata, self.acceleration)

    def state_dict(self) -> dict:
        """The weights by their canonical names, as arrays of the model's library: plain, for `torch.save` or `jax`.

        >>> import dpa2
        >>> dpa2.load(dpa2.demo.MODEL).state_dict()["fitting.layers.0.weight"].shape
        (17, 9)
        """
        return leaves(self.weights)

    def with_state(self, state: dict) -> Model:
        """The same model with other weights, arrays of its library; `FormatError` for a missing, extra or odd one."""
        weights = load_weights(self.config, state)
        return Model(self.config, weights, self.backend, self.metadata)

    def checkpoint(self):
        """Configuration and weights as they are written to files."""
        from ..serialization.checkpoint import Checkpoint

        weights = {name: self.backend.to_numpy(array) for name, array in leaves(self.weights).items()}
        return Checkpoint(self.config, weights, self.metadata)

    @property
    def type_map(self) -> tuple[str, ...]:
        """Names of the types, in the order of their indices."""
        return self.config.types

    @property
    def descriptor(self) -> DescriptorView:
        """The descriptor alone."""
        return DescriptorView(self)

    @cached_property
    def program(self) -> EnergyProgram:
        """The model ready to run: what depends on weights alone is computed once, on the host."""
        return self.on_backend(self.folded())

    def folded(self) -> EnergyProgram:
        """The same on the host."""
        return map_leaves(lambda name, array: self.backend.to_numpy(array), self.weights).fold()

    def on_backend(self, program: EnergyProgram) -> EnergyProgram:
        """A folded model on the back end, in its precision."""
        return map_leaves(lambda n, a: self.backend.asarray(a, precision(self.config, n, self.backend)), program)

    @cached_property
    def fast_program(self) -> EnergyProgram:
        """The model ready to run, its embedding nets expanded."""
        return self.on_backend(accelerated(self.folded(), self.acceleration.closest, self.acceleration.tolerance))

    def accelerate(self, tolerance: float = 1e-12, closest: float = 0.5) -> Model:
        """The same model with its embedding nets expanded in Chebyshev polynomials.

        tolerance: the largest error of an embedding, relative to its largest value, as found on the actual weights.
        closest: Å; where atoms come closer than that, the nets themselves are used. Descriptors, traces and training
        are not accelerated.

        Raises `UnsupportedModel` where that takes more terms than are worth it, or the nets attend to neighbours.

        >>> import dpa2
        >>> model = dpa2.load(dpa2.demo.MODEL)
        >>> water = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
        >>> fast = model.accelerate(tolerance=1e-10)
        >>> bool(abs(fast.evaluate(*water).forces - model.evaluate(*water).forces).max() < 1e-8)
        True
        """
        model = Model(self.config, self.weights, self.backend, self.metadata, Acceleration(tolerance, closest))
        model.worker.fast_program  # noqa: B018  refused now, not at the first evaluation
        return model

    def program_for(self, lists: Sequence[Neighbors]) -> EnergyProgram:
        """The fast program, if there is one and no two atoms are too close for it."""
        if self.acceleration is None:
            return self.program
        near = min((found.distance[found.index >= 0].min(initial=np.inf) for found in lists), default=np.inf)
        return self.fast_program if near >= self.acceleration.closest else self.program

    @cached_property
    def worker(self) -> Model:
        """The model that evaluations run on: itself, or one on another library over the same memory."""
        backend = self.backend.inference({self.config.dtype, self.config.fitting.dtype})
        if backend is self.backend:
            return self
        shared = map_leaves(lambda name, array: self.backend.to_numpy(array), self.weights)
        return Model(self.config, shared, backend, self.metadata, self.acceleration)

    def evaluate(
        self, coordinates, types, cell=None, *, neighbors="strict", fparam=None, aparam=None, atom_virial=False
    ) -> Evaluation:
        """Energy, forces and virial of a structure, or of frames of it.

        coordinates: (N, 3) or (frames, N, 3), Å. types: N indices into `type_map` (-1: virtual atom) or symbols.
        cell: rows are the lattice vectors, Å; None without periodicity. fparam: parameters of the frame;
        aparam: (N, parameters). neighbors: "strict", or "truncate" to keep the nearest where an atom has more
        neighbours than the model holds, as DeePMD-kit does (energies then jump where a neighbour enters or leaves
        that set). atom_virial: whether to compute its partition among atoms too, at four times the cost.

        Raises `InputError` for anything wrong with the structure; `TooManyNeighbors` with "strict".

        >>> import dpa2
        >>> model = dpa2.load(dpa2.demo.MODEL)
        >>> out = model.evaluate([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
        >>> out.forces.shape, bool(abs(out.forces.sum(axis=0)).max() < 1e-12)
        ((3, 3), True)
        """
        if host_array(coordinates, "coordinates").ndim != 3:
            system = System(coordinates, types, cell, fparam, aparam)
            return self.evaluate_many([system], neighbors=neighbors, atom_virial=atom_virial)[0]
        systems = frames(coordinates, types, cell)
        systems = with_parameters(systems, fparam, aparam)
        return stacked(self.evaluate_many(systems, neighbors=neighbors, atom_virial=atom_virial))

    def evaluate_many(
        self, systems: Sequence[System], *, neighbors="strict", atom_virial=False, memory: int | None = None
    ) -> list[Evaluation]:
        """Systems of any sizes in one pass; a result for each. Arguments and errors as for `evaluate`.

        memory: bytes that the pass may take (an estimate, without what libraries need for themselves); systems that
        together take more are evaluated in turns, and one that alone takes more is an `InputError`.
        """
        systems, lists = self.with_neighbors(systems, neighbors)
        return [r for here in self.turns(lists, memory) for r in self.compute(systems[here], lists[here], atom_virial)]

    def turns(self, lists: Sequence[Neighbors], memory: int | None) -> Iterable[slice]:
        """Which systems are evaluated together."""
        if memory is None:
            return [slice(None)]
        demands = [Demand.of(found, self.cutoffs) for found in lists]
        shape, threads = self.worker.backend.shape, self.worker.backend.threads
        return list(turns(demands, memory, lambda demand: demand.bytes(self.config, shape, threads)))

    def compute(self, systems: Sequence[System], lists: Sequence[Neighbors], atom_virial=False) -> list[Evaluation]:
        """The same for systems that are checked already, with their neighbour lists."""
        worker = self.worker
        warn_of_extrapolation(self, lists)
        ready = worker.prepare(systems, lists)
        found = evaluate_prepared(worker.program_for(lists), worker.backend, ready, atom_virial)
        return [self.adopted(result) for result in found]

    def adopted(self, result):
        """A result of the worker as arrays of this model's library."""
        if self.worker is self:
            return result
        fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
        return type(result)(**{n: None if x is None else self.backend.asarray(x) for n, x in fields.items()})

    def evaluate_extended(
        self, coordinates, types, neighbors, mapping, *, mode="strict", fparam=None, aparam=None
    ) -> Evaluation:
        """The same from what other codes hand over: atoms with their periodic images, and a neighbour list.

        coordinates: (M, 3), Å, local atoms first. types: (M,). neighbors: (N, any width), indices into the M atoms,
        -1 where empty, in any order. mapping: (M,), the local atom of which each is an image. Forces on images are
        added to their local atoms'. Source: section 1.4 of the specification.
        """
        index, origin = host_array(neighbors, "neighbors"), host_array(mapping, "mapping")
        extended = checked(System(coordinates, types), self.type_map, "extended system")
        limits, n = self.cutoffs.repinit, len(index)
        found = from_list(
            extended.coordinates, extended.types, index, origin, n, *limits,
            excluded_pairs=self.config.model_excluded_pairs, neighbors=mode, type_map=self.type_map,
        )  # fmt: skip
        local = System(extended.coordinates[:n], extended.types[:n], None, fparam, aparam)
        self.check_blocks(found, local, mode)
        return self.compute([self.checked(local)], [found])[0]

    def hessian(self, coordinates, types, cell=None, *, neighbors="strict", fparam=None, aparam=None):
        """∂²E/∂r∂r (N, 3, N, 3), eV/Å², of a small system: 3 N times the cost of forces. Arguments as `evaluate`.

        Exact on PyTorch and JAX; central differences of the forces on NumPy, good to about 1e-9.

        >>> import dpa2
        >>> dpa2.load(dpa2.demo.MODEL).hessian([[0, 0, 0], [0.96, 0, 0]], ["O", "H"]).shape
        (2, 3, 2, 3)
        """
        system = System(coordinates, types, cell, fparam, aparam)
        return hessian(self.program, self.backend, self.prepare_systems([system], neighbors=neighbors))

    def prepare_systems(self, systems: Sequence[System], *, neighbors="strict") -> Prepared:
        """Neighbour lists and blocks of systems, for `as_module` and `as_pytree`; errors as for `evaluate`."""
        return self.prepare(*self.with_neighbors(systems, neighbors))

    def with_neighbors(self, systems: Sequence[System], mode: str) -> tuple[list[System], list[Neighbors]]:
        """Checked systems and their neighbour lists."""
        if not systems:
            raise InputError("there are no systems to evaluate", argument="systems")
        several = len(systems) > 1
        systems = [self.checked(s, s.name or (f"system {k}" if several else "")) for k, s in enumerate(systems)]
        return systems, [self.neighbors(s, mode) for s in systems]

    def as_module(self):
        """A `torch.nn.Module` over the weights, to train: `module(model.prepare_systems(systems))`."""
        if self.backend.name != "torch":
            raise BackendError(f"the model is on {self.backend.name}; model.to('torch') first", backend="torch")
        from ..backends.torch_module import as_module

        return as_module(self)

    def as_pytree(self):
        """(weights, function): a JAX pytree, and `function(weights, prepared)`, a list of `Evaluation`."""
        if self.backend.name != "jax":
            raise BackendError(f"the model is on {self.backend.name}; model.to('jax') first", backend="jax")

        def evaluate(weights: EnergyModel, prepared: Prepared, atom_virial: bool = False) -> list[Evaluation]:
            return evaluate_prepared(self.backend.fold(weights), self.backend, prepared, atom_virial)

        return self.weights, evaluate

    def checked(self, system: System, label: str = "") -> System:
        """The system as arrays, with the parameters that the fitting net asks for; or an `InputError`."""
        return with_defaults(checked(system, self.type_map, label), self.config.fitting)

    @cached_property
    def cutoffs(self) -> Cutoffs:
        """Cutoffs and capacities of the model's neighbour lists."""
        return Cutoffs.of(self.config)

    def neighbors(self, system: System, mode: str = "strict") -> Neighbors:
        """The neighbour list of a checked system."""
        pairs = self.config.model_excluded_pairs
        limits, names = self.cutoffs.repinit, self.type_map
        found = neighbor_list(system, *limits, excluded_pairs=pairs, neighbors=mode, type_map=names)
        self.check_blocks(found, system, mode)
        return found

    def check_blocks(self, found: Neighbors, system: System, mode: str):
        """With "strict", no list of the descriptor may be cut short."""
        if mode == "strict":
            named = {"three-body block": self.cutoffs.three_body, "repformer": self.cutoffs.repformer}
            check_limits(found, [(name, *limit) for name, limit in named.items() if limit], system, self.type_map)

    def prepare(self, systems, lists, virtual_type: int = 0, shape: ChunkShape | None = None) -> Prepared:
        """Blocks of atoms, on the back end."""
        shape = shape or self.backend.shape
        types = [np.where(s.types < 0, virtual_type, s.types) for s in systems]
        host = plan(types, lists, self.cutoffs, shape)
        return prepare(self.backend, self.config, host, lists, systems)
