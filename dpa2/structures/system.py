"""Structures to evaluate a model on, and the checks that they pass before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..errors import InputError, shorten
from ..nn.arrays import Float, Int
from .lattice import EVERYWHERE, NOWHERE, Periodic, completed

FARTHEST = 1e12  # largest coordinate, Å; there float64 resolves 1e-4 Å, and squares of it do not overflow
ABSENT = -2  # stands for a type that the model does not have
SINGULAR = 1e-8  # smallest volume of a cell, relative to the product of its edges; half of the digits are lost there


@dataclass(frozen=True, eq=False, repr=False)
class System:
    """Atoms, their types and, if periodic, their cell; arrays of any library, or nested lists.

    It holds what it is given; `checked` makes NumPy arrays of it or raises `InputError`.

    Attributes
    ----------
    coordinates
        Positions (N, 3), Å, anywhere inside or outside of the cell.
    types
        Indices (N,) of types, -1 for a virtual atom; or N names of types. Indices are not atomic numbers.
    cell
        Lattice vectors as the rows of (3, 3), Å; None for a cluster. Those of axes that are not periodic are not used.
    frame_parameters
        Frame parameters (n,) of the fitting net, or None.
    atom_parameters
        Atomic parameters (N, n) of the fitting net, or None.
    name
        Name of the structure in error messages.
    type_map
        Names of the types that indices stand for; None if they are indices into a model's `type_map`.
    pbc
        Whether the structure is periodic along each axis: three booleans, or one for all; None for all with a cell.

    Examples
    --------
    >>> water = System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    >>> checked(water, ("O", "H")).types
    array([0, 1, 1])
    """

    coordinates: Any
    types: Any
    cell: Any = None
    frame_parameters: Any = None
    atom_parameters: Any = None
    name: str = ""
    type_map: Sequence[str] | None = None
    pbc: Any = None

    def __repr__(self) -> str:
        """Composition and periodicity, not arrays."""
        name = f"{self.name}: " if self.name else ""
        try:
            periodic = checked_pbc(self.pbc, self.cell, "")
        except InputError:
            return f"System({name}{composition(self)}, pbc = {shorten(self.pbc)})"
        axes = ", ".join(axis for axis, repeats in zip("abc", periodic, strict=True) if repeats)
        where = {0: "not periodic", 3: "periodic"}.get(sum(periodic), f"periodic along {axes}")
        return f"System({name}{composition(self)}, {where})"

    @classmethod
    def from_ase(cls, atoms: Any, fparam: Any = None, aparam: Any = None, name: str = "") -> System:
        """Return the structure of an `ase.Atoms`, with the names of its elements as types.

        Parameters
        ----------
        atoms
            Anything with `positions`, `get_chemical_symbols()`, `cell` and `pbc` as ASE has them.
        fparam, aparam
            Frame and atomic parameters; if None, those in `atoms.info["fparam"]` and `atoms.arrays["aparam"]`.
        name
            Name of the structure in error messages.

        Raises
        ------
        InputError
            The atoms are periodic along an axis without a lattice vector (facts: argument).
        """
        pbc, vectors = np.asarray(atoms.pbc, dtype=bool), np.asarray(atoms.cell)
        if not vectors[pbc].any(axis=1).all():
            rule = "the lattice vector of a periodic axis is zero; give a cell, or set pbc = False along that axis"
            refuse(name, "atoms", f"pbc = {pbc.tolist()}, and the cell is {vectors.tolist()}: {rule}")
        cell = vectors if pbc.any() else None
        given = getattr(atoms, "info", {}).get("fparam") if fparam is None else fparam
        own = getattr(atoms, "arrays", {}).get("aparam") if aparam is None else aparam
        given = None if given is None else np.atleast_1d(host_array(given, "fparam", name))
        own = None if own is None else host_array(own, "aparam", name)
        own = own[:, None] if own is not None and own.ndim == 1 else own  # one parameter for each atom
        return cls(atoms.positions, atoms.get_chemical_symbols(), cell, given, own, name, None, pbc)


def composition(system: System) -> str:
    """Return how many atoms of each type a structure has, as O64 H128; their number alone for types that are no list.

    >>> composition(System([[0, 0, 0]] * 3, [1, 0, 1], type_map=("O", "H")))
    'O1 H2'
    """
    try:
        types = host_array(system.types, "types")
        kinds, counts = np.unique(types, return_counts=True)
    except InputError:
        return f"types = {shorten(system.types)}"
    names = None if types.dtype.kind in "US" or system.type_map is None else system.type_map
    if types.dtype.kind in "US":
        named = [str(kind) for kind in kinds]
    elif names is None:
        return f"{types.size} atoms"
    else:
        named = [names[kind] if 0 <= kind < len(names) else "virtual " for kind in kinds]
    return listed([f"{name}{count}" for name, count in zip(named, counts, strict=True)], " ")


def listed(names: Sequence[str], separator: str = ", ", most: int = 8) -> str:
    """Return names in a row, of many the first few and how many there are.

    >>> listed(["O", "H"]), listed([str(k) for k in range(118)], most=3)
    ('O, H', '0, 1, 2, ... (118)')
    """
    few = separator.join(names[:most])
    return few if len(names) <= most else f"{few}{separator}... ({len(names)})"


def refuse(system: str, argument: str, what: str, **facts: Any) -> NoReturn:
    """Raise an `InputError` that names the argument and the system."""
    where = f" of {system}" if system else ""
    raise InputError(f"{argument}{where}: {what}", system=system, argument=argument, **facts)


def host_array(value, argument: str, system: str = "") -> np.ndarray:
    """Return any array (of an array library, nested lists) as a NumPy array of numbers or strings."""
    refuse_masked(value, argument, system)
    if hasattr(value, "detach"):  # a PyTorch tensor that is on a device or tracks gradients does not convert by itself
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        refuse(system, argument, f"cannot be read as an array ({error})")
    if array.dtype.kind not in "biufUS":
        refuse(system, argument, f"holds {array.dtype}; must hold numbers")
    return array


def are_real(types: Any) -> np.ndarray:
    """Return for each atom whether it is real, from indices of types, of which those below 0 are virtual, or names.

    >>> are_real([0, -1, 1]).tolist(), are_real(["O", "H"]).tolist()
    ([True, False, True], [True, True])
    """
    found = host_array(types, "types")
    return found >= 0 if found.dtype.kind in "iuf" else np.ones(len(found), dtype=bool)


def refuse_masked(value: Any, argument: str, system: str = "") -> None:
    """Raise an `InputError` for a masked array."""
    if is_masked(value):
        rule = "whose masked entries would be read as data; pass it without a mask"
        refuse(system, argument, f"is a masked array, {rule}")


def is_masked(value: Any) -> bool:
    """Return whether a value is a masked array of NumPy, or a nested list that holds one."""
    return isinstance(value, np.ma.MaskedArray) or (isinstance(value, (list, tuple)) and any(map(is_masked, value)))


def numbers(value, argument: str, system: str) -> np.ndarray:
    """Return an array of real numbers as float64."""
    array = host_array(value, argument, system)
    if array.dtype.kind not in "iuf":
        refuse(system, argument, f"holds {array.dtype}; must hold real numbers")
    return array.astype(np.float64)


def checked(system: System, type_map: Sequence[str], label: str = "") -> System:
    """Return the system with float64 and int64 NumPy arrays of the right shapes.

    Parameters
    ----------
    system
        The system as a user gave it.
    type_map
        Names of a model's types, in whose order indices are returned; names of types are looked up in it.
    label
        Name of the system in error messages; its own name if empty.

    Raises
    ------
    InputError
        Something about the system is not valid (facts: system, argument and, if one atom is to blame, atom).

    Notes
    -----
    Source: section 1.1 of the specification.

    Examples
    --------
    >>> checked(System([[0, 0, 0], [1, 0, 0]], ["H", "O"]), ("O", "H")).types
    array([1, 0])
    >>> checked(System([[0, 0, 0], [1, 0, 0]], [0, 1], type_map=["H", "O"]), ("O", "H")).types
    array([1, 0])
    """
    name = label or system.name
    coordinates = checked_coordinates(system.coordinates, name)
    periodic = checked_pbc(system.pbc, system.cell, name)
    return System(
        coordinates,
        checked_types(system.types, type_map, len(coordinates), name, system.type_map),
        checked_cell(system.cell, name, periodic),
        checked_frame_parameters(system.frame_parameters, name),
        checked_atom_parameters(system.atom_parameters, len(coordinates), name),
        name,
        tuple(type_map),
        periodic,
    )


def checked_coordinates(value, name: str) -> Float[np.ndarray, "atom 3"]:
    """Return positions of at least one atom, all finite."""
    coordinates = numbers(value, "coordinates", name)
    if coordinates.size == 0:
        refuse(name, "coordinates", "there are no atoms")
    if coordinates.ndim != 2 or coordinates.shape[1] != 3:
        refuse(
            name,
            "coordinates",
            f"have shape {coordinates.shape}; one structure has (atoms, 3), several have (frames, atoms, 3)",
        )
    refuse_not_finite(coordinates, "coordinates", name)
    far = np.flatnonzero((np.abs(coordinates) > FARTHEST).any(axis=1))
    if len(far):
        atom = int(far[0])
        refuse(name, "coordinates", f"atom {atom} is at {coordinates[atom].tolist()}, beyond {FARTHEST} Å", atom=atom)
    return coordinates


def refuse_not_finite(rows: np.ndarray, argument: str, name: str) -> None:
    """Raise an `InputError` that names the first atom (row) with a NaN or an infinity."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        atom = int(bad[0])
        refuse(name, argument, f"atom {atom} has {rows[atom].tolist()}; must be finite numbers", atom=atom)


