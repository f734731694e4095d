"""The state of a training as a file: arrays by name, and notes as JSON (a safetensors file)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileMissing, FormatError
from ...serialization.formats.safetensors import pack

FORMAT = "dpa2-training-1"


def write_state(path: str | PathLike[str], state: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> None:
    """Write arrays and notes; `Checkpoints.save` makes the file appear as a whole."""
    arrays = {name: x.astype("int64") if x.dtype.kind in "iu" else x for name, x in state.items()}
    Path(path).write_bytes(pack(arrays, {"format": FORMAT, "notes": json.dumps(notes)}))


def read_state(path: str | PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays and notes of a file, arrays to the bit.

    Raises `FileMissing`, and `FormatError` for a file that is damaged or is something else.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileMissing(f"{path}: there is no such file", file=str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            if notes.get("format") != FORMAT:
                raise FormatError(f"{path}: is no state of a training by dpa2", file=str(path))
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(notes["notes"])  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: is damaged, or no state of a training: {error}", file=str(path)) from error
