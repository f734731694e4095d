"""Rules that hold in more than one section of the configuration, and the error for a setting that breaks one."""

from __future__ import annotations

from typing import NoReturn

from ..dtypes import NAMES
from ..errors import ConfigurationError, shorten
from ..nn.activations import activation

DTYPES = NAMES  # the precisions of a model
MAX_INTERVALS = 100_000_000  # of a table; a fine step of 1e-6 Å⁻¹ makes about as many
MAX_SIZE = 100_000  # larger widths and counts belong to no model; products of three of them still fit 64 bits
MAX_LAYERS = 1000  # of a net or of the repformer


def refuse(path: str, value, rule: str) -> NoReturn:
    """Raise `ConfigurationError` for a setting, with its value and the rule that it breaks."""
    raise ConfigurationError(f"{path} = {shorten(value)}: {rule}", path=path, value=value)


def check(section, name: str, condition: bool, rule: str) -> None:
    """Refuse a setting of a section unless the condition holds."""
    if not condition:
        refuse(section.place(name), getattr(section, name), rule)


def check_positive(section, *names: str) -> None:
    """Refuse widths and counts that are 0 or less, or larger than those of any model."""
    for name in names:
        check(section, name, 0 < getattr(section, name) <= MAX_SIZE, f"must lie in 1 ... {MAX_SIZE}")


def check_not_negative(section, *names: str) -> None:
    """Refuse widths and counts that are less than 0, or larger than those of any model."""
    for name in names:
        check(section, name, 0 <= getattr(section, name) <= MAX_SIZE, f"must lie in 0 ... {MAX_SIZE}")


def check_choice(section, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices."""
    check(section, name, getattr(section, name) in choices, f"must be one of {', '.join(choices)}")


def check_cutoffs(section) -> None:
    """Refuse cutoffs and a number of neighbors that no block can have."""
    cutoff = section.cutoff
    check(section, "cutoff", cutoff > 0, "a cutoff is a positive length in Å")
    check(section, "inner_cutoff", 0 <= section.inner_cutoff < cutoff, f"must lie in [0, cutoff = {cutoff})")
    check_positive(section, "max_neighbors")


def check_widths(section) -> None:
    """Refuse a net without layers, or with a layer of no width."""
    check(section, "widths", len(section.widths) <= MAX_LAYERS, f"a network has at most {MAX_LAYERS} layers")
    possible = len(section.widths) > 0 and all(0 < width <= MAX_SIZE for width in section.widths)
    check(section, "widths", possible, f"a network needs layers, each with a width of 1 ... {MAX_SIZE}")


def check_activation(section) -> None:
    """Refuse the name of an activation that the specification does not have."""
    try:
        activation(section.activation)
    except ValueError as error:
        refuse(section.place("activation"), section.activation, str(error))


def check_types(section, name: str, types, count: int) -> None:
    """Refuse indices of types that are not below `count`."""
    for t in types:
        if not 0 <= t < count:
            refuse(section.place(name), t, f"must be a type index below {count}")
