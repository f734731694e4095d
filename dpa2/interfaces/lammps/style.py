"""The arguments of `pair_style dpa2` and `pair_style deepmd`, and of their `pair_coeff`, as values that are checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import InputError, meant_perhaps
from .script import Place, quoted, refused

NAMES = ("dpa2", "deepmd")
OVERLAY = "hybrid/overlay"
OF_FILES = ("backend", "head", "dtype", "device")
SYNTAX = "pair_style dpa2 FILE ... [backend NAME] [head NAME] [dtype NAME] [device NAME] [out_freq N] [out_file NAME]"
REFUSED = {  # keywords of `pair_style deepmd` that have no meaning here
    "fparam_from_compute": "frame parameters are constants here: fparam VALUES",
    "fparam_from_fix": "frame parameters are constants here: fparam VALUES",
    "aparam_from_compute": "parameters of atoms are constants here: aparam VALUES",
    "ttm": "parameters of atoms are constants here: aparam VALUES",
    "virtual_len": "models with spins are not implemented",
    "spin_norm": "models with spins are not implemented",
}


def word(values: list[str]) -> str:
    """Take one word."""
    return values.pop(0)


def whole(values: list[str]) -> int:
    """Take one whole number that is not negative."""
    value = int(values.pop(0))
    if value < 0:
        raise ValueError
    return value


def number(values: list[str]) -> float:
    """Take one finite number."""
    value = float(values.pop(0))
    if not math.isfinite(value):
        raise ValueError
    return value


def numbers(values: list[str]) -> tuple[float, ...]:
    """Take one number or more, up to the next word that is none."""
    found = [number(values)]
    while values and is_number(values[0]):
        found.append(number(values))
    return tuple(found)


def flag(values: list[str]) -> bool:
    """Take nothing: the keyword alone says yes."""
    return True


def choice(values: list[str]) -> str:
    """Take one of the two ways to treat an atom with more neighbours than the model holds."""
    value = values.pop(0)
    if value not in ("strict", "truncate"):
        raise ValueError
    return value


def is_number(text: str) -> bool:
    """Whether a word is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


KEYWORDS: dict[str, tuple[Callable[[list[str]], Any], str]] = {  # each with what it takes, in words
    **{name: (word, "a name") for name in OF_FILES},
    "out_freq": (whole, "a number of steps, or 0"),
    "out_file": (word, "a file name"),
    "fparam": (numbers, "numbers"),
    "aparam": (numbers, "numbers"),
    "atomic": (flag, "nothing"),
    "relative": (number, "a force in the units of the script"),
    "relative_v": (number, "a virial per atom, an energy in the units of the script"),
    "neighbors": (choice, "strict or truncate"),
}


