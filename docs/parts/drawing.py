"""DPA-2 in one drawing: every intermediate of the trace table with its shape, in the box of its block.

The boxes below say which names belong where; names and shapes are those of `dpa2.tracing.intermediates.TABLE`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from dpa2.nn.record import Intermediate
from dpa2.tracing.intermediates import LAYER, TABLE

WIDTH, MARGIN, GAP, LINE, HEAD, PAD, BESIDE = 1060, 30, 34, 18, 26, 12, 46  # pixels
COLUMN = (WIDTH - 2 * MARGIN - 2 * GAP) / 3


@dataclass(frozen=True)
class Box:
    """A box of the drawing: its color, how the names in it begin, its title, and which of three columns it covers."""

    color: str
    starts: tuple[str, ...]
    title: str
    first: int = 0
    columns: int = 1

    @property
    def rows(self) -> list[Intermediate]:
        """The intermediates that stand in it, in the order of computation."""
        return [row for row in TABLE if home(row.name) in self.starts]

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return HEAD + PAD + LINE * len(self.rows)

    @property
    def left(self) -> float:
        """Where it begins."""
        return MARGIN + self.first * (COLUMN + GAP)

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.columns * (COLUMN + GAP) - GAP

    @property
    def middle(self) -> float:
        """Where arrows begin and end."""
        return self.left + self.width / 2


PAIRS_BEFORE = ("repformer/sw", "repformer/env_mat", "repformer/g2_0", "repformer/h2_0")
ATOMS_BEFORE = ("repinit/out", "g1_shape_transform", "g1_init", "repformer/g1_0")
ENERGY = ("atom_energy", "energy", "force", "virial", "atom_virial")

type_embedding = Box("list", ("type_embedding/",), "type embedding · 4, for repinit, the three-body block and f", 0, 3)
list_repinit = Box("list", ("nlist/ri",), "list of repinit · 1.5", 0)
list_three_body = Box("list", ("nlist/tb",), "list of the three-body block · 1.5", 1)
list_repformer = Box("list", ("nlist/rf",), "list of the repformer · 1.5", 2)
repinit = Box("two", ("repinit/",), "repinit · 5", 0)
three_body = Box("three", ("three_body/",), "three-body block · 6", 1)
pairs_before = Box("layer", PAIRS_BEFORE, "g and h before the first layer · 8.1", 2)
atoms_before = Box("layer", ATOMS_BEFORE, "f before the first layer · 7, 8.1", 0, 2)
atoms = Box("layer", (LAYER + "g1", LAYER + "attn1"), "repformer layer #: f (g1) · 8.5", 0)
pairs = Box("layer", (LAYER + "g2", LAYER + "attn2"), "repformer layer #: g (g2) · 8.6", 1)
directions = Box("layer", (LAYER + "h2",), "repformer layer #: h (h2) · 8.7", 2)
descriptor = Box("two", ("repformer/rot_mat", "descriptor"), "descriptor · 8.8, 10", 0, 2)
fitting = Box("three", ("fitting/",), "fitting net · 11", 0, 2)
energy = Box("list", ENERGY, "energy and its derivatives · 12", 0)
another = Box("list", ("",), "or what another head predicts · 21", 1, 2)
DRAWING = (  # from the top down; boxes of one line stand beside each other
    (type_embedding,),
    (list_repinit, list_three_body, list_repformer),
    (repinit, three_body, pairs_before),
    (atoms_before,),
    (atoms, pairs, directions),
    (descriptor,),
    (fitting,),
    (energy, another),
)
FLOW = (  # which box hands numbers to which
    (list_repinit, repinit),
    (list_three_body, three_body),
    (list_repformer, pairs_before),
    (repinit, atoms_before),
    (three_body, atoms_before),
    (atoms_before, atoms),
    (pairs_before, pairs),
    (pairs_before, directions),
    (atoms, descriptor),
    (pairs, descriptor),
    (directions, descriptor),
    (descriptor, fitting),
    (fitting, energy),
    (fitting, another),
)
SAID = {  # beside which box, in the free third column
    descriptor: ("each layer reads f, g, h and the f of", "neighbours, and writes f, g, h anew"),
    fitting: ("forces come back on the", "same way, by pullbacks"),
}


def home(name: str) -> str:
    """Return the longest beginning of a name that a box has."""
    starts = [start for boxes in DRAWING for box in boxes for start in box.starts]
    return max((start for start in starts if name.startswith(start)), key=len)


def tops() -> dict[Box, int]:
    """Return where each box begins, from the top."""
    found, top = {}, MARGIN + 56
    for boxes in DRAWING:
        found |= dict.fromkeys(boxes, top)
        top += max(box.height for box in boxes) + GAP
    return found


def svg() -> str:
    """Return the drawing as an SVG, which carries its colors for light and dark."""
    places = tops()
    parts = [*head()]
    for start, end in FLOW:
        parts.extend(arrow(start, places[start] + start.height, end, places[end]))
    for box, top in places.items():
        parts.extend(drawn(box, top))
    height = max(top + box.height for box, top in places.items()) + MARGIN
    return "\n".join([opening(height), *parts, "</svg>"]) + "\n"


STYLE = """
  text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1b1f24; }
  .title { font: bold 13px system-ui, sans-serif; } .said { font: italic 13px system-ui, sans-serif; }
  .top { font: bold 18px system-ui, sans-serif; } .shape { text-anchor: end; fill: #444c56; }
  .page { fill: #ffffff; } .line { stroke: #57606a; fill: none; stroke-width: 1.5; } .tip { fill: #57606a; }
  rect { stroke: #57606a; } .page { stroke: none; }
  .list { fill: #eef1f4; } .two { fill: #dcebfb; } .three { fill: #fdeeda; } .layer { fill: #e0f3e2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .shape { fill: #b8c2cc; } .page { fill: #14181d; }
    .line { stroke: #9aa4ae; } .tip { fill: #9aa4ae; } rect { stroke: #9aa4ae; }
    .list { fill: #262c33; } .two { fill: #16324f; } .three { fill: #4a3413; } .layer { fill: #173a1d; }
  }"""


def opening(height: int) -> str:
    """The first lines of the file: its size, and what it shows in words."""
    words = "Data flow of DPA-2 from neighbour lists to energy and forces, with the shape of each intermediate"
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
            f'<title id="title">{words}</title>',
            f"<style>{STYLE}\n</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        ]
    )


def head() -> Iterator[str]:
    """The lines above the first boxes."""
    yield text(MARGIN, MARGIN + 8, "DPA-2: coordinates, types and cell become energy, forces and virial", "top")
    yield text(MARGIN, MARGIN + 34, "name of an intermediate, and its axes; behind a title the section", "said")


def drawn(box: Box, top: int) -> Iterator[str]:
    """A box with its title, a line for each of its rows, and what is said beside it."""
    size = f'width="{box.width:.0f}" height="{box.height}"'
    yield f'<rect class="{box.color}" x="{box.left:.0f}" y="{top}" {size} rx="6"/>'
    yield text(box.left + PAD, top + 18, box.title, "title")
    for k, row in enumerate(box.rows):
        line = top + HEAD + LINE * (k + 1) - 4
        yield text(box.left + PAD, line, row.name.removeprefix(LAYER), "name")
        yield text(box.left + box.width - PAD, line, " × ".join(row.axes.split()), "shape")
    for k, words in enumerate(SAID.get(box, ())):
        yield text(box.left + box.width + BESIDE, top + LINE * (k + 1), words, "said")


def arrow(start: Box, bottom: int, end: Box, top: int) -> Iterator[str]:
    """An arrow from a box down to another one: straight where it can be, with two corners elsewhere."""
    narrow = min(start, end, key=lambda box: box.columns)
    begins, ends = (narrow.middle, narrow.middle) if within(start, end) else (start.middle, end.middle)
    yield f'<path class="line" d="M{begins:.0f} {bottom} V{top - GAP // 2} H{ends:.0f} V{top - 8}"/>'
    yield f'<path class="tip" d="M{ends - 5:.0f} {top - 9} h10 l-5 8 z"/>'


def within(one: Box, other: Box) -> bool:
    """Whether the columns of one of two boxes are among those of the other."""
    columns = [set(range(box.first, box.first + box.columns)) for box in (one, other)]
    return columns[0] <= columns[1] or columns[1] <= columns[0]


def text(x: float, y: float, words: str, kind: str) -> str:
    """A line of text."""
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'
