"""Many systems of different sizes, one after another: their chunks have few shapes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dpa2 import testing
from dpa2.batching.plan import ChunkShape, plan
from dpa2.batching.table import Cutoffs
from dpa2.batching.widths import WidthCache
from dpa2.model.preparation import with_neighbors

SHAPES = 20  # of chunks, whatever is evaluated; 17 were measured for 300 systems, 80 before there was a ladder


def series(count: int):
    """Boxes of water of 1 to 60 molecules, and, in turn with them, drops of other densities."""
    generator = np.random.default_rng(0)
    for seed in range(count):
        box = testing.water_box(int(generator.integers(1, 60)), seed=seed)
        scale = generator.uniform(0.9, 1.5)
        yield box if seed % 2 else dataclasses.replace(box, coordinates=scale * box.coordinates, cell=None)


@pytest.fixture(scope="module")
def plans():
    """The chunks of a hundred systems, as the back end of a compiler lays them out."""
    config = testing.small_config()
    shape = ChunkShape(size=24, step=2, uniform=("repinit",), filled=True, width_cache=WidthCache())
    prepared = (with_neighbors(config, [system], "truncate") for system in series(100))
    return [plan([s.types for s in systems], lists, Cutoffs.of(config), shape) for systems, lists in prepared]


def test_chunks_of_many_systems_have_few_shapes(plans):
    shapes = {
        (chunk.near.shape, chunk.incoming.shape, chunk.three_body_width, chunk.repformer_width)
        for made in plans
        for chunk in made.chunks
    }
    assert len(shapes) <= SHAPES


def test_every_list_has_room_for_its_neighbours_and_no_more_than_the_model_provides(plans):
    for made in plans:
        for chunk in made.chunks:
            for name in ("three_body", "repformer"):
                width, most = getattr(chunk, f"{name}_width"), made.cutoffs.lists[name][1]
                assert getattr(chunk, f"{name}_count").max() <= width <= most
            assert chunk.near.shape[1] <= made.cutoffs.repinit[1]
            assert chunk.arriving.sum(axis=1).max() <= chunk.incoming.shape[1]
