"""Trainings of DeePMD-kit 3.2.0 with their checkpoints, and the same batches for a training of ours.

Each batch is a whole system, so that it is known.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from references import DATA
from training_data import FOLDERS

import dpa2
from dpa2.training.losses import Labels, Loss
from dpa2.training.reference import ReferenceState, read_reference
from dpa2.training.script.loss import loss_settings
from dpa2.training.steps import Batch, Trainer, make_batch

CHECKPOINTS = DATA / "training_checkpoints"
RUNS = ("single", "multi")  # one model with a moving average; two heads
# The heads that were trained, step by step: five steps, and those after the restart, which begins with index 4 again.
HEADS = {"single": ("",) * 8, "multi": ("ice", "ice", "sea", "ice", "ice", "ice", "ice", "sea")}
STEPS = (0, 1, 2, 3, 4, 4, 5, 6)
SYSTEMS = {"": "sysA", "ice": "sysA", "sea": "sysB"}  # of each head
FILES = {"energy": "energy", "force": "forces", "virial": "virial", "atom_ener": "atom_energy"}
RATES = [0.005 * 0.8**k for k in range(7)]


def checkpoint(run: str, steps: int) -> Path:
    """The file after so many steps; 5 is followed by 7 through a restart, which repeats index 4."""
    return CHECKPOINTS / run / f"model.ckpt-{steps}.pt"


def script(run: str) -> dict:
    return json.loads((CHECKPOINTS / run / "input.json").read_text())


def read(run: str, steps: int, **place) -> ReferenceState:
    return read_reference(checkpoint(run, steps), average=run == "single", **place)


def trainer(run: str, state: ReferenceState) -> Trainer:
    """A training of ours with the models and settings of a checkpoint, before its first step."""
    sections = script(run).get("loss_dict") or {"": script(run)["loss"]}
    losses = {head: Loss(loss_settings(section), reference_rounding=True) for head, section in sections.items()}
    limit, decay = (script(run)["training"].get(key) for key in ("gradient_max_norm", "ema_decay"))
    return Trainer(state.models, losses, state.start_rate, state.optimizer, limit or 0.0, decay)


def batch(head: str, model: dpa2.Model) -> Batch:
    """All frames of a head's system."""
    folder = FOLDERS[SYSTEMS[head]]
    found = {name: concatenated(folder, name) for name in ("coord", "box", *FILES)}
    types = np.loadtxt(folder / "type.raw", dtype=int)
    frames = found["coord"].reshape(-1, len(types), 3)
    boxes = [None] * len(frames) if (folder / "nopbc").exists() else found["box"].reshape(-1, 3, 3)
    systems = [dpa2.System(frame, types, box) for frame, box in zip(frames, boxes, strict=True)]
    shapes = {"energy": (-1,), "virial": (-1, 3, 3), "forces": frames.shape, "atom_energy": frames.shape[:2]}
    labels = {ours: found[f].reshape(shapes[ours]) for f, ours in FILES.items() if found[f] is not None}
    return make_batch(model, systems, Labels(**labels))


def concatenated(folder: Path, name: str) -> np.ndarray | None:
    """An array of all sets of a system."""
    files = sorted(folder.glob(f"set.*/{name}.npy"))
    return np.concatenate([np.load(file) for file in files]).astype(float) if files else None


def train(run: str, training: Trainer, steps: slice) -> None:
    """Do some of the steps."""
    for index, head in zip(STEPS[steps], HEADS[run][steps], strict=True):
        training.step(batch(head, training.head(head)), RATES[index], head)
