"""Widths of chunks, and lengths of arrays, that change seldom.

A compiler makes a program for each shape of arrays, and atoms that move change their numbers of neighbours all the
time. Widths and lengths with a margin, used again as long as they are large enough, save new programs.
The first few fit closely, which is fast for one system whose atoms move. Where many different systems come one after
another, later ones are taken from a ladder with few rungs, so that the number of programs stops growing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import ceil, sqrt
from operator import gt
from sys import maxsize

MAX_PADDING = 1.25  # use an old width or length only if it is at most this many times the new one
CLOSE_WIDTHS = 4  # so many widths of each list fit closely; later ones are rungs of a ladder
CLOSE_LENGTHS = 6  # so many lengths fit closely; later ones are powers of two
SMALL = 8192  # rows of an array that a few chunks may double
SHORTEST = 1024  # rows of the shortest array: all systems of up to 1024 atoms share their programs
NARROWEST = 8  # slots of the lowest rung
HALF_RUNGS = ("repformer",)  # lists with rungs between powers of two; pairs of their slots cost most
CHUNKS_FOR_THIRD_WIDTH = 24  # three widths instead of two from this many chunks on; for 8 chunks (192 atoms of water)
# a third width gained nothing and took 2 s more to compile


def rounded_up(width: int, step: int, most: int = maxsize) -> int:
    """At least one slot, a multiple of `step`, but not more than the model provides.

    >>> rounded_up(9, 4, most=20), rounded_up(19, 8, most=20), rounded_up(19, 8)
    (12, 20, 24)
    """
    width = max(width, 1)
    return min(-(-width // step) * step, max(most, width))


def coarse(n: int, digits: int = 5) -> int:
    """The next number of at most so many binary digits followed by zeros: few shapes for many numbers of atoms.

    >>> coarse(192), coarse(2592), coarse(108, digits=4)
    (192, 2688, 112)
    """
    return rounded_up(n, 1 << max(0, n.bit_length() - digits))


def rung(width: int, most: int, halves: bool) -> int:
    """The lowest rung that is wide enough: powers of two, with `halves` also 1.5 times these; at most `most`.

    >>> [rung(w, 48, halves=True) for w in (3, 9, 17, 33)], rung(17, 48, halves=False)
    ([8, 12, 24, 48], 32)
    """
    power = max(NARROWEST, 1 << (max(width, 1) - 1).bit_length())
    between = power * 3 // 4
    fitting = between if halves and max(width, NARROWEST) <= between else power
    return min(fitting, max(most, width))


class WidthCache:
    """Few widths for the chunks of each list: earlier ones as long as they are wide enough and pad little.

    >>> cache = WidthCache()
    >>> cache.widths_for("repformer", [16, 17, 25], step=4, most=48)
    [20, 20, 28]
    >>> cache.widths_for("repformer", [17, 21, 28], step=4, most=48)
    [20, 28, 28]
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], set[int]] = {}  # by list and its max_neighbors
        self.last: dict[tuple[str, int], list[int]] = {}  # by list and number of chunks
        self.agreed: dict[tuple[str, int], tuple[int, int]] = {}  # those that several processes agreed on

    @property
    def crowded(self) -> bool:
        """Whether so many different widths were needed that new ones are rungs of a ladder."""
        return any(len(known) >= CLOSE_WIDTHS for known in self.known.values())

    def widths_for(self, name: str, needed: list[int], step: int, most: int = maxsize) -> list[int]:
        """The widths of chunks that need the given ones; no chunk narrower than last time, if that pads little."""
        widest = max(needed)
        top = min(with_margin(widest), max(most, widest))
        count = 3 if len(needed) >= CHUNKS_FOR_THIRD_WIDTH else 2
        known = self.known.setdefault((name, most), set())
        if len(known) < CLOSE_WIDTHS:
            fresh = few_widths([rounded_up(top if w == widest else w, step, most) for w in needed], count)
        else:
            fresh = few_widths([rung(w, most, name in HALF_RUNGS) for w in needed], count)
        known.update(fresh if not known else ())
        if widest > max(known):
            known.add(max(fresh))
        previous = self.last.get((name, len(needed)), needed)
        choices = [smallest_sufficient(known, list(map(max, previous, needed))), smallest_sufficient(known, needed)]
        widths = next(c for c in [*choices, fresh] if sum(c) <= MAX_PADDING * sum(fresh))
        known.update(widths)
        self.last[name, len(needed)] = widths
        return list(widths)


class KnownWidths:
    """The widths of all chunks of each list, known before; wider ones where a chunk needs more.

    >>> KnownWidths({"repformer": [12, 20]}).widths_for("repformer", [9, 21], step=4)
    [12, 24]
    """

    crowded = False

    def __init__(self, widths: Mapping[str, Sequence[int]]) -> None:
        self.widths = widths

    def widths_for(self, name: str, needed: list[int], step: int, most: int = maxsize) -> list[int]:
        """The widths of chunks that need the given ones."""
        own = [rounded_up(w, step, most) for w in needed]
        return [max(pair) for pair in zip(self.widths.get(name, own), own, strict=True)]


