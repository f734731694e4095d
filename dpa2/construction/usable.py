"""The refusal of weights with which no energy can be computed."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from ..errors import FormatError

DIVISORS = ".environment.std"  # names of arrays by which rows of the environment are divided end with it


def require_real(weights: dict[str, np.ndarray]) -> None:
    """Raise `FormatError` for an array of something else than real numbers, such as complex ones or texts."""
    for name, array in weights.items():
        if np.iscomplexobj(array) or (array.dtype.kind in "bOSUMmV" and array.dtype.name != "bfloat16"):
            raise FormatError(f"tensor {name} holds {array.dtype}; must hold real numbers", file="", tensor=name)


def require_usable(weights: dict[str, np.ndarray], source: str = "") -> None:
    """Raise `FormatError` for a number that is NaN or infinite, or a standard deviation of (almost) 0."""
    for name, array in weights.items():
        refuse_first(~np.isfinite(array), name, array, "which is no finite number", source)
        if name.endswith(DIVISORS):
            tiny = np.finfo(array.dtype).tiny
            refuse_first(np.abs(array) < tiny, name, array, "by which nothing can be divided", source)


def refuse_first(wrong: np.ndarray, name: str, array: np.ndarray, rule: str, source: str) -> None:
    """Refuse an array at the first place that is wrong, if there is one."""
    if wrong.any():
        index = tuple(int(k) for k in np.argwhere(wrong)[0])
        refuse_number(name, index, array[index], rule, source)


def refuse_number(name: str, index: tuple[int, ...], value: float, rule: str, source: str) -> NoReturn:
    place = f"{name}[{', '.join(map(str, index))}]"
    file = f"{source}: " if source else ""
    raise FormatError(
        f"{file}tensor {place} is {value}, {rule}: the model would give no results; take it from an earlier "
        "checkpoint, or train it again",
        file=source,
        tensor=name,
        index=index,
        value=float(value),
    )