def checked_types(
    value, type_map: Sequence[str], atoms: int, name: str, own: Sequence[str] | None = None
) -> np.ndarray:
    """Return one index into `type_map` for each atom; own: names of the indices that are given, None for the same."""
    types = host_array(value, "types", name)
    if types.shape != (atoms,):
        refuse(name, "types", f"have shape {types.shape} for {atoms} atoms; must have ({atoms},)")
    if types.dtype.kind in "US":
        return looked_up(as_text(types, name), tuple(type_map), name)
    if types.dtype.kind not in "iu":
        refuse(name, "types", f"are {types.dtype}; must be integers or symbols of elements")
    own = ordered_names(type_map if own is None else own, "type_map", name)
    bad = np.flatnonzero((types < -1) | (types >= len(own)))
    if len(bad):
        atom = int(bad[0])
        rule = (
            f"must lie in -1 ... {len(own) - 1} for the types {', '.join(own)}; these are indices, not atomic numbers"
        )
        refuse(name, "types", f"atom {atom} has type {types[atom]}; {rule}", atom=atom)
    types = types.astype(np.int64)
    return types if own == tuple(type_map) else translated(types, own, tuple(type_map), name)


def as_text(types: np.ndarray, name: str) -> list[str]:
    """Return names of types, which may be bytes of ASCII."""
    try:
        return types.astype(str).tolist()
    except UnicodeDecodeError as error:
        refuse(name, "types", f"hold bytes that are no text ({error})")


