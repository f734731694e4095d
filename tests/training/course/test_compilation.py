"""On JAX, whatever frames the batches of a later epoch have, nothing is compiled for them."""

from __future__ import annotations

import numpy as np
import pytest
import small_course as small
from training_data import write_folder

from dpa2.training.course import Watch

jax = pytest.importorskip("jax")

FRAMES, ATOMS, SIZE = 7, 14, 2
EPOCH = 4  # batches, the last of which has one frame


class Compiled(Watch):
    """The number of programs that are compiled after an epoch."""

    def __init__(self, epoch: int):
        self.epoch, self.steps, self.programs, self.later = epoch, 0, 0, 0

    def __call__(self, event: str, seconds: float, **facts) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            self.programs += 1
            self.later += self.steps >= self.epoch

    def stepped(self, step, head, report):
        self.steps = step


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A system whose frames are less and less dense, so that batches differ in their numbers of neighbours."""
    generator = np.random.default_rng(0)
    sites = 1.2 * np.array(list(np.ndindex(3, 3, 3)))[:ATOMS]
    places = sites * np.linspace(1.0, 2.6, FRAMES)[:, None, None] + generator.normal(0, 0.05, (FRAMES, ATOMS, 3))
    arrays = {"coord": places.reshape(FRAMES, -1), "force": generator.normal(size=(FRAMES, 3 * ATOMS))}
    write_folder(tmp_path / "data", types=[0, 1] * (ATOMS // 2), frames=FRAMES, **arrays)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_nothing_is_compiled_after_the_first_epoch(place):
    settings = {f"model__descriptor__{name}__nsel": n for name, n in (("repinit", 40), ("repformer", 30))}
    settings |= {"training__training_data": {"systems": "data", "batch_size": SIZE}}
    settings |= {"training__validation_data": {"systems": "data", "batch_size": 3}}
    settings |= {"training__numb_steps": 3 * EPOCH, "training__disp_freq": 2}
    training, watch = small.started(library="jax", **settings), Compiled(EPOCH)
    jax.monitoring.register_event_duration_secs_listener(watch)
    try:
        training.run(watch)
    finally:
        jax.monitoring.unregister_event_duration_listener(watch)
    assert watch.programs > 20, "it is seen what is compiled"
    assert watch.later == 0
