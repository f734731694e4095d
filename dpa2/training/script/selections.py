"""Numbers of neighbours that a script leaves to the data: `nsel` = "auto", and how numbers take their place.

Source: section 6.1 of the specification of training.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...config.rules import MAX_SIZE, refuse

MARGIN = 1.1  # the factor of "auto"
MULTIPLE = 4
# The settings: section of the descriptor, key of the number, key of the cutoff and its default.
PLACES = (
    ("repinit", "nsel", "rcut", None),
    ("repinit", "three_body_sel", "three_body_rcut", 4.0),
    ("repformer", "nsel", "rcut", None),
)


@dataclass(frozen=True)
class Automatic:
    """A number of neighbours to be found: the sections and keys that lead to it, its cutoff in Å, and the factor."""

    place: tuple[str, ...]
    cutoff: float
    factor: float

    @property
    def path(self) -> str:
        """Return its path in the script."""
        return ".".join(self.place)

    def number(self, largest: int) -> int:
        """Return max_neighbors for data in which an atom has at most `largest` neighbours.

        The product is rounded down before it is rounded up to a multiple, as in the reference.

        >>> Automatic(("nsel",), 6.0, 1.1).number(108)
        120
        """
        return MULTIPLE * ((int(largest * self.factor) + MULTIPLE - 1) // MULTIPLE)


def automatic(model: dict[str, Any]) -> list[Automatic]:
    """Return the numbers that a section `model`, of one task or of several heads, leaves to the data.

    Raises `ConfigurationError` for a word that is neither "auto" nor "auto:FACTOR".
    """
    found = []
    for place, descriptor in descriptors(model):
        for section, key, cutoff, default in PLACES:
            settings = descriptor.get(section)
            value = settings.get(key) if isinstance(settings, dict) else None
            if isinstance(settings, dict) and isinstance(value, str):
                where = ("model", *place, section, key)
                length = settings.get(cutoff, default)
                if isinstance(length, bool) or not isinstance(length, (int, float)):
                    refuse(".".join((*where[:-1], cutoff)), length, "must be a finite number")
                found.append(Automatic(where, float(length), read_factor(value, ".".join(where))))
    return found


def descriptors(model: dict[str, Any]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Return the sections of descriptors, each with the keys below `model` that lead to it."""
    heads, shared = model.get("model_dict"), model.get("shared_dict")
    found: list[tuple[tuple[str, ...], Any]] = [(("descriptor",), model.get("descriptor"))]
    if isinstance(heads, dict):
        own = ((name, head) for name, head in heads.items() if isinstance(head, dict))
        found += [(("model_dict", name, "descriptor"), head.get("descriptor")) for name, head in own]
    if isinstance(shared, dict):
        found += [(("shared_dict", name), section) for name, section in shared.items()]
    return [(place, section) for place, section in found if isinstance(section, dict)]


def heads_of(place: tuple[str, ...], model: dict[str, Any]) -> list[str]:
    """Return the heads whose descriptor has the setting at a place below `model`; none in a script of one task."""
    heads = model.get("model_dict") or {}
    _, kind, *names = place
    if kind == "model_dict":
        return [names[0]]
    given = {name: head.get("descriptor", model.get("descriptor")) for name, head in heads.items()}
    if kind == "shared_dict":
        return [n for n, value in given.items() if isinstance(value, str) and value.partition(":")[0] == names[0]]
    return [name for name, value in given.items() if isinstance(value, dict)]


def read_factor(text: str, path: str) -> float:
    """Return the factor of "auto" or "auto:FACTOR"."""
    word, colon, number = text.partition(":")
    try:
        factor = float(number) if colon else MARGIN
    except ValueError:
        factor = 0.0
    if word != "auto" or not 1.0 <= factor < 100.0:
        refuse(path, text, "must be a number, 'auto' or 'auto:FACTOR' with a factor of at least 1")
    return factor


def with_numbers(model: dict[str, Any], numbers: Mapping[tuple[str, ...], int]) -> dict[str, Any]:
    """Return a section `model` with numbers at some places."""
    found = copy.deepcopy(model)
    for (_, *sections, key), number in numbers.items():
        section = found
        for name in sections:
            section = section[name]
        section[key] = number
    return found


def with_any_numbers(model: dict[str, Any]) -> dict[str, Any]:
    """Return a section `model` with some numbers that can be, to check the rest of it before data is read.

    The number of repinit is the largest that there is; the others are as small as the explicit ones allow.
    """
    numbers = {}
    for each in automatic(model):
        section, key = each.place[-2:]
        least = smaller_one(settings_at(model, each.place[1:-2]), key == "three_body_sel", each.cutoff)
        numbers[each.place] = MAX_SIZE if (section, key) == ("repinit", "nsel") else least
    return with_numbers(model, numbers)


def smaller_one(descriptor: dict[str, Any], three_body: bool, cutoff: float) -> int:
    """Return what the list of the other of two blocks holds, if its cutoff is shorter; else 1.

    three_body: whether the list is the one of the three-body block; the other one is that of the repformer.
    """
    block = descriptor.get("repformer" if three_body else "repinit", {})
    length, number = ("rcut", "nsel") if three_body else ("three_body_rcut", "three_body_sel")
    known = block.get(number, 40)
    used = three_body or block.get("use_three_body") is True
    return known if used and isinstance(known, int) and block.get(length, 4.0) < cutoff else 1


def settings_at(model: dict[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    """Return the section at a place below `model`."""
    for name in place:
        model = model[name]
    return model
