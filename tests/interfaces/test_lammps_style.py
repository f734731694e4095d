"""The lines of our pair style are read, and what is wrong with them is said by name, file and line; without LAMMPS."""

from __future__ import annotations

import pytest

from dpa2.errors import InputError
from dpa2.interfaces.lammps.script import Place, words
from dpa2.interfaces.lammps.style import read_style, read_types

HERE = Place("in.water", 3)
STYLES = {"zbl", "lj/cut", "coul/dsf", "zero", "hybrid", "hybrid/overlay"}


def style(text: str):
    """The style of the words after `pair_style`."""
    return read_style(words(text, HERE), HERE, STYLES.__contains__)


def types(text: str, of: str = "dpa2 a.dp", count: int = 2):
    """The names of the words after `pair_coeff`, for a model of O, H and C."""
    return read_types(words(text, HERE), style(of), HERE, ("O", "H", "C"), count)


def test_a_line_with_every_keyword():
    found = style("dpa2 a.dp b.dp backend jax head water dtype float32 device cpu out_freq 10 out_file md.out")
    assert found.files == ("a.dp", "b.dp")
    assert found.loading({}) == {"backend": "jax", "head": "water", "dtype": "float32", "device": "cpu"}
    assert found.running() == {"out_freq": 10, "out_file": "md.out"}
    assert not found.overlay


def test_defaults_are_for_what_the_line_does_not_say():
    found = style("deepmd graph.pth head water")
    assert found.loading({"backend": "torch", "head": "ice", "dtype": None}) == {"backend": "torch", "head": "water"}


def test_numbers_end_with_the_next_word():
    found = style("deepmd a.pth fparam 0.1 -2e3 aparam 4 atomic relative 1.5 relative_v 0.5")
    assert found.running() == {
        "fparam": (0.1, -2000.0), "aparam": (4.0,), "atomic": True, "relative": 1.5, "relative_v": 0.5
    }  # fmt: skip


def test_other_styles_are_left_to_lammps():
    assert style("lj/cut 5.0") is None
    assert style("hybrid/overlay zbl 0.5 1.0 lj/cut 5.0") is None
    assert style("") is None


def test_lammps_gets_a_style_that_makes_the_list():
    found = style("dpa2 a.dp")
    assert found.for_lammps(6) == "pair_style zero 6.0 full"
    assert found.coefficients_for_lammps() == "pair_coeff * *"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hybrid/overlay dpa2 a.dp zbl 0.5 1.0", "hybrid/overlay zero 6.0 full zbl 0.5 1.0"),
        ("hybrid/overlay zbl 0.5 1.0 deepmd a.dp out_freq 10", "hybrid/overlay zbl 0.5 1.0 zero 6.0 full"),
        ("hybrid/overlay zbl 1 2 dpa2 a.dp head 'b c' lj/cut 3", "hybrid/overlay zbl 1 2 zero 6.0 full lj/cut 3"),
    ],
)
def test_a_part_of_an_overlay_is_replaced_alone(text, expected):
    found = style(text)
    assert found.overlay
    assert found.files == ("a.dp",)
    assert found.for_lammps(6.0) == f"pair_style {expected}"
    assert found.coefficients_for_lammps() == "pair_coeff * * zero"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dpa2", "names no model file"),
        ("dpa2 backend jax", "names no model file"),
        ("dpa2 a.dp backend", "backend wants a name, not nothing"),
        ("dpa2 a.dp out_freq often", "out_freq wants a number of steps, or 0, not often"),
        ("dpa2 a.dp out_freq -1", "out_freq wants a number of steps, or 0, not -1"),
        ("dpa2 a.dp relative nan", "relative wants a force in the units of the script, not nan"),
        ("dpa2 a.dp fparam x", "fparam wants numbers, not x"),
        ("dpa2 a.dp out_freq 10 b.dp", "'b.dp' is no keyword; files stand before the keywords"),
        ("dpa2 a.dp head w out_frq 10", "did you mean 'out_freq'"),
        ("deepmd a.pth ttm 1", "ttm: parameters of atoms are constants here"),
        ("deepmd a.pth fparam_from_compute T", "fparam_from_compute: frame parameters are constants here"),
        ("deepmd a.pth virtual_len 0.4", "virtual_len: models with spins are not implemented"),
        ("hybrid dpa2 a.dp zbl 0.5 1.0", "pair_style hybrid with dpa2: .* use pair_style hybrid/overlay"),
        ("hybrid/scaled 0.5 dpa2 a.dp 0.5 zbl 1 2", "pair_style hybrid/scaled with dpa2"),
        ("hybrid/overlay dpa2 a.dp deepmd b.dp", "has 2 styles of dpa2"),
        ("hybrid/overlay dpa2 a.dp zero 3.0", "with dpa2 and zero"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        style(text)
    assert str(caught.value).startswith("in.water:3: pair_style")
    assert (caught.value.file, caught.value.line) == ("in.water", 3)


def test_names_of_types():
    assert types("* * O H") == ("O", "H")
    assert types("* * H H", count=2) == ("H", "H")
    assert types("* *") == ("O", "H"), "those of the model, in its order"
    assert types("* * dpa2 H O", of="hybrid/overlay dpa2 a.dp zbl 1 2") == ("H", "O")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 O H", r"pair_coeff 1 2: a model computes all pairs"),
        ("* * O", "1 names for 2 types of atoms; one of O, H, C is wanted for each"),
        ("* * O Hx", "the model has no type 'Hx'; did you mean 'H'"),
        ("* * O NULL", "NULL: atoms that the model leaves out"),
    ],
)
def test_wrong_names_of_types_are_refused_with_their_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        types(text)
    assert caught.value.line == 3
