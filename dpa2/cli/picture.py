"""A picture of a comparison: a bar for each tensor that changed, as long as its relative distance.

A tensor that is in one model only, or of another shape, has words in place of a bar.
"""

from __future__ import annotations

from .png import caption, empty_figure


def draw(found, title: str):
    """Return the picture of a comparison."""
    tensors = found.different[::-1]
    figure = empty_figure(9, 1.5 + 0.18 * len(tensors))
    axes = figure.subplots()
    axes.barh([t.name for t in tensors], [0.0 if t.reason else t.relative for t in tensors], height=0.7)
    for place, tensor in enumerate(tensors):
        if tensor.reason:
            words = f" {caption(tensor.reason)}"
            axes.text(0.0, place, words, color="0.5", fontsize=6, va="center", transform=axes.get_yaxis_transform())
    if not tensors:
        axes.text(0.5, 0.5, "all tensors are equal", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
    axes.set_xscale("log" if any(not t.reason and t.relative > 0 for t in tensors) else "linear")
    axes.set_xlabel("‖second - first‖ / ‖first‖")
    axes.set_title(f"{caption(title)}\n{len(found.different)} of {len(found.tensors)} tensors differ", fontsize=9)
    axes.tick_params(axis="y", labelsize=6)
    axes.margins(y=0.01)
    return figure
