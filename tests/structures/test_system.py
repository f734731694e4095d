"""Systems at the border: what is accepted, what becomes of it, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpa2.errors import InputError
from dpa2.structures.lattice import fractional, wrapped
from dpa2.structures.system import System, checked, frames

TYPES = ("O", "H")
WATER = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def water(**changes) -> System:
    return System(**{"coordinates": WATER, "types": [0, 1, 1], "cell": np.eye(3) * 9.0, **changes})


def library(name: str):
    """A function that makes arrays of float32 or int32."""
    if name == "torch":
        torch = pytest.importorskip("torch")
        return lambda x: torch.tensor(np.asarray(x)).to(
            torch.int32 if np.asarray(x).dtype.kind == "i" else torch.float32
        )
    if name == "jax":
        jnp = pytest.importorskip("jax.numpy")
        return lambda x: jnp.asarray(x, dtype=jnp.int32 if np.asarray(x).dtype.kind == "i" else jnp.float32)
    if name == "paddle":
        paddle = pytest.importorskip("paddle")
        return lambda x: paddle.to_tensor(np.asarray(x)).astype(
            "int32" if np.asarray(x).dtype.kind == "i" else "float32"
        )
    if name == "numpy":
        return lambda x: np.asarray(x, dtype=np.int32 if np.asarray(x).dtype.kind == "i" else np.float32)
    return lambda x: np.asarray(x).tolist()


@pytest.mark.parametrize("name", ["lists", "numpy", "torch", "jax", "paddle"])
def test_arrays_of_every_library_become_the_same_system(name):
    make, cell = library(name), np.eye(3) * 9.0
    given_system = System(make(WATER), make(np.array([0, -1, 1])), make(cell), make(np.ones(2)), make(np.ones((3, 1))))
    found = checked(given_system, TYPES)
    exact = name == "lists"
    assert np.array_equal(found.coordinates, WATER if exact else WATER.astype(np.float32))
    assert np.array_equal(found.cell, cell)
    assert found.types.tolist() == [0, -1, 1]
    assert found.frame_parameters.tolist() == [1.0, 1.0]
    assert found.atom_parameters.shape == (3, 1)
    floats = (found.coordinates, found.cell, found.frame_parameters, found.atom_parameters)
    assert [x.dtype.name for x in (*floats, found.types)] == 4 * ["float64"] + ["int64"]
    assert all(type(x) is np.ndarray for x in (*floats, found.types))


def test_a_tensor_that_tracks_gradients_is_accepted():
    torch = pytest.importorskip("torch")
    coordinates = torch.tensor(WATER, requires_grad=True)
    assert np.array_equal(checked(water(coordinates=coordinates), TYPES).coordinates, WATER)


def test_checking_does_not_change_or_share_what_it_is_given():
    mine = WATER.copy()
    checked(water(coordinates=mine), TYPES).coordinates[0] = 7.0
    assert np.array_equal(mine, WATER)


def test_a_checked_system_checks_to_itself():
    once = checked(water(name="box"), TYPES)
    twice = checked(once, TYPES)
    assert twice.name == "box"
    assert np.array_equal(twice.coordinates, once.coordinates)
    assert np.array_equal(twice.types, once.types)


@pytest.mark.parametrize("symbols", [["H", "O", "H"], np.array(["H", "O", "H"]), np.array([b"H", b"O", b"H"])])
def test_symbols_are_looked_up_in_the_type_map(symbols):
    assert checked(water(types=symbols), TYPES).types.tolist() == [1, 0, 1]


def test_nine_numbers_are_a_cell():
    assert checked(water(cell=[4, 0, 0, 1, 5, 0, 0, 0, 6]), TYPES).cell.tolist() == [
        [4, 0, 0],
        [1, 5, 0],
        [0, 0, 6],
    ]


def test_a_left_handed_cell_is_a_cell():
    assert checked(water(cell=np.eye(3)[[1, 0, 2]]), TYPES).cell.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_no_cell_is_a_cluster():
    assert checked(water(cell=None), TYPES).cell is None


NAN = WATER * [[1], [np.nan], [1]]
BAD = [
    ("coordinates", NAN, "atom 1 has .*nan"),
    ("coordinates", WATER + np.array([[0], [0], [-np.inf]]), "atom 2 has .*inf"),
    ("coordinates", WATER + np.array([[0], [-1e13], [0]]), "atom 1 is at .*beyond"),
    ("coordinates", WATER[:, :2], r"shape \(3, 2\)"),
    ("coordinates", WATER.ravel(), r"shape \(9,\)"),
    ("coordinates", WATER[None], r"shape \(1, 3, 3\).*frames"),
    ("coordinates", np.zeros((0, 3)), "no atoms"),
    ("coordinates", [[0, 0, 0], [0, 0]], "cannot be read as an array"),
    ("coordinates", WATER * 1j, "complex128"),
    ("coordinates", WATER > 0, "bool"),
    ("coordinates", [["a", "b", "c"]], "real numbers"),
    ("coordinates", None, "object"),
    ("types", [0, 1], r"shape \(2,\) for 3 atoms"),
    ("types", [[0, 1, 1]], r"shape \(1, 3\)"),
    ("types", 0, r"shape \(\)"),
    ("types", [0, 1, 2], "atom 2 has type 2; must lie in -1 ... 1 for the types O, H"),
    ("types", [0, -2, 1], "atom 1 has type -2"),
    ("types", np.array([0, 2**63, 1], dtype=np.uint64), "atom 1 has type 9223372036854775808"),
    ("types", [0, 0.5, 1], "float64; must be integers"),
    ("types", [0.0, 1.0, 1.0], "float64; must be integers"),
    ("types", [True, False, False], "bool; must be integers"),
    ("types", ["O", "H", "Xx"], "atom 2 is 'Xx'; the model knows O, H"),
    ("types", "OHH", r"shape \(\)"),
    ("cell", np.eye(2), r"shape \(2, 2\)"),
    ("cell", [9.0, 9.0, 9.0], r"shape \(3,\)"),
    ("cell", np.eye(3)[None], r"shape \(1, 3, 3\)"),
    ("cell", np.zeros((3, 3)), "is zero; pass None"),
    ("cell", np.zeros(9), "is zero; pass None"),
    ("cell", np.diag([1.0, 0, 1]), "in a plane"),
    ("cell", [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "in a plane"),
    ("cell", [[1e3, 0, 0], [1e3, 1e-7, 0], [0, 0, 1e3]], "in a plane"),
    ("cell", np.diag([1, np.nan, 1]), "not finite"),
    ("cell", np.diag([1, 1e200, 1]), "beyond"),
    ("frame_parameters", [[1.0]], "one axis"),
    ("frame_parameters", [np.nan], "finite"),
    ("atom_parameters", [1.0, 2.0, 3.0], r"shape \(3,\)"),
    ("atom_parameters", np.ones((2, 1)), r"shape \(2, 1\) for 3 atoms"),
    ("atom_parameters", NAN, "atom 1 has .*nan"),
]


@pytest.mark.parametrize(("argument", "value", "message"), BAD)
def test_what_no_model_could_take_is_refused_by_name(argument, value, message):
    with pytest.raises(InputError, match=f"{argument} of ice: .*{message}") as caught:
        checked(water(**{argument: value}), TYPES, label="ice")
    assert caught.value.argument == argument
    assert caught.value.system == "ice"
    if message.startswith("atom "):
        assert caught.value.atom == int(message.split()[1])


def test_a_small_cell_or_a_flat_one_is_not_singular():
    for cell in (np.eye(3) * 1e-3, np.diag([1e3, 1e3, 1e-3]), [[1, 0, 0], [100, 1, 0], [0, 0, 1]]):
        assert checked(water(cell=cell), TYPES).cell is not None


# Several frames


def test_frames_share_types_and_cell_or_have_their_own():
    coordinates = np.arange(18.0).reshape(2, 3, 3)
    shared = frames(coordinates, [0, 1, 1], np.eye(3) * 9)
    own = frames(coordinates, [[0, 1, 1], [1, 1, 0]], np.stack([np.eye(3) * 9, np.eye(3) * 8]))
    assert [checked(s, TYPES).types.tolist() for s in shared] == [[0, 1, 1], [0, 1, 1]]
    assert [checked(s, TYPES).types.tolist() for s in own] == [[0, 1, 1], [1, 1, 0]]
    assert [checked(s, TYPES).cell[0, 0] for s in shared] == [9.0, 9.0]
    assert [checked(s, TYPES).cell[0, 0] for s in own] == [9.0, 8.0]
    assert [s.name for s in own] == ["frame 0", "frame 1"]
    assert np.array_equal(np.stack([s.coordinates for s in shared]), coordinates)


def test_frames_take_nine_numbers_for_a_cell_and_symbols_for_types():
    coordinates = np.arange(27.0).reshape(3, 3, 3)
    for cell in ([9, 0, 0, 0, 9, 0, 0, 0, 9], [[9, 0, 0, 0, 9, 0, 0, 0, 9]] * 3, np.eye(3) * 9, [np.eye(3) * 9] * 3):
        found = [checked(s, TYPES) for s in frames(coordinates, ["O", "H", "H"], cell)]
        assert len(found) == 3
        assert all(np.array_equal(s.cell, np.eye(3) * 9) for s in found)
    assert [s.cell for s in frames(coordinates, ["O", "H", "H"])] == [None] * 3


@pytest.mark.parametrize(
    ("coordinates", "types", "cell", "message"),
    [
        (np.zeros((3, 3)), [0, 0, 0], None, r"coordinates: have shape \(3, 3\)"),
        (np.zeros((2, 3, 3)), np.zeros((3, 3), dtype=int), None, r"types: has shape \(3, 3\) for 2 frames"),
        (np.zeros((2, 3, 3)), [0, 0, 0], np.zeros((3, 3, 3)), r"cell: has shape \(3, 3, 3\) for 2 frames"),
        (np.zeros((2, 3, 3)), 0, None, r"types: has shape \(\)"),
    ],
)
def test_frames_that_disagree_in_number_are_refused(coordinates, types, cell, message):
    with pytest.raises(InputError, match=message):
        frames(coordinates, types, cell)


# Wrapping

positions = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -1e-17, -5e-324, 5.0, -5.0, 4.999999999999999])


@given(st.lists(st.tuples(positions, positions, positions), min_size=1, max_size=5), st.booleans())
@example([(-1e-17, -1e-17, -1e-17)], False)
def test_wrapped_atoms_are_in_the_cell_and_only_moved_by_lattice_vectors(coordinates, turned):
    cell = np.array([[5.0, 0, 0], [1, 6, 0], [-2, 1, 7]])[:: -1 if turned else 1]
    r = np.array(coordinates)
    s = fractional(r, cell)
    assert ((s >= 0) & (s < 1)).all()
    moved = (wrapped(r, cell) - r) @ np.linalg.inv(cell)
    assert np.allclose(moved, np.rint(moved), rtol=0, atol=1e-11)  # 1e3 Å times the rounding of a division


@given(st.lists(st.tuples(positions, positions, positions), min_size=2, max_size=5))
def test_the_place_of_an_atom_does_not_depend_on_the_others(coordinates):
    cell, r = np.array([[5.0, 0.1, 0], [1, 6, 0], [-2, 1, 7]]), np.array(coordinates)
    assert np.array_equal(wrapped(r, cell)[-1:], wrapped(r[-1:], cell))


def test_without_a_cell_nothing_is_wrapped():
    far = np.array([[1e6, -3.0, 0.5]])
    assert wrapped(far, None) is far
