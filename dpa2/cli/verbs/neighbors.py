"""`dpa2 neighbors FILE DATA...`: neighbour counts in a data set, beside what a model holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ...exit_codes import DIFFERENT
from ..app import AsJson, Group, Head, ModelFile, Structures, Types, renaming, verb
from ..output import Table, counted, listed, progress, tell, tell_line, tell_table, tell_written
from ..png import caption, check_png, empty_figure, save_png

BARS = " ▁▂▃▄▅▆▇█"
MAX_COLUMNS = 18  # a histogram in the terminal is at most this many characters wide


@verb(Group.SURVEY, 1, "dpa2 neighbors water.dp data/", "dpa2 neighbors water.dp structures.xyz --png counts.png")
def neighbors(
    file: ModelFile,
    data: Structures,
    types: Types = None,
    png: Annotated[str | None, typer.Option(help="Draw the histograms into this PNG file.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Count the neighbours of all atoms within each cutoff, and compare with the max_neighbors of the model.

    The exit code is 6 if an atom has more neighbours than the model holds.
    """
    from ...serialization import read
    from ...structures.files import read_structures
    from ...surveys.neighbors import survey_neighbors

    check_png(png)
    config = read(file, head).config
    frames = read_structures(data, config.types, renaming(types, config.types))
    with progress(as_json) as bar:
        blocks = survey_neighbors(config, bar.track(frames, description="counting"))
    if png is not None:
        save_png(draw(blocks, file), png)
    if as_json:
        tell({"frames": len(frames), "sources": frames.sources, "blocks": [facts(block) for block in blocks]})
    else:
        show(blocks, len(frames), frames.sources)
        tell_written(png)
    raise typer.Exit(DIFFERENT if any(block.exceeding for block in blocks) else 0)


def facts(block) -> dict:
    """Neighbour counts of one block as plain data."""
    found = {"largest": block.largest, "mean": block.mean, "exceeding": block.exceeding}
    return asdict(block) | found | {"histogram": block.histogram.tolist()}


def show(blocks, frames: int, places: list[str]) -> None:
    """Print what was counted, a table with a row for each block, then the atom with the most neighbours."""
    from ...surveys.neighbors import MARGIN, MULTIPLE

    tell_line(f"{counted(frames, 'frame')} of {listed(places)}")
    table = Table("block", "cutoff / Å", "holds", "largest", "mean", "to use", "atoms by count")
    for b in blocks:
        numbers = f"{b.cutoff:g}", f"{b.limit}", f"{b.largest}", f"{b.mean:.1f}", f"{b.advised}"
        table.add_row(b.block, *numbers, bars(b.histogram))
    tell_table(table)
    for b in blocks:
        where = f"{b.block}: atom {b.atom} of {b.frame} has the most neighbours, {b.largest}"
        more = f"; {beyond(b)} the {b.limit} that the model holds" if b.exceeding else ""
        tell_line(where + more)
    rule = f"to use in a new training: the largest count plus {MARGIN} %, rounded up to a multiple of {MULTIPLE}"
    tell_line(f"{rule}; max_neighbors of a trained model cannot be changed: its formulas contain it")


def bars(histogram) -> str:
    """A histogram in one line: the smallest count, a bar for each range of counts, the largest count.

    >>> import numpy as np
    >>> bars(np.array([0, 0, 4, 8, 0, 2]))
    '2 ▄█ ▂ 5'
    """
    import numpy as np

    first, last = int(np.flatnonzero(histogram)[0]), len(histogram) - 1
    width = -(-(last + 1 - first) // MAX_COLUMNS)
    heights = np.add.reduceat(histogram[first:], np.arange(0, last + 1 - first, width))
    shares = np.ceil(heights / heights.max() * (len(BARS) - 1)).astype(int)
    return f"{first} {''.join(BARS[k] for k in shares)} {last}"


def beyond(block) -> str:
    """Return the number of atoms that have more neighbours than the model holds, in words."""
    return f"{block.exceeding} of {block.histogram.sum()} atoms beyond"


def note(axes, block) -> None:
    """Write beside the histogram how many atoms are beyond the line, where single atoms would not be seen."""
    arrow = {"arrowstyle": "->", "color": "tab:red"}
    place = {"xytext": (-12, 30), "textcoords": "offset points", "ha": "right"}
    axes.annotate(beyond(block), (block.largest, 0), fontsize=8, color="tab:red", arrowprops=arrow, **place)


def draw(blocks, model: str):
    """Return a picture with a histogram for each block, with a line at its max_neighbors."""
    figure = empty_figure(8, 0.3 + 2.4 * len(blocks))
    figure.suptitle(caption(model), fontsize=9)
    for b, axes in zip(blocks, figure.subplots(len(blocks), squeeze=False)[:, 0], strict=True):
        axes.bar(range(len(b.histogram)), b.histogram, width=1.0)
        axes.axvline(b.limit + 0.5, color="tab:red", label=f"the model holds {b.limit}")
        axes.set_title(f"{b.block}: within {b.cutoff:g} Å, at most {b.largest}", fontsize=9)
        if b.exceeding:
            note(axes, b)
        axes.set_ylabel("atoms")
        axes.legend(fontsize=8)
    axes.set_xlabel("neighbours of an atom")
    return figure
