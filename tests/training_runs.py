"""The reference's runs of five steps: models, batches, rates, losses (tests/data/training_steps)."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
from strict import on

import dpa2
from dpa2.batching.plan import LISTS, ChunkShape
from dpa2.structures.system import System
from dpa2.training.losses import Labels, Loss
from dpa2.training.script.loss import loss_settings
from dpa2.training.start import shared
from dpa2.training.steps import Batch, OptimizerSettings, Trainer, make_batch

FOLDER = Path(__file__).parent / "data" / "training_steps"
OTHER = os.environ.get("DPA2_TRAINING_SAMPLES")  # a folder with efonly_adam, whose frames are not in this repository
RUNS = ("allterms_adamw", "mixed_padded", "multitask") + (("efonly_adam",) if OTHER else ())
SINGLE = tuple(name for name in RUNS if name != "multitask")
LABELS = {"energy": "energy", "force": "forces", "virial": "virial", "atom_ener": "atom_energy"}


def folder(run: str) -> Path:
    return Path(OTHER) / run if run == "efonly_adam" else FOLDER / run


@cache
def script(run: str) -> dict:
    return json.loads((folder(run) / "input.json").read_text())


@cache
def steps(run: str) -> list[dict]:
    """What the reference recorded of each step."""
    return json.loads((folder(run) / "steps.json").read_text())


@cache
def arrays(run: str) -> dict[str, np.ndarray]:
    return dict(np.load(folder(run) / "frames.npz"))


def heads(run: str) -> tuple[str, ...]:
    """The names of the heads; one without a name for a model that is trained alone."""
    return tuple(script(run)["model"].get("model_dict", [""]))


def models(run: str, when: str, library: str) -> dict[str, dpa2.Model]:
    """The models of a run, "initial" or "final", by head; heads share their descriptor."""
    files = {head: folder(run) / f"{when}{'.' if head else ''}{head}.dp" for head in heads(run)}
    found = {head: in_one_chunk(dpa2.load(file, backend=library)) for head, file in files.items()}
    return shared(found) if len(found) > 1 else found


def in_one_chunk(model: dpa2.Model) -> dpa2.Model:
    """The model on JAX with chunks of one shape, into which every batch fits, so that it is compiled once."""
    if model.backend.name != "jax":
        return model
    return on(model, model.backend.with_shape(ChunkShape(size=36, step=32, uniform=LISTS, filled=True)))


def losses(run: str, **options) -> dict[str, Loss]:
    sections = script(run).get("loss_dict") or {"": script(run)["loss"]}
    return {head: Loss(loss_settings(section), **options) for head, section in sections.items()}


def optimizer(run: str) -> OptimizerSettings:
    given = script(run).get("optimizer", {})
    betas = given.get("adam_beta1", 0.9), given.get("adam_beta2", 0.999)
    return OptimizerSettings(*betas, given.get("weight_decay", 0.0), given.get("type") == "AdamW")


def trainer(run: str, library: str, reference_rounding: bool = True, **options) -> Trainer:
    """A run before its first step."""
    rounding = losses(run, reference_rounding=reference_rounding)
    start, limit = script(run)["learning_rate"]["start_lr"], script(run)["training"].get("gradient_max_norm", 0.0)
    return Trainer(models(run, "initial", library), rounding, start, optimizer(run), limit, **options)


def head_of(run: str, step: int) -> str:
    task = steps(run)[step]["task"]
    return "" if task == "Default" else task


def batch(run: str, step: int, model: dpa2.Model) -> Batch:
    """The frames of a step with their labels."""
    given = {n.partition("/")[2]: x for n, x in arrays(run).items() if n.startswith(f"step{step}/")}
    boxes = given.get("box", [None] * len(given["coord"]))
    cells = [None if box is None else np.reshape(box, (3, 3)).astype(float) for box in boxes]
    frames = zip(given["coord"].astype(float), given["atype"], cells, strict=True)
    known = {ours: given[f"{n}_label"].astype(float) for n, ours in LABELS.items() if given.get(f"find_{n}", 0.0)}
    shapes = {"energy": (-1,), "virial": (-1, 3, 3), "forces": (*given["coord"].shape[:2], 3)}
    shapes["atom_energy"] = given["coord"].shape[:2]
    labels = Labels(**{name: np.reshape(x, shapes[name]) for name, x in known.items()})
    return make_batch(model, [System(*frame) for frame in frames], labels, f"step {step}")


def predicted(run: str, step: int) -> dict[str, np.ndarray]:
    """What the reference predicted before the update of a step."""
    names = {"energy": "energy_pred", "forces": "force_pred", "virial": "virial_pred"}
    return {ours: arrays(run)[f"step{step}/{theirs}"] for ours, theirs in names.items()}
