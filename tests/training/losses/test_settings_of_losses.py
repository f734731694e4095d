"""Settings of losses: what a script means by them, and what is refused."""

from __future__ import annotations

import pytest

from dpa2.errors import ConfigurationError
from dpa2.training.losses import Loss, LossSettings, Prefactor
from dpa2.training.script.loss import loss_settings

PF = {"start_pref_pf": 1.0, "limit_pref_pf": 1.0}
GF = {"start_pref_gf": 1.0, "limit_pref_gf": 1.0}
WRONG = {
    "norm of squares": ({"f_use_norm": True}, "loss.f_use_norm"),
    "weights beside Huber": ({"use_huber": True, **PF}, "loss.start_pref_pf"),
    "generalised beside Huber": ({"use_huber": True, **GF, "numb_generalized_coord": 1}, "loss.start_pref_gf"),
    "relative beside Huber": ({"use_huber": True, "relative_f": 1.0}, "loss.relative_f"),
    "generalised without coordinates": (GF, "loss.numb_generalized_coord"),
    "generalised beside mae": ({"loss_func": "mae", **GF, "numb_generalized_coord": 1}, "loss.start_pref_gf"),
    "another function": ({"loss_func": "cubes"}, "loss.loss_func"),
    "two deltas": ({"huber_delta": [0.1, 0.2]}, "loss.huber_delta"),
}


@pytest.mark.parametrize(("section", "path"), WRONG.values(), ids=WRONG)
def test_settings_that_do_not_go_together_are_refused_by_name(section, path):
    with pytest.raises(ConfigurationError) as refused:
        loss_settings(section)
    assert refused.value.path == path


def test_an_empty_section_has_the_defaults_of_the_reference():
    assert loss_settings({}) == LossSettings()
    assert loss_settings({}).terms() == {"energy": Prefactor(0.02, 1.0), "forces": Prefactor(1000.0, 1.0)}


@pytest.mark.parametrize(("start", "limit"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_a_term_whose_start_or_limit_is_zero_does_not_exist(start, limit):
    assert "virial" not in LossSettings(virial=Prefactor(start, limit)).terms()


def test_huber_is_ignored_beside_mae():
    assert loss_settings({"loss_func": "mae", "use_huber": True, "relative_f": 1.0}).measure == "absolute"


def test_prefactors_follow_the_learning_rate():
    loss = Loss(LossSettings(energy=Prefactor(0.02, 1.0), forces=Prefactor(1000.0, 1.0)))
    assert loss.prefactors(0.0) == {"energy": 1.0, "forces": 1.0}
    assert loss.prefactors(1.0) == pytest.approx({"energy": 0.02, "forces": 1000.0}, rel=1e-15)
    assert loss.prefactors(0.5) == pytest.approx({"energy": 0.51, "forces": 500.5}, rel=1e-15)
    rounded = Loss(loss.settings, reference_rounding=True).prefactors(1.0)["energy"]
    assert rounded != 0.02
    assert rounded == pytest.approx(0.02, rel=6e-8)
