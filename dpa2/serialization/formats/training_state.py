"""The state of a training: a safetensors file with the models of all heads, what an optimizer keeps, and notes.

Its models are read as those of any other file; what else a training goes on from is read by `unpacked`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from ...config import DPA2Config
from ...errors import FormatError
from ..checkpoint import Checkpoint
from ..contents import Contents
from ..settings.heads import words_of
from ..settings.plain import canonical_json, strict_json
from .container import Container
from .safetensors import NUMPY_NAMES, OF_TRAINING, pack, read_plain, read_tensors, text_of_header, to_array

FORMAT = "dpa2-training-1"
NAME, SUFFIX = "training state", ".state"
DTYPES = NUMPY_NAMES | {"I64": "int64"}  # whole numbers count updates


@dataclass(frozen=True, eq=False)
class SavedTraining:
    """All that a training goes on from.

    models: of the heads, "" for one model alone. places: for each head and each of its tensors the name of the array
    that holds it, which several heads may share. arrays: by name, those of the tensors and those of the optimizer.
    notes: plain JSON.
    """

    models: Mapping[str, Checkpoint]
    places: Mapping[str, Mapping[str, str]]
    arrays: Mapping[str, numpy.ndarray]
    notes: Mapping[str, Any]


def packed(saved: SavedTraining) -> bytes:
    """Return the bytes of a file."""
    arrays = {name: x.astype("int64") if x.dtype.kind in "iu" else x for name, x in saved.arrays.items()}
    models = {
        head: {
            "config": model.config.to_dict(),
            "digest": model.digest(),
            "metadata": model.metadata,
            "tensors": dict(saved.places[head]),
        }
        for head, model in saved.models.items()
    }
    return pack(arrays, {"format": FORMAT, "models": canonical_json(models), "notes": json.dumps(dict(saved.notes))})


def unpacked(data: bytes) -> SavedTraining:
    """Return what the bytes of a file hold, every part of which is checked."""
    tensors = read_tensors(data)
    header = strict_json(text_of_header(data)).get("__metadata__") or {}
    if header.get("format") != FORMAT:
        raise FormatError("is no state of a training by dpa2", key="format")
    arrays = {name: to_array(name, tensor, DTYPES) for name, tensor in tensors}
    sections = read_plain(header, "models")
    models = {head: model_of(head, section, arrays) for head, section in sections.items()}
    places = {head: dict(section["tensors"]) for head, section in sections.items()}
    return SavedTraining(models, places, arrays, read_plain(header, "notes"))


def model_of(head: str, section: Any, arrays: Mapping[str, numpy.ndarray]) -> Checkpoint:
    """Return the model of a head; arrays that heads share are the same objects."""
    try:
        config = DPA2Config.from_dict(section["config"])
        weights = {name: arrays[place] for name, place in section["tensors"].items()}
        model, digest = Checkpoint(config, weights, section["metadata"]), section["digest"]
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"its model {head or ''} is not complete ({error})", key="models") from error
    if model.digest() != digest:
        raise FormatError("its numbers or settings are not those that were written: the digest differs", key="digest")
    return model


def read(path: Path) -> Contents:
    """Return the models of a file, and the kinds of what else it holds."""
    saved = unpacked(path.read_bytes())
    used = {place for places in saved.places.values() for place in places.values()}
    others = tuple(dict.fromkeys(name.partition("/")[0] for name in saved.arrays if name not in used))
    models = {head or None: partial(saved.models.__getitem__, head) for head in saved.models}
    kinds = {head: words_of(model.config).theirs for head, model in saved.models.items() if head}
    return Contents(NAME, models, kinds=kinds, left_out=others)


def is_training_state(data: bytes) -> bool:
    """Return whether a file begins as those that are written here."""
    return data.startswith(OF_TRAINING, 8)


MADE_BY = {SUFFIX: "only `dpa2 train` writes it, with what the optimizer keeps"}
CONTAINERS = (Container(NAME, (SUFFIX,), recognize=is_training_state, read=read, made_by=MADE_BY),)
