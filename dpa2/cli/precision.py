"""`dpa2 precision FILE STRUCTURE...`: where a lower precision loses the digits of a result."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import isfinite
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table

from ..structures.files import read_structures
from .app import AsJson, Head, app, err, out, tell
from .png import check_png, empty_figure, save_png

MAX_BAR = 24  # characters
DECADES = 8.0  # that a bar spans


@app.command()
def precision(
    file: Annotated[str, typer.Argument(help="The model file.")],
    structures: Annotated[list[str], typer.Argument(help="DeePMD data folders, or files that ASE reads.")],
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    frames: Annotated[int, typer.Option(min=1, help="How many structures at most, evenly spread.")] = 10,
    truncate: Annotated[bool, typer.Option(help="Keep the nearest neighbours where there are too many.")] = False,
    png: Annotated[str | None, typer.Option(help="Draw the errors into this file.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Compare every intermediate in a lower precision with float64, in order of computation."""
    from ..api import load
    from ..surveys.precision import largest_growth, lower_backend, survey_precision

    check_png(png)
    exact = load(file, dtype="float64", head=head)
    lower = exact.to(lower_backend(dtype), dtype=dtype)
    chosen = spread(read_structures(structures, exact.type_map), frames)
    systems = [replace(frame.system, name=frame.name) for frame in chosen]
    with Progress(console=err, transient=True, disable=as_json) as progress:
        tracked = progress.track(systems, description="tracing")
        errors = survey_precision(exact, lower, tracked, "truncate" if truncate else "strict")
    growth = largest_growth(errors, dtype)
    if png is not None:
        draw(errors, growth, dtype, png)
    if as_json:
        tensors = [asdict(tensor) | {"error": finite(tensor.error)} for tensor in errors]
        tell({"dtype": dtype, "frames": len(systems), "grows_most": facts(growth), "tensors": tensors})
    else:
        show(errors, growth, dtype, len(systems))


def spread(frames, count: int) -> list:
    """So many of the frames, from the first to the last."""
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[k] for k in places]


def finite(number: float) -> float | None:
    """What JSON can hold."""
    return number if isfinite(number) else None


def facts(growth) -> dict:
    """The growth as JSON can hold it."""
    return asdict(growth) | {"factor": finite(growth.factor)}


def show(errors, growth, dtype: str, frames: int) -> None:
    """A row for each tensor, then where the error grows most."""
    table = Table("tensor", "error", f"from 1e-{DECADES:g} to 1", "largest entry")
    for tensor in errors:
        mark = "[red]" if tensor.name == growth.name else ""
        bar = mark + "█" * bar_length(tensor.error)
        table.add_row(tensor.name, f"{tensor.error:.1e}", bar, f"{tensor.largest:.3g}")
    out.print(table)
    rule = f"errors of {dtype} relative to the largest entry of a tensor, the worst of {frames} structures"
    out.print(rule, highlight=False, soft_wrap=True)
    what = f"the error grows most at {growth.name}: {growth.factor:.3g} times {growth.before}"
    out.print(what, highlight=False, soft_wrap=True)


def bar_length(error: float) -> int:
    """On a logarithmic scale.

    >>> bar_length(0.0), bar_length(1e-4), bar_length(float("nan"))
    (0, 12, 24)
    """
    if not isfinite(error):
        return MAX_BAR
    decades = DECADES + np.log10(max(error, 1e-99))
    return round(MAX_BAR * min(1.0, max(0.0, decades / DECADES)))


def draw(errors, growth, dtype: str, file: str) -> None:
    """A bar for each tensor, the first on top; that at which the error grows most in another colour."""
    tensors = [tensor for tensor in errors if tensor.error > 0][::-1]
    figure = empty_figure(9, 1.5 + 0.18 * len(tensors))
    axes = figure.subplots()
    colors = ["tab:red" if tensor.name == growth.name else "tab:blue" for tensor in tensors]
    axes.barh([tensor.name for tensor in tensors], [tensor.error for tensor in tensors], color=colors, height=0.7)
    axes.set_xscale("log" if tensors else "linear")
    axes.set_xlabel(f"largest deviation of {dtype} / largest entry")
    axes.set_title(f"the error grows most at {growth.name}: {growth.factor:.3g} times {growth.before}", fontsize=9)
    axes.tick_params(axis="y", labelsize=6)
    axes.margins(y=0.01)
    save_png(figure, file)
