"""`dpa2 precision FILE STRUCTURE...`: the error of every intermediate in a lower precision."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import isfinite, log10
from typing import Annotated

import typer

from ..app import AsJson, Group, Head, ModelFile, Structures, Truncate, Types, renaming, verb
from ..output import Table, progress, styled, tell, tell_line, tell_table, tell_written
from ..png import caption, check_png, empty_figure, save_png

MAX_BAR = 24  # a bar in the terminal is at most this many characters long
DECADES = 8.0  # a bar of full length is an error of 1, an empty one an error of 1e-8


@verb(
    Group.SURVEY, 3,
    "dpa2 precision water.dp data/",
    "dpa2 precision water.dp structures.xyz --dtype bfloat16 --frames 3 --png errors.png",
)  # fmt: skip
def precision(
    file: ModelFile,
    structures: Structures,
    dtype: Annotated[str, typer.Option(help="The lower precision: float32 or bfloat16.")] = "float32",
    frames: Annotated[
        int, typer.Option(min=1, help="Use at most this many structures, evenly spread over the data.")
    ] = 10,
    types: Types = None,
    truncate: Truncate = False,
    png: Annotated[str | None, typer.Option(help="Draw the errors into this PNG file.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Show the error of every intermediate in a lower precision, in order of computation, and where it grows most."""
    from ...api import load
    from ...structures.files import read_structures
    from ...surveys.precision import largest_growth, lower_backend, survey_precision

    check_png(png)
    exact = load(file, dtype="float64", head=head)
    lower = exact.to(lower_backend(dtype), dtype=dtype)
    chosen = spread(read_structures(structures, exact.type_map, renaming(types, exact.type_map)), frames)
    systems = [replace(frame.system, name=frame.name) for frame in chosen]
    with progress(as_json) as bar:
        tracked = bar.track(systems, description="tracing")
        errors = survey_precision(exact, lower, tracked, "truncate" if truncate else "strict")
    growth = largest_growth(errors, dtype)
    if png is not None:
        save_png(draw(errors, growth, dtype, file), png)
    if as_json:
        tensors = [{name: plain(value) for name, value in asdict(tensor).items()} for tensor in errors]
        about = {"dtype": dtype, "frames": len(systems), "grows_most": facts(growth), "tensors": tensors}
        tell(about | {name: plain(value) for name, value in absolute(errors).items()})
    else:
        show(errors, growth, dtype, len(systems))
        tell_written(png)


def spread(frames, count: int) -> list:
    """At most `count` of the frames, evenly spread from the first to the last."""
    import numpy as np

    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[k] for k in places]


def plain(value):
    """Return a value, or None for a number that JSON does not have."""
    return finite(value) if isinstance(value, float) else value


def absolute(errors) -> dict[str, float]:
    """Largest errors of energies (eV per atom) and of components of forces (eV/Å), or of what else is predicted."""
    by_name = {tensor.name: tensor for tensor in errors}
    if "energy" not in by_name:
        return {"gradient_error": by_name["gradient"].deviation}
    return {"energy_error_per_atom": by_name["energy"].per_atom, "force_error": by_name["force"].deviation}


def finite(number: float) -> float | None:
    """Return the number, or None for a NaN or an infinity, which JSON does not have."""
    return number if isfinite(number) else None


def facts(growth) -> dict:
    """The largest growth as plain data."""
    return asdict(growth) | {"factor": finite(growth.factor)}


def show(errors, growth, dtype: str, frames: int) -> None:
    """Print a table with a row for each tensor, then where the error grows most."""
    table = Table("tensor", "error", f"from 1e-{DECADES:g} to 1", "largest entry")
    for tensor in errors:
        bar = styled("█" * bar_length(tensor.error), "red" if tensor.name == growth.name else "")
        table.add_row(tensor.name, f"{tensor.error:.1e}", bar, f"{tensor.largest:.3g}")
    tell_table(table)
    what = "relative to the largest entry of a tensor (of energies without bias)"
    rule = f"errors of {dtype} {what}, the worst of {frames} structures"
    tell_line(rule)
    tell_line(grows_most(growth))
    tell_line(f"in {dtype}, {in_units(absolute(errors))}")


def in_units(errors: dict[str, float]) -> str:
    """Return the largest errors in words."""
    if "gradient_error" in errors:
        return f"derivatives are off by at most {errors['gradient_error']:.3g} per Å, in the unit of the labels"
    energy, force = (f"{1000 * error:.3g}" for error in errors.values())
    return f"energies are off by at most {energy} meV/atom, forces by {force} meV/Å"


def grows_most(growth) -> str:
    """A sentence that names the tensor at which the error grows most."""
    return f"the error grows most at {growth.name}: {growth.factor:.3g} times that of {growth.before}"


def bar_length(error: float) -> int:
    """Length of a bar, on a logarithmic scale.

    >>> bar_length(0.0), bar_length(1e-4), bar_length(float("nan"))
    (0, 12, 24)
    """
    if not isfinite(error):
        return MAX_BAR
    decades = DECADES + log10(max(error, 1e-99))
    return round(MAX_BAR * min(1.0, max(0.0, decades / DECADES)))


def draw(errors, growth, dtype: str, model: str):
    """Return a picture with a bar for each tensor, in order of computation; that of the largest growth is red."""
    tensors = [tensor for tensor in errors if tensor.error > 0][::-1]
    figure = empty_figure(9, 1.5 + 0.18 * len(tensors))
    axes = figure.subplots()
    colors = ["tab:red" if tensor.name == growth.name else "tab:blue" for tensor in tensors]
    axes.barh([tensor.name for tensor in tensors], [tensor.error for tensor in tensors], color=colors, height=0.7)
    axes.set_xscale("log" if tensors else "linear")
    axes.set_xlabel(f"largest deviation of {dtype} / largest entry")
    axes.set_title(f"{caption(model)}\n{grows_most(growth)}", fontsize=9)
    axes.tick_params(axis="y", labelsize=6)
    axes.margins(y=0.01)
    return figure
