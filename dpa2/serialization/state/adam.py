"""The optimizer of a checkpoint: Adam's moments by the names of the model's tensors, and its settings.

PyTorch keeps them by the numbers of its parameters. A parameter that never had a gradient has no entry.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy

from ...errors import FormatError, UnsupportedModel, shorten
from ..tree.packing import TreeArray
from .parameters import numbered

EPSILON = 1e-8  # of the reference, where it cannot be set
PARTS = ("step", "exp_avg", "exp_avg_sq")  # what PyTorch's Adam and AdamW keep of a parameter
Places = Mapping[str, TreeArray]  # arrays of a state dictionary, by their full names, with the model's tensors in them


class Moments(NamedTuple):
    """Means of gradients and of their squares of one tensor, and the number of its steps."""

    first: numpy.ndarray
    second: numpy.ndarray
    steps: int


@dataclass(frozen=True)
class Adam:
    """Adam, or AdamW (`decoupled`), between two steps.

    moments: of each head, by the names of its tensors; a tensor without steps has none. rate: of the last step.
    start_rate: the learning rate to which a schedule refers.
    """

    moments: Mapping[str | None, Mapping[str, Moments]]
    betas: tuple[float, float] = (0.9, 0.999)
    decay: float = 0.0
    decoupled: bool = False
    start_rate: float = 0.001
    rate: float = 0.001


def read_adam(optimizer: Any, state: dict[str, numpy.ndarray], places: Mapping[str | None, Places]) -> Adam:
    """Return the optimizer in a checkpoint, whose model is in `state`.

    places: of each head; a single model is called None.

    Raises `UnsupportedModel` for another optimizer, `FormatError` for one that does not fit the model.
    """
    entries, group = parts_of(optimizer)
    numbers = numbered(state)
    require_count(group, len(set(numbers.values())))
    moments = {head: dict(moments_of(entries, numbers, arrays)) for head, arrays in places.items()}
    rates = {"start_rate": number(group, "initial_lr", 0.0), "rate": number(group, "lr", 0.0)}
    decoupled = group.get("decoupled_weight_decay", False)
    return Adam(moments, betas_of(group), number(group, "weight_decay", 0.0), decoupled is True, **rates)


def parts_of(optimizer: Any) -> tuple[dict, dict]:
    """Return the entries and the settings of an optimizer with one group of parameters."""
    entries, groups = (
        (optimizer.get(key) for key in ("state", "param_groups")) if isinstance(optimizer, dict) else 2 * (0,)
    )
    if not isinstance(entries, dict) or not isinstance(groups, list):
        refuse("without `state` and `param_groups`")
    if len(groups) != 1 or not isinstance(groups[0], dict):
        refuse(f"with {len(groups)} groups of parameters")
    for entry in entries.values():
        if not isinstance(entry, dict) or not set(PARTS) <= set(entry):
            refuse(f"that keeps {', '.join(map(shorten, entry)) if isinstance(entry, dict) else shorten(entry)}")
    require_plain(groups[0])
    return entries, groups[0]


def require_plain(group: dict) -> None:
    """Refuse a kind of Adam with other formulas."""
    if "betas" not in group:
        refuse("without `betas`")
    for key, usual in (("eps", EPSILON), ("amsgrad", False), ("maximize", False)):
        found = group.get(key, usual)
        if not isinstance(found, bool | float) or found != usual:
            refuse(f"with {key} = {shorten(found)}")


def refuse(which: str) -> NoReturn:
    """Refuse an optimizer that is neither Adam nor AdamW as the reference has them."""
    what = f"an optimizer {which}"
    hint = "start from the model alone, with a new optimizer (--init-model)"
    raise UnsupportedModel(f"holds {what}; Adam and AdamW of PyTorch are read; {hint}", what=what, hint=hint)


def require_count(group: dict, wanted: int) -> None:
    """Refuse an optimizer of other parameters than the model has."""
    found = group.get("params")
    numbers = [number for number in found if type(number) is int] if isinstance(found, list) else []
    if numbers != list(range(wanted)):
        count = f"{len(numbers)} parameters, but its model {wanted}" if numbers else "no parameters"
        raise FormatError(f"its optimizer has {count}, which are numbered from 0", key="optimizer")


def moments_of(entries: dict, numbers: Mapping[str, int], places: Places) -> Iterator[tuple[str, Moments]]:
    """The moments of each tensor in the arrays of a model."""
    for name, place in places.items():
        entry = entries.get(numbers[name]) if name in numbers else None
        if entry is None:
            continue
        first, second = (finite(place.read(entry[key]), f"{key} of {name}") for key in PARTS[1:])
        steps = steps_of(entry["step"], name)
        for tensor in place.names if steps else ():
            yield tensor, Moments(first[tensor], second[tensor], steps)


def finite(arrays: dict[str, numpy.ndarray], what: str) -> dict[str, numpy.ndarray]:
    """The arrays, if all their numbers are finite."""
    for name, array in arrays.items():
        if not numpy.isfinite(array).all():
            raise FormatError(f"its optimizer has numbers that are not finite in {what}", tensor=name)
    return arrays


def steps_of(value: Any, name: str) -> int:
    """The number of steps of a parameter, which PyTorch keeps as a tensor."""
    plain = value.item() if isinstance(value, numpy.ndarray) and value.shape == () else value
    if isinstance(plain, bool) or not isinstance(plain, int | float) or not 0 <= plain < 2**53 or plain % 1:
        raise FormatError(f"its optimizer has made {shorten(value)} steps of {name}", key="step")
    return int(plain)


def number(group: dict, key: str, default: float) -> float:
    """A setting that is a finite number, 0 or more."""
    found = group.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < math.inf:
        raise FormatError(f"its optimizer has {key} = {shorten(found)}", key=key)
    return float(found)


def betas_of(group: dict) -> tuple[float, float]:
    """The shares that moments keep in a step."""
    found = group["betas"]
    if not isinstance(found, list | tuple) or len(found) != 2:
        raise FormatError(f"its optimizer has betas = {shorten(found)}", key="betas")
    first, second = (number({"betas": x}, "betas", 0.0) for x in found)
    if max(first, second) >= 1:
        raise FormatError(f"its optimizer has betas = {shorten(found)}", key="betas")
    return first, second


def adam_to_dict(adam: Adam, state: dict[str, numpy.ndarray], places: Mapping[str | None, Places]) -> dict:
    """Return the inverse of `read_adam`: what PyTorch keeps of an optimizer of the parameters in `state`."""
    numbers, entries = numbered(state), {}
    for head, arrays in places.items():
        for name, place in arrays.items():
            entry = entry_of(adam.moments.get(head, {}), place) if name in numbers else None
            if entry is not None:
                entries[numbers[name]] = entry
    group = {
        "lr": adam.rate, "betas": adam.betas, "eps": EPSILON, "weight_decay": adam.decay, "amsgrad": False,
        "maximize": False, "foreach": None, "capturable": False, "differentiable": False, "fused": False,
        "decoupled_weight_decay": adam.decoupled, "initial_lr": adam.start_rate,
        "params": list(range(len(set(numbers.values())))),
    }  # fmt: skip
    return {"state": {key: entries[key] for key in sorted(entries)}, "param_groups": [group]}


def entry_of(moments: Mapping[str, Moments], place: TreeArray) -> dict | None:
    """Return the entry of PyTorch for the parameter that holds some tensors; None if they had no step."""
    if not place.names or any(name not in moments for name in place.names):
        return None
    first, second = ({n: getattr(moments[n], kind) for n in place.names} for kind in ("first", "second"))
    step = numpy.asarray(moments[place.names[0]].steps, "float32")
    return dict(zip(PARTS, (step, place.write(first), place.write(second)), strict=True))
