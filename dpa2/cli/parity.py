"""A picture of predictions over labels: energies per atom, components of forces, virials per atom, or other values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..surveys.accuracy import Accuracy
from ..surveys.accuracy.points import Points
from ..surveys.accuracy.results import Measure, rmse
from .png import caption, empty_figure

MANY = 5000  # points beyond which they are drawn small


def draw(results: Mapping[str, Accuracy], title: str, words: tuple[str, str] = ("label", "prediction")):
    """Return a picture with a panel for each quantity.

    results: of one model or of several, by words for each. words: what is on the two axes.
    """
    quantities = [points.quantity for points in next(iter(results.values())).points.values()]
    figure = empty_figure(4.2 * len(quantities), 4.6)
    figure.suptitle(caption(title), fontsize=9)
    for axes, quantity in zip(figure.subplots(1, len(quantities), squeeze=False)[0], quantities, strict=True):
        draw_panel(axes, {name: found.points[quantity.key] for name, found in results.items()}, words)
    return figure


def draw_panel(axes, models: Mapping[str, Points], words: tuple[str, str]) -> None:
    """Draw the points of one quantity, of each model in a color of its own, and the line on which they should lie."""
    quantity = next(iter(models.values())).quantity
    measure = Measure(quantity, quantity.extensive)
    low, high, rmses = np.inf, -np.inf, []
    for name, points in models.items():
        x, y = (points.divided(numbers, measure.per_atom) for numbers in (points.expected, points.predicted))
        axes.plot(x, y, ".", markersize=3.0 if len(x) <= MANY else 1.0, label=caption(name))
        low, high = min(low, x.min(), y.min()), max(high, x.max(), y.max())
        rmses.append(f"{rmse(y - x):.4g}")
    margin = 0.03 * (high - low) or 1.0
    ends = low - margin, high + margin
    axes.plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    unit = f" / {measure.unit}" if quantity.field else ""
    axes.set_title(f"{caption(measure.words)}: RMSE {', '.join(rmses)}", fontsize=9)
    axes.set_xlabel(f"{words[0]}{unit}", fontsize=8)
    axes.set_ylabel(f"{words[1]}{unit}", fontsize=8)
    axes.tick_params(labelsize=7)
    if len(models) > 1:
        axes.legend(fontsize=7, loc="upper left")
