"""How wide chunks are: as wide as their widest atom needs, and wide enough to last where a change is expensive.

A compiler makes a program for each shape of arrays. Atoms that move change their numbers of neighbours all the time;
widths and lengths with some room, which are used again as long as they fit, spare them new programs.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import ceil, sqrt
from sys import maxsize

WASTE = 1.25  # what is remembered may be this many times as large as what is needed
MANY = 24  # chunks, from which a third width is worth its programs


def rounded(width: int, step: int, most: int = maxsize) -> int:
    """At least one slot, a multiple of `step`, but not more than the model provides.

    >>> rounded(9, 4, most=20), rounded(19, 8, most=20), rounded(19, 8)
    (12, 20, 24)
    """
    width = max(width, 1)
    return min(-(-width // step) * step, max(most, width))


def round_up(n: int) -> int:
    """The next number of at most five binary digits and zeros behind them: few shapes for many numbers of atoms.

    >>> round_up(192), round_up(2592)
    (192, 2688)
    """
    return rounded(n, 1 << max(0, n.bit_length() - 5))


class Lasting:
    """Few widths for all chunks of a list: those that have been before, as long as they fit and waste little.

    >>> lasting = Lasting()
    >>> lasting.settle("repformer", [16, 17, 25], step=4, most=48)
    [20, 20, 28]
    >>> lasting.settle("repformer", [17, 21, 28], step=4, most=48)
    [20, 28, 28]
    """

    def __init__(self):
        self.known: dict[tuple, set[int]] = {}
        self.last: dict[tuple, list[int]] = {}

    def settle(self, name: str, needed: list[int], step: int, most: int = maxsize) -> list[int]:
        """Widths for chunks that need the given ones; each at least as wide as last time, if that wastes little."""
        widest = max(needed)
        top = min(roomy(widest), max(most, widest))
        kinds = 3 if len(needed) >= MANY else 2
        fresh = few_kinds([rounded(top if w == widest else w, step, most) for w in needed], kinds)
        known, chunks = self.known.setdefault((name, most), set(fresh)), (name, len(needed))
        if widest > max(known):
            known.add(max(fresh))
        floor = self.last.get(chunks, needed)
        choices = [chosen(known, list(map(max, floor, needed))), chosen(known, needed), fresh]
        widths = next(c for c in choices if sum(c) <= WASTE * sum(fresh))
        known.update(widths)
        self.last[chunks] = widths
        return list(widths)


class Lengths:
    """Few lengths for what takes many rows: the first that fits and wastes little, or a new one with some room.

    >>> lengths = Lengths()
    >>> [lengths.settle(rows) for rows in (1000, 1040, 880, 600)]
    [1088, 1088, 1088, 640]
    """

    def __init__(self):
        self.known: tuple[int, ...] = ()

    def settle(self, needed: int) -> int:
        """A length for so many rows."""
        fitting = (length for length in self.known if needed <= length <= WASTE * needed)
        length = next(fitting, None) or round_up(needed + needed // 16)
        if length not in self.known:
            self.known += (length,)
        return length


def chosen(known: set[int], needed: list[int]) -> list[int]:
    """The smallest known width that suffices, for each chunk; the largest where none does."""
    return [min((k for k in known if k >= w), default=max(known)) for w in needed]


def roomy(width: int) -> int:
    """Room for as many neighbours more as their number fluctuates by in a liquid, where molecules are in the way."""
    return width + ceil(sqrt(width) / 2)


def few_kinds(widths: list[int], kinds: int) -> list[int]:
    """The largest width and up to `kinds` - 1 smaller ones, such that the pairs of slots are fewest.

    >>> few_kinds([24, 28, 28, 32, 40], kinds=2)
    [28, 28, 28, 40, 40]
    """
    chunks, top = Counter(widths), max(widths)
    choices = [{*smaller, top} for smaller in combinations(chunks, min(kinds - 1, len(chunks)))]

    def pairs(choice: set[int]) -> int:
        return sum(n * w * w for w, n in zip(chosen(choice, list(chunks)), chunks.values(), strict=True))

    return chosen(min(choices, key=pairs), widths)