def ordered_names(names: Any, argument: str, name: str = "") -> tuple[str, ...]:
    """Return names of types in the order in which indices stand for them, which a set does not have."""
    if isinstance(names, (str, Set, Mapping, Iterator)):
        refuse(name, argument, f"is a {type(names).__name__}; must be a list of names, in the order of their indices")
    return tuple(names)


def translated(types: np.ndarray, own: tuple[str, ...], type_map: tuple[str, ...], name: str) -> np.ndarray:
    """Return indices into the names `own` as indices into `type_map`; virtual atoms stay -1."""
    result = np.append(index_table(own, type_map), -1)[types]
    bad = np.flatnonzero(result == ABSENT)
    if len(bad):
        refuse_unknown(int(bad[0]), own[types[bad[0]]], type_map, name)
    return result


def index_table(names: Sequence[str], type_map: Sequence[str]) -> Int[np.ndarray, "type"]:
    """Return the index of each name in the type map, `ABSENT` for a name that it does not have."""
    return np.array([type_map.index(name) if name in type_map else ABSENT for name in names], dtype=np.int64)


def refuse_unknown(atom: int, symbol: str, type_map: Sequence[str], name: str) -> NoReturn:
    """Raise an `InputError` for an atom of a type that the model does not have."""
    known = ", ".join(type_map)
    refuse(name, "types", f"atom {atom} is {symbol!r}; the model knows {known}", atom=atom, symbol=symbol)


def looked_up(symbols: list[str], type_map: tuple[str, ...], name: str) -> np.ndarray:
    """Return the indices of symbols in the type map."""
    index = {symbol: t for t, symbol in enumerate(type_map)}
    for atom, symbol in enumerate(symbols):
        if symbol not in index:
            refuse_unknown(atom, symbol, type_map, name)
    return np.array([index[symbol] for symbol in symbols], dtype=np.int64)


def checked_pbc(value, cell: Any, name: str) -> Periodic:
    """Return whether the structure is periodic along each axis; without a cell, it is along none."""
    if value is None:
        return NOWHERE if cell is None else EVERYWHERE
    flags = host_array(value, "pbc", name)
    if flags.shape not in ((), (3,)) or not np.isin(flags, (0, 1)).all():
        refuse(name, "pbc", f"{flags.tolist()}: must be three booleans, or one for all axes")
    x, y, z = np.broadcast_to(flags.astype(bool), 3).tolist()
    if cell is None and (x or y or z):
        refuse(name, "cell", f"is missing, and pbc = {[x, y, z]}; give lattice vectors, or set pbc = False")
    return x, y, z