class GrowingWidths:
    """Widths with room for atoms that move, of as many kinds as given, which stay as long as they suffice.

    >>> widths = GrowingWidths(kinds=2)
    >>> widths.widths_for("repformer", [16, 17, 25], step=2), widths.widths_for("repformer", [18, 18, 26], step=2)
    ([18, 18, 28], [18, 18, 28])
    """

    crowded = False

    def __init__(self, kinds: int) -> None:
        self.kinds = kinds
        self.known: dict[tuple[str, int], list[int]] = {}

    def widths_for(self, name: str, needed: list[int], step: int, most: int = maxsize) -> list[int]:
        """The widths of chunks that need the given ones."""
        before = self.known.get((name, len(needed)), [0] * len(needed))
        if (name, len(needed)) not in self.known or any(map(gt, needed, before)):
            widest = max(needed)
            roomy = (with_margin(need) if need == widest else need + 1 for need in needed)
            capped = (min(r, max(most, need)) for r, need in zip(roomy, needed, strict=True))
            wanted = [max(rounded_up(c, step, most), b) for c, b in zip(capped, before, strict=True)]
            self.known[name, len(needed)] = few_widths(wanted, self.kinds)
        return list(self.known[name, len(needed)])


class AgreedWidths:
    """Two widths of each list, for half of the chunks and for all, which processes agree on and which only grow.

    All of them then compile for the same shapes, at the same time; otherwise one would wait for the compiler of
    another. cache: holds what was agreed before. largest: returns the largest of each number among all processes.

    >>> widths = AgreedWidths(WidthCache(), largest=lambda numbers: numbers)
    >>> widths.widths_for("repformer", [9, 15, 16, 24], step=4), widths.widths_for("repformer", [9, 26], step=4)
    ([20, 20, 20, 32], [20, 32])
    """

    crowded = False

    def __init__(self, cache: WidthCache, largest: Callable[[Sequence[int]], list[int]]) -> None:
        self.agreed, self.largest = cache.agreed, largest

    def widths_for(self, name: str, needed: list[int], step: int, most: int = maxsize) -> list[int]:
        """The widths of chunks that need the given ones."""
        ordered = sorted(needed)
        wanted = self.largest([ordered[(len(ordered) - 1) // 2], ordered[-1]])
        before = self.agreed.get((name, most), (0, 0))
        pairs = zip(wanted, before, strict=True)
        small, large = (b if w <= b else rounded_up(w + ceil(sqrt(w)), step, most) for w, b in pairs)
        small = min(small, large)
        self.agreed[name, most] = small, large
        widest = max(range(len(needed)), key=needed.__getitem__)  # has the large width, so that all compile for it
        return [large if w > small or (k == widest and k > 0) else small for k, w in enumerate(needed)]


class LengthCache:
    """Few lengths for arrays of many rows: the first known one that is long enough and pads little, or a new one.

    >>> cache = LengthCache()
    >>> [cache.length_for(rows) for rows in (2000, 2080, 1800, 600)]
    [2176, 2176, 2176, 1024]
    """

    def __init__(self) -> None:
        self.known: tuple[int, ...] = ()
        self.agreed: dict[int, int] = {}  # lengths that several processes agreed on, by purpose
        self.fixed: dict[int, int] = {}  # and by the number of rows that this one needs now

    def agree(self, needed: Sequence[int], largest: Sequence[int]) -> None:
        """Give arrays that need so many rows the lengths that the longest ones of all processes need; these only grow.

        >>> cache = LengthCache()
        >>> cache.agree([1500, 9000], largest=[2000, 9000])
        >>> cache.agree([1600, 8000], largest=[2100, 8000])
        >>> cache.length_for(1600), cache.length_for(8000)
        (4096, 17408)
        """
        self.fixed = {}
        for purpose, (own, most) in enumerate(zip(needed, largest, strict=True)):
            if most > self.agreed.get(purpose, -1):
                self.agreed[purpose] = max(SHORTEST, coarse(most + max(most // 4, min(most, SMALL))))
            self.fixed[own] = max(self.fixed.get(own, 0), self.agreed[purpose])

    def length_for(self, needed: int) -> int:
        """The length of an array for so many rows."""
        if needed in self.fixed:
            return self.fixed[needed]
        if needed <= SHORTEST:
            return SHORTEST
        fitting = (length for length in self.known if needed <= length <= MAX_PADDING * needed)
        fresh = coarse(needed + needed // 16) if len(self.known) < CLOSE_LENGTHS else 1 << (needed - 1).bit_length()
        length = next(fitting, fresh)
        if length not in self.known:
            self.known += (length,)
        return length


def smallest_sufficient(known: set[int], needed: list[int]) -> list[int]:
    """For each chunk, the smallest known width that is wide enough; the largest where none is."""
    return [min((k for k in known if k >= w), default=max(known)) for w in needed]


def with_margin(width: int) -> int:
    """The width and half its square root: the fluctuation of the number of neighbours in a liquid of molecules."""
    return width + ceil(sqrt(width) / 2)


def few_widths(widths: list[int], count: int) -> list[int]:
    """The widths, each rounded up to one of at most `count` of them, chosen so that pairs of slots are fewest.

    >>> few_widths([24, 28, 28, 32, 40], count=2)
    [28, 28, 28, 40, 40]
    """
    chunks, top = Counter(widths), max(widths)
    choices = [{*smaller, top} for smaller in combinations(chunks, min(count - 1, len(chunks)))]

    def pairs(choice: set[int]) -> int:
        return sum(n * w * w for w, n in zip(smallest_sufficient(choice, list(chunks)), chunks.values(), strict=True))

    return smallest_sufficient(min(choices, key=pairs), widths)
