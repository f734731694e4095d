"""`dpa2 smoothness FILE`: jumps of the energy, of the forces and of their derivatives."""

from __future__ import annotations

import io
from csv import writer as csv_writer
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from ...errors import InputError
from ...exit_codes import DIFFERENT
from ..app import AsJson, Group, Head, ModelFile, verb
from ..output import Table, progress, styled, tell, tell_line, tell_table, tell_written
from ..png import caption, check_png, empty_figure, save_png

COLUMNS = ("event", "event_distance", "counted", "continuity", "quantity", "order", "jump", "distance", "value")


@verb(Group.SURVEY, 2, "dpa2 smoothness water.dp", "dpa2 smoothness water.dp --csv curves.csv --png curves.png")
def smoothness(
    file: ModelFile,
    csv: Annotated[
        str | None, typer.Option(help="Write the results and the points of the curves to this CSV file.")
    ] = None,
    png: Annotated[str | None, typer.Option(help="Draw the curves across each event into this PNG file.")] = None,
    pair: Annotated[
        str | None,
        typer.Option(
            help="Types of the two atoms whose distance changes.", metavar="O,H", show_default="the first that differ"
        ),
    ] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Check that the energy is twice differentiable where a neighbour crosses a cutoff or passes another one.

    An atom is dragged through small clusters. Where an atom has more than max_neighbors and the farthest are dropped,
    the energy of every model jumps; that is shown but not counted. The exit code is 6 if any other event is not C2.
    """
    from ...api import load
    from ...surveys.drags import drags
    from ...surveys.smoothness import known_causes, survey_smoothness

    check_png(png)
    model = load(file, dtype="float64", head=head)
    chosen = None if pair is None else indices(pair, model.type_map)
    wanted = [drag if chosen is None else drag.between(*chosen) for drag in drags(model.config)]
    with progress(as_json) as bar:
        tracked = bar.track(wanted, description="dragging")
        events = list(survey_smoothness(model, tracked, curves=bool(csv or png)))
    rough = [event for event in events if event.counted and event.continuity != "C2"]
    causes = known_causes(model) if rough else []
    if csv is not None:
        write_csv(events, csv)
    if png is not None:
        save_png(draw(events, file), png)
    if as_json:
        tell({"smooth": not rough, "causes": causes, "events": [facts(event) for event in events]})
    else:
        show(events, rough, causes)
        tell_written(csv)
        tell_written(png)
    raise typer.Exit(DIFFERENT if rough else 0)


def indices(pair: str, type_map) -> tuple[int, int]:
    """The types of the option --pair."""
    names = [name.strip() for name in pair.split(",")]
    if len(names) != 2 or not set(names) <= set(type_map):
        rule = f"must be two types of the model, as in O,H; it knows {', '.join(type_map)}"
        raise InputError(f"--pair {pair}: {rule}", argument="pair")
    first, last = map(list(type_map).index, names)
    return first, last


def facts(event) -> dict:
    """One event as plain data; an order is null where the jump is below rounding."""
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
    """Print a table with rows for each event and quantity, then the conclusion and known causes."""
    table = Table("", "step / Å", "jump", "… at ½", "… at ¼", "order", lines=False)
    for event in events:
        verdict = event.continuity if event.counted else "not counted"
        about = styled(f"{event.drag.event}, {event.drag.at:.4g} Å", "bold")
        table.add_row(about, *[""] * 4, styled(verdict, "bold"))
        for jump in event.jumps:
            order = f"{jump.order:.2f}" if isfinite(jump.order) else "rounding"
            sizes = (f"{size:.1e}" for size in jump.sizes)
            table.add_row(f"  {jump.quantity} / {jump.unit}", f"{jump.step:.2g}", *sizes, order)
    tell_table(table)
    counted = [event for event in events if event.counted]
    tell_line(f"{len(counted) - len(rough)} of {len(counted)} events are C2")
    for event in rough:
        lowest = next(jump for jump in event.jumps if not jump.continuous)
        size = f"{lowest.sizes[-1]:.2g} {lowest.unit}"
        tell_line(f"{event.drag.event}: {lowest.quantity} jumps by {size}")
    for cause in causes:
        tell_line(f"known to cause jumps: {cause}")
    if any(not event.counted for event in events):
        rule = "events of overflow, where the farthest neighbours are dropped and every model jumps"
        tell_line(f"not counted: {rule} (`dpa2 neighbors` shows whether data have them)")


def write_csv(events, file: str) -> None:
    """Write one table with a row for each point of each curve, with the results of its event and quantity."""
    from ...serialization.atomic import replacing

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


def draw(events, model: str):
    """Return a picture with a row for each event: energy, force on the dragged atom, and its derivative."""
    figure = empty_figure(10, 0.3 + 1.9 * len(events))
    figure.suptitle(caption(model), fontsize=9)
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
    return figure
