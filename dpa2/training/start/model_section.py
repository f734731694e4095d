"""Scripts that take their section `model`, or parts of it, from a pretrained file (`--use-pretrain-script`).

Source: section 9 of the specification of training.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from ... import serialization
from ...config.parsing import declared_types
from ...serialization import config_to_script
from ...serialization.checkpoint import Checkpoint
from ..script.course import StatisticsSection
from ..script.links import given_to
from ..script.plain import section_at, without_comments
from .branches import branch_of
from .pretrained import Pretrained
from .type_maps import EMBEDDING, config_with_types

Change = Callable[[dict[str, Any]], dict[str, Any]]  # from a script to a script, as plain dictionaries
KEPT = ("trainable", "seed")  # settings of descriptor and fitting net that stay those of the script


def with_model_of_file(file: str | PathLike[str]) -> Change:
    """Return the function that puts the model of a file into a script, for `read_script(path, change=...)`.

    What concerns training alone (`data_stat_nbatch`, ...) stays. Heads share what they share in the file.

    Raises the errors of `dpa2.load`.
    """
    path, head = serialization.file_and_head(file, None)
    opened = Pretrained(path)

    def change(given: dict[str, Any]) -> dict[str, Any]:
        script = without_comments(given)
        own = section_at(script.get("model", {}), "model")
        training = {key: own[key] for key in declared_types(StatisticsSection) if key in own}
        alone = head is not None or opened.contents.heads is None
        found = config_to_script(opened.model(head).config) if alone else section_of_heads(opened)
        return script | {"model": found | training}

    return change


def section_of_heads(file: Pretrained) -> dict[str, Any]:
    """Return the section `model` of a file of several heads, with links for what they share."""
    shared: dict[str, Any] = {}
    names: dict[int, str] = {}
    heads: dict[str, Any] = {}
    for head in file.contents.known_heads:
        model = file.model(head)
        section = config_to_script(model.config)
        shared.setdefault("types", section["type_map"])
        section["type_map"] = "types"
        for part, marks in marks_of(model).items():
            known = next((level for level, mark in enumerate(marks) if mark in names), None)
            name = names[marks[known]] if known is not None else f"{part}_{head}"
            names |= {mark: name for mark in marks if mark not in names}
            shared.setdefault(name, section[part])
            section[part] = f"{name}:{known or 0}"
        heads[head] = section
    return {"shared_dict": shared, "model_dict": heads}


def marks_of(model: Checkpoint) -> dict[str, list[int]]:
    """Return, by part and level, a number that is the same for the heads that share it."""
    pair = model.weights["descriptor.repformer.pair_embedding.weight"]
    return {
        "descriptor": [id(pair), id(model.weights[EMBEDDING])],
        "fitting_net": [id(model.weights["fitting.output.weight"])],
    }


def with_parts_of_file(file: str | PathLike[str], branch: str | None = None) -> Change:
    """Return the function that puts descriptors and fitting nets of a file into a script that fine-tunes it.

    The settings `trainable` and `seed` stay. Heads with a random fitting net keep their own.

    branch: as for `finetuned`, whose errors are raised.
    """
    path, named = serialization.file_and_head(file, branch)
    opened = Pretrained(path)

    def change(given: dict[str, Any]) -> dict[str, Any]:
        script = copy.deepcopy(without_comments(given))
        model = section_at(script.get("model", {}), "model")
        done: set[str] = set()
        for head in section_at(model.get("model_dict") or {}, "model.model_dict") or [None]:
            put_parts(opened, model, head, named, done)
        return script | {"model": model}

    return change


def put_parts(file: Pretrained, model: dict[str, Any], head: str | None, named: str | None, done: set[str]) -> None:
    """Put the parts of a head's branch where the section `model` has them; shared ones that are done stay."""
    own = model if head is None else model["model_dict"][head]
    finetune_head = section_at(own, f"model.model_dict.{head}").get("finetune_head", model.get("finetune_head"))
    branch = branch_of(file.name, file.contents, head, finetune_head, named)
    config, types = file.model(branch.head).config, type_map_of(model, head)
    found = config_to_script(config_with_types(config, types) if types else config)
    for part in ("descriptor", "fitting_net") if branch.whole else ("descriptor",):
        value = model.get(part) if head is None else given_to(model, head, part)[0]
        if not isinstance(value, str):
            own[part] = with_settings(found[part], value)
        elif (name := value.partition(":")[0]) not in done:
            model["shared_dict"][name] = with_settings(found[part], model["shared_dict"].get(name))
            done |= {name}


def with_settings(found: dict[str, Any], given: Any) -> dict[str, Any]:
    """Return a part of a file's script with what stays of the script's own."""
    own = {key: value for key, value in given.items() if key in KEPT} if isinstance(given, dict) else {}
    return {key: value for key, value in found.items() if key not in KEPT} | own


def type_map_of(model: Mapping[str, Any], head: str | None) -> list[str] | None:
    """Return the types that a script gives a head; None where it gives none."""
    value = model.get("type_map") if head is None else given_to(model, head, "type_map")[0]
    return model.get("shared_dict", {}).get(value) if isinstance(value, str) else value
