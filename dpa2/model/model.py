"""A model as its users see it: weights on a back end, and what can be asked of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..backends.own_settings import undisturbed
from ..backends.protocol import Backend
from ..batching.table import Cutoffs
from ..config import ENERGY, DPA2Config
from ..construction.build import load_weights
from ..construction.precision import stored_precision
from ..construction.usable import require_real, require_usable
from ..errors import BackendError, InputError, shorten
from ..evaluation.evaluate import evaluate, in_words, require_outputs
from ..evaluation.halo import Halo
from ..evaluation.hessian import checked_vectors, hessian, hessian_products
from ..evaluation.outputs import OUTPUTS, Result
from ..evaluation.prepared import Prepared
from ..evaluation.results import Evaluation, stacked
from ..evaluation.values import require_mean
from ..fitting.atomic_model import AtomicModel, AtomicProgram
from ..neighbors import Neighbors, from_list
from ..nn.arrays import Array
from ..nn.module import Leaf, leaves, map_leaves, map_roles
from ..serialization.checkpoint import Checkpoint
from ..structures.given import is_structure, structure_of
from ..structures.parameters import refuse_unasked, with_parameters
from ..structures.system import System, checked, frames, host_array, listed, refuse_masked
from .acceleration import Acceleration, accelerated
from .descriptor_view import DescriptorView
from .empty_part import virtual_atom, without_atoms
from .extrapolation import warn_of_extrapolation
from .placement import destination, moved
from .potential import Potential, Source
from .preparation import check_system, in_chunks, in_turns, require_room, with_neighbors
from .truncation import warn_of_truncation


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A DPA-2 model on one of the array libraries; made by `dpa2.load`, `dpa2.build` or `model.to`.

    Immutable: every method that changes something returns another model. Source: sections 1-12 of the specification.
    """

    config: DPA2Config
    weights: AtomicModel
    backend: Backend
    metadata: dict[str, Any] = field(default_factory=dict)
    acceleration: Acceleration | None = None

    def __repr__(self) -> str:
        """Types, cutoff, size, precision and place, not the weights."""
        numbers = sum(math.prod(array.shape) for array in leaves(self.weights).values())
        size = f"{numbers} numbers in {self.config.dtype}"
        place = f"{self.backend.name} on {self.backend.device}"
        size = size if self.kind == ENERGY else f"{in_words(self.config)}; {size}"
        return f"Model(types {listed(self.type_map)}; cutoff {self.cutoff:g} Å; {size}; {place})"

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        backend: str = "numpy",
        dtype: Any = None,
        device: str | None = None,
        source: str = "",
        done: dict | None = None,
    ) -> Model:
        """Return the model of a `Checkpoint` on a back end, in the file's precision or in `dtype`.

        source: the file that errors name. done: arrays that were moved already, for models that share some.

        Raises `FormatError` for a number that is NaN or infinite, and for a standard deviation of 0 (facts: tensor,
        index).
        """
        target, config = destination(checkpoint.config, backend, device, dtype)
        require_usable(checkpoint.weights, source)
        host = load_weights(checkpoint.config, checkpoint.weights, source)
        with target.own_settings():
            weights = moved(host, None, target, config, {} if done is None else done)
        return cls(config, weights, target, checkpoint.metadata)

    @undisturbed
    def to(
        self,
        backend: str | None = None,
        *,
        device: str | None = None,
        dtype: Any = None,
        chunk: int | None = None,
        deterministic: bool | None = None,
    ) -> Model:
        """Return the same model on another back end, device or in another precision.

        backend: if None, the present one, on the present device unless another is given. dtype: "float64", "float32",
        "bfloat16" or "float16", or such a dtype of an array library.
        chunk: how many atoms are worked on together; the back end knows what is fast, fewer take less memory.
        deterministic: whether the same evaluation in the same process gives the same bits on a GPU, too, where sums
        over atoms and edges otherwise have no fixed order; if None, as before unless the library changes. NumPy and
        libraries of the array-API standard always add in a fixed order. No setting of the process is changed, so
        derivatives by weights and Hessians are left out: a library's own derivatives add as the library does.

        Raises `BackendError` where the library cannot do that, `MissingDependency` where it is not installed.
        """
        if backend is None:
            backend, device = self.backend.name, device or self.backend.device
        if deterministic is None:
            deterministic = self.backend.deterministic and self.backend.name == backend
        target, config = destination(self.config, backend, device, dtype, chunk, deterministic)
        weights = moved(self.weights, self.backend, target, config, {})
        return replace(self, config=config, weights=weights, backend=target)

    def state_dict(self) -> dict[str, Array]:
        """Return the weights by their canonical names, as arrays of the model's library.

        They are the model's own: copy them before you change them.

        >>> import dpa2
        >>> dpa2.load(dpa2.demo.MODEL).state_dict()["fitting.layers.0.weight"].shape
        (17, 9)
        """
        return leaves(self.weights)

    @undisturbed
    def with_state(self, state: Mapping[str, Array] | AtomicModel) -> Model:
        """Return the same model with other weights, which are copied and rounded to its precision.

        state: arrays by their canonical names, as of `state_dict` and of the module of `as_module`; or a pytree, as the
        one of `as_pytree`.

        Raises `FormatError` for a tensor that is missing, left over, of another shape, or no real numbers, for a NaN or
        an infinity, and for a standard deviation of 0.
        """
        state = leaves(state) if isinstance(state, AtomicModel) else state
        if not isinstance(state, Mapping):
            wanted = "arrays by their names or the pytree of `as_pytree`"
            raise InputError(f"state: is {shorten(state)}; must be {wanted}", argument="state")
        arrays = {name: self.host_copy(array) for name, array in state.items()}
        require_real(arrays)
        host = load_weights(self.config, arrays)
        require_usable(leaves(host))
        return replace(self, weights=moved(host, None, self.backend, self.config, {})).require_acceleration()

    def host_copy(self, array: Array) -> np.ndarray:
        """Return a copy of an array of the model's library or of NumPy, which no later training changes."""
        refuse_masked(array, "state")
        return np.array(self.backend.to_numpy(self.backend.asarray(array)))

    @undisturbed
    def checkpoint(self, done: dict | None = None) -> Checkpoint:
        """Return configuration and weights as they are written to files, in the precisions that files have.

        JAX without float64 keeps even those tensors in float32 that files have in float64. done: arrays that were
        brought to the host already, for models that share some.
        """
        known = {} if done is None else done

        def stored(leaf: Leaf, array: Array) -> np.ndarray:
            key = id(array), stored_precision(self.config, leaf)
            if key not in known:
                known[key] = array, self.backend.to_numpy(array).astype(key[1], copy=False)
            return known[key][1]

        return Checkpoint(self.config, leaves(map_roles(stored, self.weights)), self.metadata)

    def on_host(self) -> AtomicModel:
        """Return the weights as NumPy arrays."""
        return map_leaves(lambda name, array: self.backend.to_numpy(array), self.weights)

    def __reduce__(self) -> tuple:
        """Return what makes the same model in another process: weights on the host, and the name of the back end."""
        return Model.unpickled, (self.config, self.on_host(), self.backend, self.metadata, self.acceleration)

    @classmethod
    def unpickled(cls, config: Any, host: Any, backend: Any, metadata: Any, acceleration: Any) -> Model:
        """Return the model with NumPy arrays as weights on a back end; the program is made when it is used."""
        return cls(config, moved(host, None, backend, config, {}), backend, metadata, acceleration)

    @property
    def type_map(self) -> tuple[str, ...]:
        """Names of the types, in the order of their indices."""
        return self.config.types

    @property
    def kind(self) -> str:
        """Return the kind of the prediction: "energy", "property", "dos", "dipole" or "polarizability"."""
        return self.config.kind

    def require_energies(self, purpose: str) -> None:
        """Raise `InputError` where a model that predicts something else is asked for what needs energies."""
        if self.kind != ENERGY:
            rule = f"{purpose} needs a model that predicts energies; this one predicts {in_words(self.config)}"
            raise InputError(f"kind = {self.kind!r}: {rule}", argument="model", kind=self.kind)

    @property
    def cutoff(self) -> float:
        """The distance, Å, up to which neighbours of an atom enter its energy directly."""
        return self.cutoffs.repinit[0]

    @property
    def descriptor(self) -> DescriptorView:
        """The descriptor alone."""
        worker = self.worker
        return DescriptorView(worker.config, worker.backend, worker.program.descriptor, self.adopted)

    @cached_property
    @undisturbed
    def program(self) -> AtomicProgram:
        """The model ready to run: what depends on weights alone is computed once, on the host."""
        return moved(self.on_host().fold(), None, self.backend, self.config, {})

    @cached_property
    @undisturbed
    def fast_program(self) -> AtomicProgram:
        """The model ready to run, its embedding nets expanded if that was asked for."""
        if self.acceleration is None:
            return self.program
        expanded = accelerated(self.on_host().fold(), self.acceleration.closest, self.acceleration.tolerance)
        return moved(expanded, None, self.backend, self.config, {})

    @undisturbed
    def accelerate(self, tolerance: float = 1e-12, closest: float = 0.5) -> Model:
        """Return the same model with its embedding nets expanded in Chebyshev polynomials.

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
        return replace(self, acceleration=Acceleration(tolerance, closest)).require_acceleration()

    def require_acceleration(self) -> Model:
        """Return the model itself, or refuse now, not at the first evaluation, nets that cannot be expanded."""
        if self.acceleration is not None:
            self.worker.fast_program  # noqa: B018
        return self

    def program_for(self, lists: Sequence[Neighbors]) -> AtomicProgram:
        """Return the fast program, if there is one and no two atoms are too close for it."""
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
        return replace(self, weights=self.on_host(), backend=backend)

    def evaluate(
        self,
        coordinates: Any,
        types: Any = None,
        cell: Any = None,
        *,
        neighbors: str = "strict",
        fparam: Array | None = None,
        aparam: Array | None = None,
        atom_virial: bool = False,
        gradient: bool = False,
    ) -> Result:
        """Return energy, forces and virial of a structure, or of snapshots of it, or what else the model predicts.

        The result is an `Evaluation`; that of another kind (`model.kind`) has a class of its own in
        `dpa2.evaluation.outputs`, such as `DipoleEvaluation` with `dipole` and `atom_dipole`.

        coordinates: (N, 3) or (snapshots, N, 3), Å; or, alone, a `System`, a frame of a data set or ASE atoms.
        types: N indices into `type_map` (-1: virtual atom; indices, not atomic numbers) or N of its names.
        cell: rows are the lattice vectors, Å; None without periodicity. fparam: parameters of the system;
        aparam: (N, parameters). neighbors: "strict", or "truncate" to keep the nearest where an atom has more
        neighbours than the model holds, as DeePMD-kit does (energies then jump where a neighbour enters or leaves
        that set, and a `TruncationWarning` says so). atom_virial: whether to compute its partition among atoms too,
        at four times the cost. gradient: for models of other kinds, whether to compute the derivatives of each
        component of the system's value by the coordinates too, at the cost of forces for each of them.

        Raises `InputError` for anything wrong with the structure, and for outputs that models of this kind do not have;
        `TooManyNeighbors` with "strict".

        >>> import dpa2
        >>> model = dpa2.load(dpa2.demo.MODEL)
        >>> out = model.evaluate([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
        >>> out.forces.shape, bool(abs(out.forces.sum(axis=0)).max() < 1e-12)
        ((3, 3), True)
        """
        refuse_unasked(self.config.fitting, fparam, aparam)
        if is_structure(coordinates) or types is None or host_array(coordinates, "coordinates").ndim != 3:
            system = structure_of(coordinates, types, cell, fparam, aparam)
            return self.evaluate_many([system], neighbors=neighbors, atom_virial=atom_virial, gradient=gradient)[0]
        systems = with_parameters(frames(coordinates, types, cell), fparam, aparam)
        return stacked(self.evaluate_many(systems, neighbors=neighbors, atom_virial=atom_virial, gradient=gradient))

    @undisturbed
    def evaluate_many(
        self,
        systems: Iterable[Any],
        *,
        neighbors: str = "strict",
        atom_virial: bool = False,
        gradient: bool = False,
        memory: int | None = None,
    ) -> list[Result]:
        """Return a result for each of several systems of any sizes. Other arguments and errors as for `evaluate`.

        systems: a list, a generator or a data set; each is a `System`, a frame of a data set, ASE atoms or a tuple
        (coordinates, types, cell). Parameters that a system brings and the model does not take are left out.
        memory: bytes that the pass may take (an estimate, without what libraries need for themselves); systems that
        together take more are evaluated in turns, and one that alone takes more is an `InputError`.
        """
        require_outputs(self.config, atom_virial, gradient)
        found, lists = with_neighbors(self.config, systems, neighbors)
        warn_of_truncation(self.config, found, lists)
        together = in_turns(self.config, self.worker.backend, lists, memory)
        return [r for here in together for r in self.compute(found[here], lists[here], atom_virial, gradient)]

    @undisturbed
    def compute(
        self,
        systems: Sequence[System],
        lists: Sequence[Neighbors],
        atom_virial: bool = False,
        gradient: bool = False,
        halo: Halo | None = None,
    ) -> list[Result]:
        """Return the results of systems that are checked already, with their neighbour lists.

        halo: for one system, of which this process has some atoms and others the rest; its list numbers remote atoms
        behind own ones. Energy and virial are then those of own atoms and their edges, forces are complete. Raises
        `InputError` for a halo and a model of another kind.
        """
        if halo is not None:
            self.require_energies("an evaluation by several processes")
            if len(systems[0].types) == 0:
                one, alone = virtual_atom(systems[0])
                return [without_atoms(self.compute([one], [alone], atom_virial, halo=halo)[0])]
        worker = self.worker
        warn_of_extrapolation(self, lists)
        ready = in_chunks(worker.config, worker.backend, systems, lists, halo=halo)
        options = {"atom_virial": atom_virial, "gradient": gradient}
        found = evaluate(worker.config, worker.program_for(lists), worker.backend, ready, **options)
        return [self.adopted(result) for result in found]

    def adopted(self, result: Any) -> Any:
        """Return a result of the worker as arrays of this model's library."""
        if self.worker is self:
            return result
        fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name != "volume"}
        arrays = {n: self.backend.asarray(x) for n, x in fields.items() if x is not None}
        return replace(result, **arrays)

    @undisturbed
    def evaluate_extended(
        self,
        coordinates: Any,
        types: Any,
        neighbor_index: Any,
        mapping: Any,
        *,
        neighbors: str = "strict",
        fparam: Array | None = None,
        aparam: Array | None = None,
    ) -> Result:
        """Return the same from what other codes hand over: atoms with their periodic images, and a neighbour list.

        coordinates: (M, 3), Å, local atoms first. types: (M,). neighbor_index: (N, any width), indices into the M
        atoms, -1 where empty, in any order; a full list, which has every pair within the cutoff from both sides.
        mapping: (M,), the local atom of which each is an image. Forces on images are added to their local atoms'. A
        domain without atoms of its own (N = 0) has no energy; an intensive property is the mean over the N atoms.
        neighbors: as for `evaluate`.

        Raises `InputError` for a pair that only one of its atoms lists, or lists twice (facts: atom, other, distance).

        Source: section 1.4 of the specification.
        """
        refuse_unasked(self.config.fitting, fparam, aparam)
        index, origin = np.atleast_1d(host_array(neighbor_index, "neighbor_index")), host_array(mapping, "mapping")
        limits, n = self.cutoffs.repinit, len(index)
        if n == 0:
            return self.of_no_atoms()
        extended = checked(System(coordinates, types), self.type_map, "extended system")
        found = from_list(
            extended.coordinates, extended.types, index, origin, n, *limits,
            excluded_pairs=self.config.model_excluded_pairs, neighbors=neighbors, type_map=self.type_map,
        )  # fmt: skip
        local = System(extended.coordinates[:n], extended.types[:n], None, fparam, aparam)
        require_room(self.config, found, local, neighbors)
        warn_of_truncation(self.config, [local], [found])
        return self.compute([check_system(self.config, local)], [found])[0]

    def of_no_atoms(self) -> Result:
        """Return the results of a domain without atoms: sums are zero, there are no forces."""
        shapes: tuple[tuple[int, ...], ...] = (), (0, 3), (3, 3), (0,)
        if self.kind != ENERGY:
            require_mean(self.config, 0)
            shapes = self.config.value_shape, (0, *self.config.value_shape)
        result = OUTPUTS.get(self.kind, Evaluation)
        return result(*(self.backend.asarray(np.zeros(shape), self.backend.wide()) for shape in shapes))

    @undisturbed
    def hessian(
        self,
        coordinates: Any,
        types: Any = None,
        cell: Any = None,
        *,
        neighbors: str = "strict",
        fparam: Array | None = None,
        aparam: Array | None = None,
    ) -> Array:
        """Return ∂²E/∂r∂r (N, 3, N, 3), eV/Å², of a small system: 3 N times the cost of forces.

        Arguments and errors as for `evaluate`. Exact on PyTorch, JAX and Paddle; elsewhere central differences of
        the forces, good to about 1e-9, which are taken in float64 whatever the precision of the model.

        >>> import dpa2
        >>> dpa2.load(dpa2.demo.MODEL).hessian([[0, 0, 0], [0.96, 0, 0]], ["O", "H"]).shape
        (2, 3, 2, 3)
        """
        self.require_energies("a Hessian")
        return hessian(*self.for_hessian(coordinates, types, cell, fparam, aparam, neighbors))

    @undisturbed
    def hessian_product(
        self,
        coordinates: Any,
        types: Any = None,
        cell: Any = None,
        vectors: Any = None,
        *,
        neighbors: str = "strict",
        fparam: Array | None = None,
        aparam: Array | None = None,
    ) -> Array:
        """Return H v in the shape of `vectors`, where H is the Hessian ∂²E/∂r∂r, eV/Å², which is not formed.

        vectors: (N, 3), or (K, N, 3) for several, which cost less together than one by one; if displacements in Å, the
        result is minus the change of forces in eV/Å to first order, at fixed neighbours. Other arguments and errors as
        for `evaluate`; the first one may be a whole structure: `hessian_product(atoms, vectors=v)`. Exact on PyTorch,
        JAX and Paddle, at the cost of some evaluations, and for K vectors of K pullbacks. Elsewhere four evaluations
        in float64 for each vector: central differences of the forces for displacements up to 2e-4 Å, good to about
        1e-9 of the largest element of H times the largest number of the vector.

        Raises `InputError` if `vectors` have another shape or are not finite (facts: argument).

        >>> import dpa2
        >>> model = dpa2.load(dpa2.demo.MODEL)
        >>> water = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
        >>> stretch = [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
        >>> product = model.hessian_product(*water, vectors=stretch)
        >>> product.shape, bool(abs(product - model.hessian(*water)[1, 0]).max() < 1e-8)
        ((3, 3), True)
        """
        self.require_energies("a Hessian")
        given = self.for_hessian(coordinates, types, cell, fparam, aparam, neighbors)
        many, single = checked_vectors(vectors, given[-1].atoms[0])
        products = hessian_products(*given, many)
        return products[0, ...] if single else products

    def for_hessian(
        self, coordinates: Any, types: Any, cell: Any, fparam: Any, aparam: Any, neighbors: str
    ) -> tuple[AtomicProgram, Backend, Prepared]:
        """Return what second derivatives of a structure are taken with: float64 where they are differences."""
        refuse_unasked(self.config.fitting, fparam, aparam)
        system = structure_of(coordinates, types, cell, fparam, aparam)
        worker = self if self.backend.differentiates else self.to(dtype="float64")
        return worker.program, worker.backend, worker.prepare_systems([system], neighbors=neighbors)

    @undisturbed
    def potential(
        self,
        coordinates: Any,
        types: Any = None,
        cell: Any = None,
        *,
        skin: float = 1.0,
        fparam: Array | None = None,
        aparam: Array | None = None,
    ) -> Potential:
        """Return energy, forces and virial of a system as a function of its positions, for many steps of a simulation.

        `potential(positions)` gives (energy, forces, virial) on the model's library and device. Neighbours come from
        candidates within the cutoff plus `skin`, Å, that were found once: equal to `evaluate` up to rounding until
        `potential.stale(positions)`, and NaN from then on. `potential.renew(positions)` returns a new one. Other
        arguments and errors as for `evaluate`; lists are never cut.

        >>> import numpy as np, dpa2
        >>> model = dpa2.load(dpa2.demo.MODEL)
        >>> water = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
        >>> potential = model.potential(water, ["O", "H", "H"])
        >>> energy, forces, virial = potential(water + [[0.1, 0, 0], [0, 0, 0], [0, 0, 0]])
        >>> forces.shape, bool(potential.stale(2 * water))
        ((3, 3), True)
        """
        self.require_energies("a potential")
        refuse_unasked(self.config.fitting, fparam, aparam)
        system = check_system(self.config, structure_of(coordinates, types, cell, fparam, aparam))
        return Source.of(self, system, skin).potential(system.coordinates, system.cell)

    @undisturbed
    def prepare_systems(self, systems: Iterable[Any], *, neighbors: str = "strict") -> Prepared:
        """Return systems in chunks, for `as_module` and `as_pytree`; arguments and errors as for `evaluate_many`."""
        found, lists = with_neighbors(self.config, systems, neighbors)
        warn_of_truncation(self.config, found, lists)
        return in_chunks(self.config, self.backend, found, lists)

    def as_module(self) -> Any:
        """Return a `torch.nn.Module` over the weights, to train: `module(model.prepare_systems(systems))`.

        Parameters that the configuration freezes (`trainable`, `trainable_norm`) do not require gradients; statistics
        and output bias are buffers.
        """
        self.require_backend("torch")
        from ..backends.torch_module import as_module

        return as_module(self.config, self.weights, self.backend)

    def as_pytree(self) -> tuple[AtomicModel, Callable[..., list[Evaluation]]]:
        """Return (weights, function): a JAX pytree, and `function(weights, prepared)`, a list of `Evaluation`.

        Gradients by parameters that the configuration freezes, by statistics and by the output bias are zero.
        """
        self.require_backend("jax")
        from ..backends.pytrees import as_pytree

        return as_pytree(self.config, self.weights, self.backend)

    def require_backend(self, name: str) -> None:
        """Raise a `BackendError` on another back end."""
        if self.backend.name != name:
            raise BackendError(f"the model is on {self.backend.name}; model.to('{name}') first", backend=name)

    @property
    def cutoffs(self) -> Cutoffs:
        """Cutoff and max_neighbors of each of the model's neighbour lists."""
        return Cutoffs.of(self.config)
