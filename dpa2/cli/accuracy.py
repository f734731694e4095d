"""Errors against labels as tables and as plain data, for the commands that have some."""

from __future__ import annotations

from dataclasses import asdict

from .output import Table, counted, tell_line, tell_table

STATISTICS = ("mae", "rmse")


def how_many(summary: dict) -> str:
    """Return numbers of frames and atoms in words."""
    return f"{counted(summary['frames'], 'frame')}, {counted(summary['atoms'], 'atom')}"


def errors_table(found) -> Table:
    """The errors against each kind of label; without rows if there are no labels."""
    table, summary = Table("errors", "MAE", "RMSE", "unit", "frames"), found.summary()
    for measure in found.measures:
        values = (f"{summary[measure.key(statistic)]:.6g}" for statistic in STATISTICS)
        table.add_row(measure.words, *values, measure.unit, f"{summary[f'{measure.quantity.key}_frames']}")
    return table


def tell_unlabelled(found) -> None:
    """Say how many frames have no label of each kind, if some have none."""
    count, missing = len(found.frames.names), found.unlabelled
    none = missing.pop("any")
    words = [f"{number} have no {key}" for key, number in missing.items() if number]
    if words:
        more = f"; {none} have no label at all" if none else ""
        tell_line(f"of {counted(count, 'frame')}, {', '.join(words)}{more}")


def main_measures(found) -> list:
    """One kind of error for each quantity: that per atom, where there is one."""
    return [m for m in found.measures if (m.per_atom or not m.quantity.extensive) and not m.weighted]


def tell_systems(found, other=None) -> None:
    """Print a row for each system, if there are several: MAE and RMSE of one model, or the RMSE of two."""
    if len(found.systems) > 1 and found.points:
        units = ", ".join(f"{measure.quantity.key}{unit_of(measure, ' ')}" for measure in main_measures(found))
        tell_heading(f"{'errors' if other is None else 'RMSE'} by system ({units})")
        tell_table(systems_table(found, other))


def systems_table(found, other=None) -> Table:
    """A row for each system, with two numbers for each quantity."""
    two = ("mae", found, "MAE"), ("rmse", found, "RMSE")
    if other is not None:
        two = ("rmse", found, "first"), ("rmse", other, "second")
    measures = main_measures(found)
    headings = [f"{measure.quantity.key} {two[0][2]}" if k == 0 else two[1][2] for measure in measures for k in (0, 1)]
    table, sides = Table("frames", *headings, "system"), [(name, model.systems) for name, model, _ in two]
    for system, each in found.systems.items():
        cells = [parts[system].summary().get(m.key(name)) for m in measures for name, parts in sides]
        numbers = ("" if number is None else f"{number:.4g}" for number in cells)
        table.add_row(f"{len(each.frames.names)}", *numbers, system)
    return table


def tell_heading(text: str) -> None:
    """Print a line above a table, after an empty one."""
    tell_line("")
    tell_line(text)


def tell_worst(found, most: int, frames: str = "worst frames", what: str = "error") -> None:
    """Print the frames with the largest errors of energies and of forces, and the worst atoms."""
    from ..surveys.accuracy import worst_atoms, worst_frames

    if not most:
        return
    for measure in ranked(found):
        tell_heading(f"{frames}, by {order(measure, what)}")
        tell_table(worst_table(f"{what}{unit_of(measure, ' / ')}", worst_frames(found, measure.quantity.key, most)))
    atoms = worst_atoms(found, most)
    if atoms:
        tell_heading(frames.replace("frames", "atoms", 1))
        tell_table(worst_table(f"{what} / eV/Å", atoms))


def order(measure, what: str) -> str:
    """Return by what frames are ranked, in words."""
    if measure.quantity.shape == ():
        return measure.words
    return f"the largest {what} of a {'force' if measure.quantity.of_atoms else 'component'}"


def unit_of(measure, before: str) -> str:
    """Return the unit of an error after some characters; nothing for one that only its labels know."""
    return f"{before}{measure.unit}" if measure.quantity.field else ""


def ranked(found) -> list:
    """The errors by which frames are ranked: of energies and of forces, or of what else is predicted."""
    return [measure for measure in main_measures(found) if measure.quantity.field != "virial"]


def worst_table(what: str, rows: list) -> Table:
    """A row for each of the worst frames or atoms."""
    atoms = any(row.atom is not None for row in rows)
    table = Table(what, *["atom"] * atoms, "frame")
    for row in rows:
        table.add_row(f"{row.error:.6g}", *[f"{row.atom} ({row.type})"] * atoms, row.frame)
    return table


def facts(found, most: int) -> dict:
    """Errors as plain data: of all frames, of each system, and the worst frames and atoms."""
    from ..surveys.accuracy import worst_atoms, worst_frames

    keys = [measure.quantity.key for measure in ranked(found)]
    frames = {key: worst_frames(found, key, most) for key in keys}
    return {
        "summary": found.summary(),
        "systems": [{"name": name} | each.summary() for name, each in found.systems.items()],
        "worst_frames": {key: [asdict(row) for row in rows] for key, rows in frames.items()},
        "worst_atoms": [asdict(row) for row in worst_atoms(found, most)],
    }


def better(first: dict, second: dict) -> dict[str, str]:
    """Return for each error of two summaries which model has the smaller one.

    >>> better({"frames": 3, "force_mae": 0.1}, {"frames": 3, "force_mae": 0.2})
    {'force_mae': 'first'}
    """
    names = [name for name in first if any(f"_{statistic}" in name for statistic in STATISTICS)]
    return {name: smaller(first[name], second[name]) for name in names}


def smaller(first: float, second: float) -> str:
    """Return which of two numbers is smaller, in words."""
    return "equal" if first == second else "first" if first < second else "second"


def comparison_table(found) -> Table:
    """The errors of two models, which has the smaller one, and how far the models are apart."""
    table = Table("errors", "first", "second", "better", "apart", "unit", "frames")
    first, second, apart = (each.summary() for each in (found.first, found.second, found.apart))
    for measure in found.apart.measures:
        for statistic in STATISTICS:
            key, frames = measure.key(statistic), first.get(f"{measure.quantity.key}_frames", 0)
            cells = (
                [f"{first[key]:.6g}", f"{second[key]:.6g}", smaller(first[key], second[key])] if frames else [""] * 3
            )
            name = f"{measure.words} {statistic.upper()}"
            table.add_row(name, *cells, f"{apart[key]:.6g}", measure.unit, f"{frames}")
    return table
