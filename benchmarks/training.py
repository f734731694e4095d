"""Seconds and memory of a training step, in turns with DeePMD-kit's PyTorch trainer on the same frames and batches.

Both run as their commands; one is paused while the other makes its step, so that other load disturbs both alike.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from .measuring import environment, interpreters
from .program import Bench, Options, Program, bars
from .stepping import Stepping, by_itself, in_turns
from .task import MODELS

LIBRARIES = ("jax", "torch")  # that train


def steps_done(curve: str) -> int:
    """The number of rows of a learning curve, one for each step."""
    return sum(not line.startswith("#") for line in curve.splitlines())


def trainer(command: list[str], folder: Path, device: str = "cpu", threads: int = 2) -> Stepping:
    """A training in a folder."""
    kept = {"DPA2_CACHE": os.environ.get("DPA2_CACHE", "off")}
    return Stepping(command, folder, "lcurve.out", steps_done, environment(threads, device) | kept)


def write_task(folder: Path, model: str, atoms: int, batch: int) -> None:
    """Write an input script and data: boxes of water with made-up labels, as many frames as a batch has, four times."""
    from dpa2.testing import water_box

    script = json.loads((MODELS / f"{model}.json").read_text())
    script["training"] = {
        "training_data": {"systems": ["data"], "batch_size": batch},
        "numb_steps": 10**6, "disp_freq": 1, "save_freq": 10**6, "seed": 1, "gradient_max_norm": 5.0,
    }  # fmt: skip
    script["learning_rate"] = {"type": "exp", "start_lr": 1e-3, "stop_lr": 3.51e-8, "decay_steps": 5000}
    script["loss"] = {"start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1}
    (folder / "input.json").write_text(json.dumps(script))
    frames = [water_box(atoms // 3, seed=seed) for seed in range(4 * batch)]
    rng, place = np.random.default_rng(0), folder / "data" / "set.000"
    place.mkdir(parents=True)
    names = script["model"]["type_map"]
    (folder / "data" / "type.raw").write_text("\n".join(str(names.index(name)) for name in frames[0].types))
    (folder / "data" / "type_map.raw").write_text("\n".join(names))
    arrays = {
        "coord": np.stack([np.ravel(frame.coordinates) for frame in frames]),
        "box": np.stack([np.ravel(frame.cell) for frame in frames]),
        "energy": rng.normal(size=len(frames)),
        "force": rng.normal(size=(len(frames), 3 * atoms)),
    }
    for name, array in arrays.items():
        np.save(place / f"{name}.npy", array)


def measured(
    library: str, model: str, atoms: int, batch: int, python: str | None, steps: int, device: str = "cpu"
) -> dict:
    """Measure a training in turns with that of DeePMD-kit, or alone without its interpreter."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        for folder in (ours, theirs):
            write_task(Path(folder), model, atoms, batch)
        command = [sys.executable, "-m", "dpa2", "train", "input.json", "--backend", library, "--device", device]
        peer = [
            str(Path(python or sys.executable).with_name("dp")),
            "--pt",
            "train",
            "input.json",
            "--skip-neighbor-stat",
        ]
        with trainer([*command, "--truncate", "--skip-neighbor-stat"], Path(ours), device) as mine:
            if python is None:
                return by_itself(mine, steps)
            with trainer(peer, Path(theirs), device) as other:
                return in_turns(mine, other, steps)


def cells(options: Options, bench: Bench) -> Iterable:
    """Yield a cell for each library, model and number of frames in a batch."""
    python, atoms = interpreters().get("pt"), 24 if options.quick else 192
    models = ("small",) if options.quick else options.models
    for model in models:
        for batch in (1,) if options.quick else (1, 4, 8):
            for library in (name for name in LIBRARIES if name in options.libraries):
                labels = {"library": library, "model": model, "atoms": atoms, "batch": batch}
                steps = 2 if options.quick else options.calls
                yield labels, partial(measured, library, model, atoms, batch, python, steps, options.device)


COLUMNS = ["library", "model", "batch", "median", "first", "peak_mb", "peer_median", "peer_peak_mb", "faster", "leaner"]
PROGRAM = Program("training", "a training step (192 atoms a frame, float64, energies and forces)", COLUMNS, cells,
                  bars("library model batch", "median", "seconds a step"))  # fmt: skip

if __name__ == "__main__":
    PROGRAM.main()
