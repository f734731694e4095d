"""`dpa2 neighbors FILE DATA...`: whether a model holds the neighbours that atoms have."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table

from ..structures.files import read_structures
from .app import AsJson, Head, app, err, one_line, out, tell
from .exit_codes import DIFFERENT
from .png import check_png, empty_figure, save_png

BARS = " ▁▂▃▄▅▆▇█"
COLUMNS = 32  # of a histogram in the terminal, at most


@app.command()
def neighbors(
    file: Annotated[str, typer.Argument(help="The model file.")],
    data: Annotated[list[str], typer.Argument(help="DeePMD data folders, or files that ASE reads.")],
    png: Annotated[str | None, typer.Option(help="Draw the histograms into this file.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Count neighbours within each cutoff over a data set; exit code 6 if an atom has more than the model holds."""
    from ..serialization import read
    from ..surveys.neighbors import survey_neighbors

    check_png(png)
    config = read(file, head).config
    frames = read_structures(data, config.types)
    with Progress(console=err, transient=True, disable=as_json) as progress:
        blocks = survey_neighbors(config, progress.track(frames, description="counting"))
    if png is not None:
        draw(blocks, png)
    if as_json:
        tell({"frames": len(frames), "blocks": [facts(block) for block in blocks]})
    else:
        show(blocks, len(frames))
    raise typer.Exit(DIFFERENT if any(block.exceeding for block in blocks) else 0)


def facts(block) -> dict:
    """One block as JSON can hold it."""
    found = {"largest": block.largest, "mean": block.mean, "exceeding": block.exceeding}
    return asdict(block) | found | {"histogram": block.histogram.tolist()}


def show(blocks, frames: int) -> None:
    """A row for each block, and a line for each that is too small."""
    from ..surveys.neighbors import MARGIN, MULTIPLE

    table = Table("block", "cutoff / Å", "holds", "largest", "mean", "to use", "atoms by count")
    for b in blocks:
        numbers = f"{b.cutoff:g}", f"{b.limit}", f"{b.largest}", f"{b.mean:.1f}", f"{b.advised}"
        table.add_row(b.block, *numbers, bars(b.histogram))
    out.print(table)
    for b in blocks:
        where = one_line(f"{b.block}: atom {b.atom} of {b.frame} has the most, {b.largest}")
        more = f"; {b.exceeding} atoms have more than the {b.limit} that the model holds" if b.exceeding else ""
        out.print(where + more, markup=False, highlight=False, soft_wrap=True)
    rule = f"to use in a new training: the largest and {MARGIN} % more, rounded up to a multiple of {MULTIPLE}"
    out.print(f"{rule} ({frames} frames); in a trained model the number is part of its formulas", soft_wrap=True)


def bars(histogram: np.ndarray) -> str:
    """A histogram in one line: the smallest count, a bar for each range of counts, the largest count.

    >>> bars(np.array([0, 0, 4, 8, 0, 2]))
    '2 ▄█ ▂ 5'
    """
    first, last = int(np.flatnonzero(histogram)[0]), len(histogram) - 1
    width = -(-(last + 1 - first) // COLUMNS)
    heights = np.add.reduceat(histogram[first:], np.arange(0, last + 1 - first, width))
    shares = np.ceil(heights / heights.max() * (len(BARS) - 1)).astype(int)
    return f"{first} {''.join(BARS[k] for k in shares)} {last}"


def draw(blocks, file: str) -> None:
    """A histogram for each block, with a line where the model's limit is."""
    figure = empty_figure(8, 2.4 * len(blocks))
    for b, axes in zip(blocks, figure.subplots(len(blocks), squeeze=False)[:, 0], strict=True):
        axes.bar(range(len(b.histogram)), b.histogram, width=1.0)
        axes.axvline(b.limit + 0.5, color="tab:red", label=f"the model holds {b.limit}")
        axes.set_title(f"{b.block}: within {b.cutoff:g} Å, at most {b.largest}", fontsize=9)
        axes.set_ylabel("atoms")
        axes.legend(fontsize=8)
    axes.set_xlabel("neighbours of an atom")
    save_png(figure, file)
