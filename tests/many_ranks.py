"""A training of five steps on several ranks, as a program of each of their processes: `many_ranks.py LIBRARY N OUT`.

N: devices of this process. Each process writes what it has at the end to OUT/RANK.npz.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import small_course as small
from strict import on

import dpa2
from dpa2 import testing
from dpa2.backends.ranks import Alone, Ranks, connect
from dpa2.batching.plan import LISTS, ChunkShape
from dpa2.errors import TrainingStopped
from dpa2.training.losses import Labels, Loss, LossSettings, Prefactor
from dpa2.training.script.script import parse_script
from dpa2.training.steps import Batch, OptimizerSettings, Trainer, make_batch
from dpa2.training.steps.copies import from_first, on_device
from dpa2.training.steps.team import Team

STEPS, RANKS, ATOMS = 5, 2, 5
RATES = (0.02, 0.02, 0.01, 0.01, 0.005)
LOSS = LossSettings(energy=Prefactor(1.0, 2.0), forces=Prefactor(20.0, 1.0), virial=Prefactor(0.3, 1.0))
SHAPE = ChunkShape(size=16, step=8, uniform=LISTS, filled=True)  # every batch fits, so that JAX compiles once


def model(library: str, seed: int = 1) -> dpa2.Model:
    made = testing.perturbed_model(parse_script(small.SCRIPT).config(), seed, backend=library)
    return on(made, made.backend.with_shape(SHAPE)) if library == "jax" else made


def trainer(of: dpa2.Model) -> Trainer:
    """A trainer whose gradients are clipped, and whose moving average is kept."""
    return Trainer(of, Loss(LOSS), RATES[0], OptimizerSettings(decay=0.1, decoupled=True), 1.0, 0.9)


def batch(of: dpa2.Model, step: int, numbers: range, energy: float | None = None) -> Batch:
    """Some of the frames of a step, all with as many atoms."""
    frames = []
    for number in numbers:
        rng = np.random.default_rng([step, number])
        system = testing.random_system(rng, ATOMS, 2, periodic=False)
        frames.append((system, rng.normal(), rng.normal(size=(ATOMS, 3)), rng.normal(size=(3, 3))))
    systems, energies, forces, virials = zip(*frames, strict=True)
    energies = energies if energy is None else (energy,) * len(energies)
    return make_batch(of, systems, Labels(*map(np.array, (energies, forces, virials))), f"frames {list(numbers)}")


def trained_by(ranks: Ranks, library: str, each: int) -> tuple[Team, list[float]]:
    """The trainers of a process after all steps, each rank of which has so many frames in a batch; norms of gradients.

    The models of processes begin differently, and take the weights of the first one.
    """
    first = from_first(ranks, {"": model(library, 1 + ranks.own[0])}, lambda: {"": model(library)})
    models = [first, *(on_device(first, device) for device in ranks.devices[1:])]
    team = Team([trainer(of[""]) for of in models], ranks)
    norms = []
    for step, rate in enumerate(RATES):
        shares = [range(each * rank, each * (rank + 1)) for rank in ranks.own]
        batches = [batch(of[""], step, own) for of, own in zip(models, shares, strict=True)]
        norms.append(team.step(batches, rate).slope)
    return team, norms


def stopped(team: Team) -> str:
    """The message with which a team stops for a batch of its last rank."""
    energies = [1e200 if rank == team.ranks.count - 1 else 1.0 for rank in team.ranks.own]
    broken = [
        batch(t.models[""], 9, range(n, n + 1), energy)
        for t, n, energy in zip(team.trainers, team.ranks.own, energies, strict=True)
    ]
    try:
        team.step(broken, 0.01)
    except TrainingStopped as error:
        return str(error) if error.shared else "not in all processes"
    return ""


def whole(library: str = "torch") -> tuple[dict[str, np.ndarray], list[float]]:
    """What one process has at the end of a training on the frames of all ranks, and the norms of its gradients."""
    team, norms = trained_by(Alone(), library, RANKS)
    return team.trainers[0].state(), norms


def main() -> None:
    library, devices, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    ranks = connect(library, devices=devices)
    team, norms = trained_by(ranks, library, 1)
    for rank, each in zip(ranks.own, team.trainers, strict=True):
        np.savez(out / f"{rank}.npz", **each.state())
    facts = {"stopped": stopped(team), "count": ranks.count, "gathered": ranks.gathered(list(ranks.own))}
    facts["norms"] = norms
    (out / f"{ranks.own[0]}.json").write_text(json.dumps(facts))
    ranks.close()


if __name__ == "__main__":
    main()
