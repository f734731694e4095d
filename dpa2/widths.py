"""How wide blocks are: as wide as their widest atom needs, and wide enough to last where a change is expensive.

A compiler makes a program for each shape of arrays. Atoms that move change their numbers of neighbours all the time;
widths with some room, which are used again as long as they fit, spare them new programs.
"""

from __future__ import annotations

from math import ceil, sqrt

WASTE = 1.25  # remembered widths may hold this many times the slots that are needed


def rounded(width: int, step: int, capacity: int) -> int:
    """At least one slot, a multiple of `step`, but not more than the model provides.

    >>> rounded(9, 4, capacity=20), rounded(19, 8, capacity=20)
    (12, 20)
    """
    width = max(width, 1)
    return min(-(-width // step) * step, max(capacity, width))


class Lasting:
    """Few widths for all blocks of a list: those that have been before, as long as they fit and waste little.

    >>> lasting = Lasting()
    >>> lasting.settle("repformer", [16, 17, 25], step=4, capacity=48)
    [20, 20, 32]
    >>> lasting.settle("repformer", [17, 21, 28], step=4, capacity=48)
    [20, 32, 32]
    """

    def __init__(self):
        self.known: dict[tuple, set[int]] = {}
        self.last: dict[tuple, list[int]] = {}

    def settle(self, name: str, needed: list[int], step: int, capacity: int) -> list[int]:
        """Widths for blocks that need the given ones; each at least as wide as last time, if that wastes little."""
        top = min(roomy(max(needed)), max([capacity, *needed]))
        fresh = two_kinds([rounded(top if w == max(needed) else w, step, capacity) for w in needed])
        known, blocks = self.known.setdefault((name, capacity), set(fresh)), (name, len(needed))
        if max(needed) > max(known):
            known.add(max(fresh))
        floor = self.last.get(blocks, needed)
        choices = [chosen(known, list(map(max, floor, needed))), chosen(known, needed), fresh]
        widths = next(c for c in choices if sum(c) <= WASTE * sum(fresh))
        known.update(widths)
        self.last[blocks] = widths
        return list(widths)


def chosen(known: set[int], needed: list[int]) -> list[int]:
    """The smallest known width that suffices, for each block; the largest where none does."""
    return [min((k for k in known if k >= w), default=max(known)) for w in needed]


def roomy(width: int) -> int:
    """Room for as many neighbours more as their number fluctuates by."""
    return width + ceil(sqrt(width))


def two_kinds(widths: list[int]) -> list[int]:
    """The largest width and one smaller, such that the pairs of slots are fewest.

    >>> two_kinds([24, 28, 28, 32, 40])
    [28, 28, 28, 40, 40]
    """
    top = max(widths)
    choices = [[small if w <= small else top for w in widths] for small in set(widths)]
    return min(choices, key=lambda chosen: sum(w * w for w in chosen))
