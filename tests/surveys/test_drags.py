"""In each made-up cluster exactly one event happens."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from crowds import SMALL, frame, narrow

from dpa2 import config as settings
from dpa2 import testing
from dpa2.surveys.drags import Drag, blocks, drags
from dpa2.surveys.neighbors import survey_neighbors


def crossed(drag: Drag, config: settings.DPA2Config) -> int:
    """How many things happen within the reach of the samples: pairs that cross a cutoff, or swaps at the centre."""
    sides = [drag.placed(drag.at + side * 5 * drag.step).coordinates for side in (-1, 1)]
    pairs = [np.linalg.norm(x[:, None] - x, axis=-1)[np.triu_indices(len(x), 1)] for x in sides]
    cutoffs = {r for inner, outer, _ in blocks(config).values() for r in (inner, outer)}
    moved = sum(int(((pairs[0] < r) != (pairs[1] < r)).sum()) for r in cutoffs)
    order = [np.argsort(np.linalg.norm(x[1:], axis=1)).tolist() for x in sides]
    return moved + (order[0] != order[1])


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        dataclasses.replace(SMALL, types=("X",), three_body=None),
        dataclasses.replace(SMALL, three_body=settings.ThreeBody(cutoff=3.2, inner_cutoff=1.0, max_neighbors=45)),
        dataclasses.replace(SMALL, repinit=dataclasses.replace(SMALL.repinit, cutoff=3.2001)),
        narrow(4, 2, 3),
    ],
    ids=["small", "one type", "blocks of one reach", "cutoffs close to each other", "few neighbours"],
)
def test_in_each_made_up_cluster_one_thing_happens_and_the_model_holds_it(config):
    model = testing.perturbed_model(config)
    quiet = [drag for drag in drags(config) if not drag.overflows]
    assert {r for i, o, _ in blocks(config).values() for r in (i, o)} <= {drag.at for drag in quiet}
    for drag in quiet:
        assert crossed(drag, config) == 1, drag.event
        model.evaluate_many([drag.placed(drag.at)])


def test_in_each_full_cluster_a_neighbour_falls_off_the_list_of_the_centre():
    for drag in drags(SMALL):
        if drag.overflows:
            block = drag.event.removeprefix("overflow of ")
            found = {b.block: b for b in survey_neighbors(SMALL, [frame(drag.placed(drag.at))])}[block]
            limit = blocks(SMALL)[block][2]
            distances = np.linalg.norm(drag.placed(drag.at - drag.step).coordinates[1:], axis=1)
            assert found.largest > limit
            assert np.argsort(distances)[limit - 1] == len(distances) - 1  # the dragged atom is the last that is kept
