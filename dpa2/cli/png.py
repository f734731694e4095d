"""PNG files: checks before the work, an empty figure, and writing."""

from __future__ import annotations

import io
from pathlib import Path

from ..errors import InputError, require
from .output import one_line


def check_png(file: str | None) -> None:
    """Raise an error, before any work is done, for a name without .png or if matplotlib is not installed.

    >>> check_png(None)
    """
    if file is None:
        return
    if Path(file).suffix.lower() != ".png":
        raise InputError(f"{file}: the name of a picture must end in .png", argument="png", file=file)
    require("matplotlib.figure", "plot")


def empty_figure(width: float, height: float):
    """Return an empty matplotlib figure; width and height are in inches."""
    return require("matplotlib.figure", "plot").Figure(figsize=(width, height), layout="constrained")


def caption(text: str) -> str:
    """Return a text as matplotlib prints it, without formulas and control characters.

    >>> caption("a$b")
    'a\\\\$b'
    """
    return one_line(text).replace("$", "\\$")


def save_png(figure, file: str) -> None:
    """Write a figure to a PNG file, which appears complete or not at all."""
    from ..serialization.atomic import replacing

    check_png(file)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    with replacing(file) as new:
        new.write_bytes(buffer.getvalue())
