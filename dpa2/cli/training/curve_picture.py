"""The learning curve of a training as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...training.course import Shown
from ..png import caption, empty_figure, save_png

UNITS = {"e": "eV/atom", "f": "eV/Å", "v": "eV/atom", "ae": "eV", "pf": "eV/Å", "gf": "eV/Å"}


def save_curve(rows: Sequence[Shown], file: str) -> None:
    """Write a picture with a panel for each reported number, in which each head has its lines."""
    names = list(dict.fromkeys(name for row in rows for errors in row.trained.values() for name in errors))
    figure = empty_figure(4.0 * max(1, min(len(names), 2)), 3.0 * max(1, math.ceil(len(names) / 2)))
    for number, name in enumerate(names):
        axes = figure.add_subplot(math.ceil(len(names) / 2), min(len(names), 2), number + 1)
        draw(axes, rows, name)
    save_png(figure, file)


def draw(axes, rows: Sequence[Shown], name: str) -> None:
    """Draw one number over the steps: dots in training, a line in validation."""
    for head in rows[0].trained:
        label = f"{caption(head)} " if head else ""
        for kind, style in (("trained", "."), ("validated", "-")):
            found = [(row.step, getattr(row, kind).get(head, {}).get(name, math.nan)) for row in rows]
            known = [(step, value) for step, value in found if value > 0]
            if known:
                axes.plot(*zip(*known, strict=True), style, label=f"{label}{kind}")
    unit = UNITS.get(name.partition("_")[2], "")
    axes.set(xlabel="step", ylabel=f"{name}{f' / {unit}' if unit else ''}", yscale="log")
    axes.legend(fontsize="small")