@dataclass(frozen=True)
class Style:
    """The contents of a line `pair_style dpa2`, and its place.

    files: of models; the first one gives the forces. options: keywords with their values, those that are given.
    before, after: the words of `pair_style hybrid/overlay` around it; empty if it is the only pair style.
    """

    name: str
    files: tuple[str, ...]
    place: Place
    options: dict[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def overlay(self) -> bool:
        """Whether it is one of the styles of `hybrid/overlay`."""
        return bool(self.before)

    def loading(self, defaults: dict[str, Any]) -> dict[str, Any]:
        """Return the options of `dpa2.load`; defaults: those for names that the line does not give."""
        given = {name: self.options.get(name, defaults.get(name)) for name in OF_FILES}
        return {name: value for name, value in given.items() if value is not None}

    def running(self) -> dict[str, Any]:
        """Return the other options, by their keywords."""
        return {name: value for name, value in self.options.items() if name not in OF_FILES}

    def for_lammps(self, cutoff: float) -> str:
        """Return the command that LAMMPS gets in its place: a style without forces that makes the neighbour list."""
        parts = (*self.before, "zero", repr(float(cutoff)), "full", *self.after)
        return "pair_style " + " ".join(spelled(part, self.place) for part in parts)

    def coefficients_for_lammps(self) -> str:
        """Return the `pair_coeff` that LAMMPS gets."""
        return "pair_coeff * * zero" if self.overlay else "pair_coeff * *"


def spelled(part: str, place: Place) -> str:
    """Return a word as it stands in a command: in quotes only where it needs them."""
    plain = part and not set(part) & set("\"' \t\n#$&")
    return part if plain else quoted(part, place)


def read_style(given: Sequence[str], place: Place, is_style: Callable[[str], bool]) -> Style | None:
    """Return what the words after `pair_style` say, None if none of ours is among them.

    is_style: whether a word is a pair style of LAMMPS; with one of these the arguments of a hybrid's part end.
    """
    name, *rest = given or [""]
    if name in NAMES:
        return alone(name, rest, place)
    ours = [k for k, each in enumerate(given) if each in NAMES] if name.startswith("hybrid") else []
    if not ours:
        return None
    if name != OVERLAY:
        rule = f"a model computes all pairs of atoms; use pair_style {OVERLAY}"
        raise refused(place, f"pair_style {name} with {given[ours[0]]}: {rule}", argument=name)
    if len(ours) > 1:
        rule = "give several models to one for their deviation: dpa2 a.dp b.dp out_freq 10"
        raise refused(place, f"pair_style {OVERLAY} has {len(ours)} styles of dpa2; {rule}", argument=OVERLAY)
    if "zero" in given:
        raise refused(place, f"pair_style {OVERLAY} with dpa2 and zero: zero is what stands in place of dpa2")
    (start,) = ours
    end = next((k for k in range(start + 1, len(given)) if is_style(given[k])), len(given))
    found = alone(given[start], list(given[start + 1 : end]), place)
    return Style(found.name, found.files, place, found.options, tuple(given[:start]), tuple(given[end:]))


def alone(name: str, rest: list[str], place: Place) -> Style:
    """Return what the arguments of one of our styles say."""
    known = {*KEYWORDS, *REFUSED}
    end = next((k for k, each in enumerate(rest) if each in known), len(rest))
    files = rest[:end]
    if not files:
        raise refused(place, f"pair_style {name}: names no model file. It is: {SYNTAX}")
    for each in files:
        if "." not in each and meant_perhaps(each, KEYWORDS):
            raise no_keyword(name, each, place)
    return Style(name, tuple(files), place, dict(options(name, rest[end:], place)))


def options(name: str, rest: list[str], place: Place) -> Iterator[tuple[str, Any]]:
    """Yield keywords with their values."""
    while rest:
        keyword, *rest = rest
        if keyword in REFUSED:
            raise refused(place, f"pair_style {name}: {keyword}: {REFUSED[keyword]}", argument=keyword)
        if keyword not in KEYWORDS:
            raise no_keyword(name, keyword, place)
        take, what = KEYWORDS[keyword]
        value = (rest or ["nothing"])[0]
        try:
            yield keyword, take(rest)
        except (ValueError, IndexError):
            raise refused(place, f"pair_style {name}: {keyword} wants {what}, not {value}", argument=keyword) from None


def no_keyword(name: str, keyword: str, place: Place) -> InputError:
    """Return the error about a word that is no keyword, with the one that is perhaps meant."""
    meant = meant_perhaps(keyword, KEYWORDS)
    rule = f"files stand before the keywords, which are {', '.join(KEYWORDS)}"
    return refused(place, f"pair_style {name}: {keyword!r} is no keyword{meant}; {rule}", argument=keyword)


def is_ours(given: Sequence[str], style: Style) -> bool:
    """Whether the words after `pair_coeff` are for our style."""
    return not style.overlay or given[2:3] == [style.name]


def read_types(given: Sequence[str], style: Style, place: Place, known: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the model's name for each type of LAMMPS, from the words after `pair_coeff`.

    known: the types of the model, which are taken in their order where none are named. count: LAMMPS' number of types.
    """
    if list(given[:2]) != ["*", "*"]:
        rule = "a model computes all pairs: pair_coeff * * and a name for each type"
        raise refused(place, f"pair_coeff {' '.join(given[:2])}: {rule}", argument="pair_coeff")
    names = tuple(given[3 if style.overlay else 2 :]) or tuple(known[:count])
    if len(names) != count:
        rule = f"one of {', '.join(known)} is wanted for each"
        raise refused(
            place, f"pair_coeff: {len(names)} names for {count} types of atoms; {rule}", argument="pair_coeff"
        )
    for each in names:
        if each not in known:
            raise refused(place, f"pair_coeff: {unknown(each, known)}", argument="pair_coeff", type=each)
    return names


def unknown(name: str, known: Sequence[str]) -> str:
    """Say that a model has no such type."""
    if name == "NULL":
        return "NULL: atoms that the model leaves out are not implemented"
    return f"the model has no type {name!r}{meant_perhaps(name, known)}; it has {', '.join(known)}"
