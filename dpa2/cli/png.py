"""Pictures as files: an empty figure, and a PNG that appears complete or not at all."""

from __future__ import annotations

import io
from pathlib import Path

from ..errors import InputError, require


def check_png(file: str | None) -> None:
    """Refuse, before any work, a name that is not that of a picture, and pictures where nothing can draw them.

    >>> check_png(None)
    """
    if file is None:
        return
    if Path(file).suffix.lower() != ".png":
        raise InputError(f"{file}: pictures are written as .png", argument="png", file=file)
    require("matplotlib.figure", "plot")


def empty_figure(width: float, height: float):
    """A figure of that size in inches."""
    return require("matplotlib.figure", "plot").Figure(figsize=(width, height), layout="constrained")


def save_png(figure, file: str) -> None:
    """Render a figure and write it."""
    from ..serialization.atomic import replacing

    check_png(file)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    with replacing(file) as new:
        new.write_bytes(buffer.getvalue())
