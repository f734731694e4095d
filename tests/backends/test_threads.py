"""Threads: models shared among the user's threads, and the number of threads that back ends use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from libraries import LIBRARIES
from tolerances import assert_close

from dpa2 import testing
from dpa2.backends import backend
from dpa2.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose


@pytest.mark.parametrize("library", LIBRARIES)
def test_threads_may_evaluate_one_model_at_once(library):
    systems = [testing.water_box(16, seed=k) for k in range(4)]
    model = testing.perturbed_model(testing.small_config(), seed=1).to(library)

    def forces(system):
        return model.evaluate_many([system], neighbors="truncate")[0].forces

    expected = [forces(s) for s in systems]
    with ThreadPoolExecutor(4) as threads:
        for one, other in zip(threads.map(forces, systems), expected, strict=True):
            assert_close("batch", one, other, "forces")


def test_jax_occupies_no_more_processors_than_it_may(monkeypatch):
    pytest.importorskip("jax")
    for given, processors, callers in ((1, 8, 1), (4, 8, 4), (8, 8, 24), (1, 1, 1)):
        monkeypatch.setenv("DPA2_THREADS", str(given))
        monkeypatch.setattr("dpa2.backends.jax.processors", lambda n=processors: n)
        assert backend("jax").callers() == callers


@pytest.mark.parametrize("given", ["abc", "0", "-1", "2.5", "", "²"])
def test_a_number_of_threads_that_is_none_is_named(given, monkeypatch):
    monkeypatch.setenv("DPA2_THREADS", given)
    with pytest.raises(InputError, match="DPA2_THREADS") as caught:
        backend("numpy")
    assert caught.value.argument == "DPA2_THREADS"
