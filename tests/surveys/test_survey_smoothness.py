"""Events are classed as C2, C1, C0 or jumps, as the model's formulas make them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from crowds import SMALL

from dpa2 import config as settings
from dpa2 import testing
from dpa2.descriptor import environment
from dpa2.surveys.drags import drags
from dpa2.surveys.smoothness import known_causes, survey_smoothness


def surveyed(model, wanted=lambda drag: not drag.overflows) -> dict[str, str]:
    """Continuity by event."""
    found = survey_smoothness(model, filter(wanted, drags(model.config)))
    return {event.drag.event: event.continuity for event in found}


@pytest.mark.parametrize("fitting", [SMALL.fitting, settings.Fitting(frame_parameters=2, atom_parameters=1)])
def test_a_model_without_mean_is_twice_differentiable_everywhere(fitting):
    config = dataclasses.replace(SMALL, fitting=fitting)
    assert set(surveyed(testing.perturbed_model(config, statistics="centered")).values()) == {"C2"}


def test_a_mean_makes_the_cutoff_of_repinit_jump_and_nothing_else():
    model = testing.perturbed_model(SMALL, statistics="computed")
    found = surveyed(model)
    assert found.pop("cutoff of repinit") == "jumps"
    assert set(found.values()) == {"C2"}
    assert ["repinit" in cause for cause in known_causes(model)] == [True]


@pytest.mark.parametrize(("powers", "expected"), [("linear", "C0"), ("cubic", "C1")])
def test_a_switch_with_fewer_derivatives_makes_a_model_as_smooth_as_itself(monkeypatch, powers, expected):
    def rough(r, inner, outer):
        u = np.clip((r - inner) / (outer - inner), 0.0, 1.0)
        inside = ((u > 0) & (u < 1)) / (outer - inner)
        if powers == "linear":
            return 1.0 - u, lambda dw: -dw * inside
        return 1.0 - u * u * (3.0 - 2.0 * u), lambda dw: dw * -6.0 * u * (1.0 - u) * inside

    monkeypatch.setattr(environment, "switch_vjp", rough)
    model = testing.perturbed_model(SMALL, statistics="centered")
    found = surveyed(model, lambda drag: drag.event.endswith("cutoff of repformer"))
    assert set(found.values()) == {expected}