def volume_of(system: System) -> float | None:
    """Return the volume of a checked structure in Å³; None where it is not periodic along all three axes."""
    return abs(float(np.linalg.det(system.cell))) if system.pbc == EVERYWHERE else None


def checked_cell(value, name: str, periodic: Periodic = EVERYWHERE) -> Float[np.ndarray, "3 3"] | None:
    """Return three finite lattice vectors that do not lie in a plane, or None for a cluster.

    periodic: along which axes the structure is periodic; the others get unit vectors, whatever is given for them.
    """
    if value is None or not any(periodic):
        return None
    cell = numbers(value, "cell", name)
    if cell.shape not in ((3, 3), (9,)):
        refuse(name, "cell", f"has shape {cell.shape}; must be (3, 3) with the lattice vectors as rows")
    cell = np.where(np.array(periodic)[:, None], cell.reshape(3, 3), 0.0)
    if not (np.abs(cell) <= FARTHEST).all():
        refuse(name, "cell", f"{cell.tolist()} holds numbers that are not finite or beyond {FARTHEST} Å")
    if not cell.any():
        refuse(name, "cell", "is zero; pass None for a structure without a cell")
    cell = completed(cell, periodic)
    lengths = np.linalg.norm(cell, axis=1)
    if not lengths.all() or abs(np.linalg.det(cell / lengths[:, None])) < SINGULAR:
        refuse(name, "cell", f"the lattice vectors {cell.tolist()} lie in a plane")
    return cell


def checked_frame_parameters(value, name: str) -> Float[np.ndarray, "parameter"] | None:
    """Return the parameters of a frame, all finite."""
    if value is None:
        return None
    parameters = numbers(value, "frame_parameters", name)
    if parameters.ndim != 1:
        refuse(name, "frame_parameters", f"have shape {parameters.shape}; must have one axis")
    if not np.isfinite(parameters).all():
        refuse(name, "frame_parameters", f"{parameters.tolist()} are not all finite")
    return parameters


def checked_atom_parameters(value, atoms: int, name: str) -> Float[np.ndarray, "atom parameter"] | None:
    """Return the parameters of all atoms, all finite."""
    if value is None:
        return None
    parameters = numbers(value, "atom_parameters", name)
    if parameters.ndim != 2 or len(parameters) != atoms:
        wanted = f"({atoms}, number of parameters)"
        refuse(name, "atom_parameters", f"have shape {parameters.shape} for {atoms} atoms; must have {wanted}")
    refuse_not_finite(parameters, "atom_parameters", name)
    return parameters


def frames(coordinates: Any, types: Any, cell: Any = None) -> list[System]:
    """Return one system for each frame of a trajectory of N atoms; `checked` examines each of them later.

    Parameters
    ----------
    coordinates
        Positions (frames, N, 3), Å.
    types
        Types (N,) of all frames, or (frames, N).
    cell
        None, or lattice vectors (3, 3) of all frames or (frames, 3, 3), Å; nine numbers may stand for 3 × 3.

    Raises
    ------
    InputError
        The numbers of frames disagree (facts: argument).

    Examples
    --------
    >>> import numpy as np
    >>> [system.coordinates.shape for system in frames(np.zeros((2, 5, 3)), [0] * 5)]
    [(5, 3), (5, 3)]
    """
    coordinates = host_array(coordinates, "coordinates")
    if coordinates.ndim != 3:
        refuse("", "coordinates", f"have shape {coordinates.shape}; must have (frames, atoms, 3)")
    count = len(coordinates)
    types = per_frame(host_array(types, "types"), "types", 1, count)
    cells = None if cell is None else host_array(cell, "cell")
    if cells is not None:
        cells = per_frame(cells, "cell", 2 if cells.shape[-2:] == (3, 3) else 1, count)
    own = [None] * count if cells is None else list(cells)
    return [System(coordinates[k], types[k], own[k], name=f"frame {k}") for k in range(count)]


def per_frame(array: np.ndarray, argument: str, inner: int, count: int) -> np.ndarray:
    """Return the array with a leading axis of frames; without one, it is repeated for all frames."""
    if array.ndim == inner:
        return np.broadcast_to(array, (count, *array.shape))
    if array.ndim != inner + 1 or len(array) != count:
        refuse("", argument, f"has shape {array.shape} for {count} frames")
    return array
