"""The state of a training in a file: the models as they are, what the optimizer keeps, and notes.

`dpa2.load` reads the models of such a file, as those of any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileMissing, require_regular
from ...nn.module import leaves
from ...serialization.budget import Budget, spending
from ...serialization.containers import BEGINNING
from ...serialization.files import errors_naming
from ...serialization.formats.training_state import SavedTraining, is_training_state, packed, unpacked
from ..steps.trainer import Trainer

CONSTANT = "constant"  # begins the names of arrays that are not trained


def write_state(path: str | PathLike[str], trainer: Trainer, notes: Mapping[str, Any], average: bool = False) -> None:
    """Write all that a training goes on from; `Checkpoints.save` makes the file appear as a whole.

    notes: plain JSON, such as the number of steps. average: write the models of the moving average, and nothing of the
    optimizer.
    """
    Path(path).write_bytes(packed(saved_training(trainer, notes, average)))


def saved_training(trainer: Trainer, notes: Mapping[str, Any], average: bool = False) -> SavedTraining:
    """Return the models of a trainer and its state; arrays that several tensors share are there once."""
    models = {head: model.checkpoint() for head, model in trainer.trained(average).items()}
    arrays = {} if average else dict(trainer.state())
    places: dict[str, dict[str, str]] = {}
    known: dict[int, str] = {}
    for head, model in models.items():
        constants = leaves(trainer.models[head].weights)
        mine = places.setdefault(head, {})
        for tensor, array in model.weights.items():
            parameter = trainer.parameters.names[head].get(tensor)
            new = f"{CONSTANT}/{head}/{tensor}" if head else f"{CONSTANT}/{tensor}"
            place = known.setdefault(id(constants[tensor]), new) if parameter is None else f"weights/{parameter}"
            mine[tensor] = place
            arrays.setdefault(place, array)
    return SavedTraining(models, places, arrays, notes)


def is_state(path: str | PathLike[str]) -> bool:
    """Return whether there is a file that begins as those of `write_state`."""
    file = Path(path)
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return is_training_state(stream.read(BEGINNING))


def read_saved(path: str | PathLike[str]) -> SavedTraining:
    """Return what a file of `write_state` holds.

    Raises `FileMissing`, and `FormatError` for a file that is damaged or is something else.
    """
    file = Path(path)
    if not file.exists():
        raise FileMissing(f"{path}: there is no such file", file=str(path))
    with errors_naming(path):
        require_regular(file)
        data = file.read_bytes()
        with spending(Budget.of_file(len(data))):
            return unpacked(data)


def read_state(path: str | PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the state that `Trainer.restore` takes, to the bit, and the notes; raises the errors of `read_saved`."""
    saved = read_saved(path)
    return state_of(saved), dict(saved.notes)


def state_of(saved: SavedTraining) -> dict[str, np.ndarray]:
    """Return the state that `Trainer.restore` takes."""
    return {name: x for name, x in saved.arrays.items() if not name.startswith(f"{CONSTANT}/")}
