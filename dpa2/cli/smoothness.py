"""`dpa2 smoothness FILE`: where the energy of a model, its forces or their derivatives jump."""

from __future__ import annotations

import io
from csv import writer as csv_writer
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from .app import AsJson, Head, app, err, out, tell
from .exit_codes import DIFFERENT
from .png import check_png, empty_figure, save_png

COLUMNS = ("event", "event_distance", "counted", "continuity", "quantity", "order", "jump", "distance", "value")


@app.command()
def smoothness(
    file: Annotated[str, typer.Argument(help="The model file.")],
    csv: Annotated[str | None, typer.Option(help="Write orders and points of curves into this file.")] = None,
    png: Annotated[str | None, typer.Option(help="Draw the curves across each event into this file.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Drag an atom across every cutoff, past a neighbour, and beyond max_neighbors; exit code 6 if a model is not C2.

    Where max_neighbors is exceeded and the farthest neighbours are dropped, every model jumps: that is not counted.
    """
    from ..api import load
    from ..surveys.drags import drags
    from ..surveys.smoothness import known_causes, survey_smoothness

    check_png(png)
    model = load(file, dtype="float64", head=head)
    wanted = list(drags(model.config))
    with Progress(console=err, transient=True, disable=as_json) as progress:
        tracked = progress.track(wanted, description="dragging")
        events = list(survey_smoothness(model, tracked, curves=bool(csv or png)))
    rough = [event for event in events if event.counted and event.continuity != "C2"]
    causes = known_causes(model) if rough else []
    if csv is not None:
        write_csv(events, csv)
    if png is not None:
        draw(events, png)
    if as_json:
        tell({"smooth": not rough, "causes": causes, "events": [facts(event) for event in events]})
    else:
        show(events, rough, causes)
    raise typer.Exit(DIFFERENT if rough else 0)


def facts(event) -> dict:
    """One event as JSON can hold it; an order is null where nothing but rounding is left."""
    return {
        "event": event.drag.event,
        "distance": event.drag.at,
        "atoms": len(event.drag.system.types),
        "counted": event.counted,
        "continuity": event.continuity,
        "quantities": {
            jump.quantity: {
                "step": jump.step,
                "jumps": jump.sizes,
                "orders": [order if isfinite(order) else None for order in jump.orders],
                "continuous": jump.continuous,
            }
            for jump in event.jumps
        },
    }


def show(events, rough, causes) -> None:
    """A row for each event and one for each quantity, then what follows."""
    table = Table("", "step / Å", "jump", "… at ½", "… at ¼", "order", box=None, padding=(0, 1, 0, 0))
    for event in events:
        verdict = event.continuity if event.counted else "not counted"
        table.add_row(f"[bold]{event.drag.event}, {event.drag.at:.4g} Å", *[""] * 4, f"[bold]{verdict}")
        for jump in event.jumps:
            order = f"{jump.order:.2f}" if isfinite(jump.order) else "rounding"
            sizes = (f"{size:.1e}" for size in jump.sizes)
            table.add_row(f"  {jump.quantity} / {jump.unit}", f"{jump.step:.2g}", *sizes, order)
    out.print(table)
    counted = [event for event in events if event.counted]
    out.print(f"{len(counted) - len(rough)} of {len(counted)} events are C2", highlight=False)
    for event in rough:
        lowest = next(jump for jump in event.jumps if not jump.continuous)
        size = f"{lowest.sizes[-1]:.2g} {lowest.unit}"
        out.print(f"{event.drag.event}: {lowest.quantity} jumps by {size}", highlight=False, soft_wrap=True)
    for cause in causes:
        out.print(f"known to cause jumps: {cause}", highlight=False, soft_wrap=True)
    if any(not event.counted for event in events):
        what = "an overflow drops the farthest neighbours, and every model jumps there (`dpa2 neighbors` finds them)"
        out.print(f"not counted: {what}", highlight=False, soft_wrap=True)


def write_csv(events, file: str) -> None:
    """One table: what was found for a quantity at an event stands beside every point of its curve."""
    from ..serialization.atomic import replacing

    text = io.StringIO()
    writer = csv_writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for event in events:
        about = event.drag.event, event.drag.at, int(event.counted), event.continuity
        for jump, values in zip(event.jumps, event.curve.values, strict=True):
            found = jump.quantity, jump.order, jump.sizes[-1]
            writer.writerows((*about, *found, *point) for point in zip(event.curve.distance, values, strict=True))
    with replacing(file) as new:
        Path(new).write_text(text.getvalue(), encoding="utf-8")


def draw(events, file: str) -> None:
    """A row for each event: energy, force on the dragged atom, and its derivative, to either side."""
    figure = empty_figure(10, 1.9 * len(events))
    for event, row in zip(events, figure.subplots(len(events), 3, squeeze=False), strict=True):
        for jump, values, axes in zip(event.jumps, event.curve.values, row, strict=True):
            axes.plot(event.curve.distance - event.drag.at, values, ".", markersize=3)
            axes.axvline(0.0, color="0.7", linewidth=0.8, zorder=0)
            axes.set_title(f"{jump.quantity} / {jump.unit}: order {jump.order:.1f}", fontsize=7)
            axes.tick_params(labelsize=6)
            axes.locator_params(axis="x", nbins=5)
            axes.yaxis.get_offset_text().set_fontsize(6)
        row[0].set_ylabel(f"{event.drag.event}\n{event.drag.at:.4g} Å: {event.continuity}", fontsize=6)
    for axes in row:
        axes.set_xlabel("distance beyond the event / Å", fontsize=7)
    save_png(figure, file)
