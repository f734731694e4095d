"""The parts of a multi-task model that its heads share, as `shared_dict` and the names that refer to it say.

Source: section 10 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...config.rules import refuse
from ...errors import meant_perhaps

LEVELS = {"descriptor": (0, 1), "fitting_net": (0,)}  # the levels at which a part can be shared


@dataclass(frozen=True)
class Link:
    """The heads that share one section of `shared_dict`, as descriptor or as fitting net.

    part: "descriptor" or "fitting_net". levels: how much each head shares; the first head is the base, whose tensors
    all of them have. A descriptor is shared as a whole at level 0, but for `tebd_transform`; its type embedding alone
    at level 1. A fitting net is shared at level 0: its networks and the statistics of parameters.
    """

    part: str
    levels: Mapping[str, int]

    @property
    def base(self) -> str:
        """The head whose tensors are shared."""
        return next(iter(self.levels))

    @property
    def whole(self) -> tuple[str, ...]:
        """The heads that share the part as a whole, at level 0."""
        return tuple(head for head, level in self.levels.items() if level == 0)


def read_links(model: Mapping[str, Any]) -> tuple[Link, ...]:
    """Return the links of a section `model` without comments; none for a script of one task.

    Raises `ConfigurationError` for a name that `shared_dict` does not have, for a level that there is not, and for
    heads that do not have one type map together.
    """
    heads, shared = model.get("model_dict"), model.get("shared_dict") or {}
    if not heads:
        return ()
    require_one_type_map(model)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for head in heads:
        for part in LEVELS:
            given, path = given_to(model, head, part)
            if isinstance(given, str):
                name, level = read_name(given, path, part)
                if name not in shared:
                    refuse(path, given, f"is no part of shared_dict{meant_perhaps(name, shared)}")
                found.setdefault((part, name), {})[head] = level
    links = (Link(part, base_first(levels)) for (part, _), levels in found.items())
    return tuple(link for link in links if len(link.levels) > 1)


def base_first(levels: Mapping[str, int]) -> dict[str, int]:
    """Return heads in the order of their levels, and of the script where these are equal."""
    return dict(sorted(levels.items(), key=lambda item: item[1]))


def given_to(model: Mapping[str, Any], head: str, key: str) -> tuple[Any, str]:
    """Return what a script gives a head under a key, for itself or for all heads, and its path."""
    own = model["model_dict"][head]
    if isinstance(own, dict) and key in own:
        return own[key], f"model.model_dict.{head}.{key}"
    return model.get(key), f"model.{key}"


def read_name(text: str, path: str, part: str) -> tuple[str, int]:
    """Return the name and the level in a reference such as "name" or "name:1"."""
    name, colon, number = text.partition(":")
    possible = [str(level) for level in LEVELS[part]]
    if colon and number not in possible:
        refuse(path, text, f"shares at a level that there is not; a {part} has {' and '.join(possible)}")
    return name, int(number or 0)


def require_one_type_map(model: Mapping[str, Any]) -> None:
    """Refuse heads that do not take their type map from one and the same section of `shared_dict`."""
    names: set[str] = set()
    for head in model["model_dict"]:
        given, path = given_to(model, head, "type_map")
        if not isinstance(given, str) or names - {given}:
            refuse(path, given, "must be a section of shared_dict, the same for all heads")
        names.add(given)
