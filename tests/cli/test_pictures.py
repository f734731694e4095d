"""Pictures say what they show: the model, what cannot be drawn, and what is too small to be seen."""

from __future__ import annotations

import dataclasses

import pytest
from crowds import DENSE

import dpa2
from dpa2 import demo, testing
from dpa2.serialization import compare, read
from dpa2.structures.datasets import Frame
from dpa2.structures.system import System

pytest.importorskip("matplotlib")
from matplotlib.text import Text

from dpa2.cli.picture import draw as draw_difference
from dpa2.cli.verbs import neighbors, precision, smoothness
from dpa2.surveys.drags import drags
from dpa2.surveys.neighbors import survey_neighbors
from dpa2.surveys.precision import Growth, TensorError
from dpa2.surveys.smoothness import survey_smoothness


def words(figure) -> str:
    """All texts in a picture."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_a_difference_shows_tensors_that_have_no_bar_and_why():
    wide = testing.perturbed_model(testing.small_config(types=("O", "H", "C"))).checkpoint()
    small = testing.perturbed_model(testing.small_config()).checkpoint()
    said = words(draw_difference(compare(small, wide), "a → b"))
    assert "(2,) in the first, (3,) in the second" in said
    assert "a → b" in said
    more = {name: array for name, array in small.weights.items() if name != "deviation"}
    assert "only in the first" in words(draw_difference(compare(small, dataclasses.replace(small, weights=more)), ""))


def test_the_difference_of_equal_models_says_so():
    model = read(demo.MODEL)
    figure = draw_difference(compare(model, model), "a → a")
    assert "all tensors are equal" in words(figure)
    assert not figure.axes[0].axison


def test_counts_show_the_model_and_how_many_atoms_are_beyond():
    """All 27 atoms of the dense cluster, among the 24 of a box, whose histogram alone does not show them."""
    config = dpa2.load(demo.MODEL).config
    systems = System(DENSE, [0] * 27), testing.water_box(8)
    blocks = survey_neighbors(config, [Frame(s, *[None] * 5, name="x") for s in systems])
    beyond = sum(n > blocks[0].limit for n, atoms in enumerate(blocks[0].histogram) for _ in range(atoms))
    said = words(neighbors.draw(blocks, "water.dp"))
    assert "water.dp" in said
    assert f"{beyond} of 51 atoms beyond" in said
    assert "beyond" not in words(
        neighbors.draw(survey_neighbors(config, [Frame(systems[1], *[None] * 5, name="")]), "")
    )


def test_curves_show_the_model_and_are_as_dense_as_the_step_that_decided():
    model = dpa2.load(demo.MODEL)
    event = next(survey_smoothness(model, drags(model.config), curves=True))
    shortest = min(jump.step for jump in event.jumps)
    assert shortest < event.drag.step, "the event at 0.5 Å needs a shorter step"
    assert abs(event.curve.distance - event.drag.at).max() == pytest.approx(5 * shortest)
    assert "water.dp" in words(smoothness.draw([event], "water.dp"))


def test_errors_of_a_precision_show_the_model():
    figure = precision.draw([TensorError("force", 1e-7, "x", 1.0)], Growth("a", "force", 2.0), "float32", "water.dp")
    assert "water.dp" in words(figure)
