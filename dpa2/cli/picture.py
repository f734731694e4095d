"""A picture of a comparison: one bar for each tensor that changed, as long as its relative distance."""

from __future__ import annotations

from .png import caption, check_png, empty_figure, save_png


def draw(found, file: str, title: str) -> None:
    """Write the picture of a comparison to a PNG file."""
    check_png(file)
    tensors = [t for t in found.different if not t.reason][::-1]
    figure = empty_figure(9, 1.5 + 0.18 * len(tensors))
    axes = figure.subplots()
    axes.barh([t.name for t in tensors], [t.relative for t in tensors], height=0.7)
    axes.set_xscale("log" if any(t.relative > 0 for t in tensors) else "linear")
    axes.set_xlabel("‖second - first‖ / ‖first‖")
    axes.set_title(f"{caption(title)}\n{len(found.different)} of {len(found.tensors)} tensors differ", fontsize=9)
    axes.tick_params(axis="y", labelsize=6)
    axes.margins(y=0.01)
    save_png(figure, file)
