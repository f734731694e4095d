"""Learning rates, against those that DeePMD-kit 3.2.0 computed (`data/training/lr_cases.json`)."""

from __future__ import annotations

import json

import pytest
from references import DATA

from dpa2.errors import ConfigurationError
from dpa2.training.schedules import Cosine, Exponential, WarmupStableDecay, read_schedule

CASES = json.loads((DATA / "training" / "lr_cases.json").read_text())
DERIVED = {  # the reference's names of what follows from the settings, and ours
    "decay_rate": "factor",
    "decay_steps": "interval",
    "warmup_steps": "warmup",
    "decay_num_steps": "decay",
    "decay_phase_steps": "phase",
    "stop_lr": "stop",
}
LEAST = {"start_lr": 1e-3, "stop_lr": 1e-8}


def read(**params):
    steps = params.pop("num_steps", params.pop("steps", 100))
    return read_schedule(params, steps)


def test_all_cases_of_the_reference_are_here():
    assert len(CASES) == 21
    assert {case["params"]["type"] for case in CASES} == {"exp", "cosine", "wsd"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(f"{v}" for v in case["params"].values()))
def test_rates_are_those_of_the_reference(case):
    schedule = read(**case["params"])
    rates = [schedule.rate(step) for step in case["steps"]]
    assert rates == pytest.approx(case["lr"], rel=1e-14, abs=0)
    derived = {name: value for name, value in case["derived"].items() if name in DERIVED}
    found = {name: getattr(schedule, DERIVED[name]) for name in derived}
    assert found == pytest.approx(derived, rel=1e-14, abs=0)


def test_the_first_step_of_a_warm_up_from_nothing_has_rate_zero():
    schedule = read(**LEAST, warmup_steps=10)
    assert schedule.rate(0) == 0.0
    assert schedule.rate(10) == 1e-3


def test_a_schedule_is_read_before_the_number_of_steps_is_known():
    schedule = read_schedule(LEAST | {"warmup_ratio": 0.1})
    assert schedule.over(1000) == read_schedule(LEAST | {"warmup_ratio": 0.1}, 1000)
    assert schedule.over(1000).warmup == 100


def test_the_type_decides_the_class():
    kinds = {"exp": Exponential, "cosine": Cosine, "wsd": WarmupStableDecay}
    for name, kind in kinds.items():
        assert type(read(**LEAST, type=name)) is kind
    assert type(read(**LEAST)) is Exponential


REFUSED = {  # settings, the path that the error names, words of its message
    "no start": ({"stop_lr": 1e-8}, "start_lr", "required"),
    "no stop": ({"start_lr": 1e-3}, "stop_lr", "stop_lr_ratio in its place"),
    "two stops": (LEAST | {"stop_lr_ratio": 0.1}, "stop_lr_ratio", "beside stop_lr"),
    "two warm-ups": (LEAST | {"warmup_steps": 2, "warmup_ratio": 0.1}, "warmup_ratio", "beside warmup_steps"),
    "nothing but warm-up": (LEAST | {"warmup_steps": 100}, "warmup_steps", "100 steps must be shorter"),
    "a ratio of all steps": (LEAST | {"warmup_ratio": 1.0}, "warmup_ratio", "must be shorter"),
    "a negative rate": ({"start_lr": -1e-3, "stop_lr": 1e-8}, "start_lr", "positive"),
    "growth": (LEAST | {"decay_rate": 1.5}, "decay_rate", r"\(0, 1\]"),
    "no interval": (LEAST | {"decay_steps": 0}, "decay_steps", "positive"),
    "a decay to nothing": ({"type": "wsd", "start_lr": 1e-3, "stop_lr": 0.0}, "stop_lr", "positive"),
    "a ratio of nothing": ({"type": "wsd", "start_lr": 1e-3, "stop_lr_ratio": 0.0}, "stop_lr_ratio", "positive"),
    "an unknown decay": (LEAST | {"type": "wsd", "decay_type": "log"}, "decay_type", "inverse_linear"),
    "an unknown type": (LEAST | {"type": "exponential"}, "type", "exp, cosine, wsd"),
    "a key of another type": (LEAST | {"type": "cosine", "decay_steps": 5}, "decay_steps", "'cosine'"),
    "a misspelled key": (LEAST | {"decay_step": 5}, "decay_step", "did you mean 'decay_steps'"),
    "steps": (LEAST | {"steps": 5}, "steps", "no key"),
    "a word for a number": (LEAST | {"decay_steps": "many"}, "decay_steps", "whole number"),
    "an infinite rate": ({"start_lr": float("inf"), "stop_lr": 0.0}, "start_lr", "finite"),
    "a worker": (LEAST | {"scale_by_worker": "all"}, "scale_by_worker", "linear, sqrt, none"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_by_path_is(what):
    section, name, words = REFUSED[what]
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_schedule(section, 100)
    assert caught.value.path == f"learning_rate.{name}"
    assert str(caught.value).startswith(caught.value.path)


def test_what_is_no_section_is_refused():
    with pytest.raises(ConfigurationError, match="section"):
        read_schedule(1e-3)
