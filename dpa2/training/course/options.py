"""What a training leaves to who starts it, beside the script."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...backends.ranks import Alone, Ranks
from ..data.kept_lists import MEMORY


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choices that change neither the data nor the rules of a training, and those that train together.

    truncate: where an atom has more neighbours than the model holds, keep the nearest ones instead of stopping.
    memory, lists: bytes of neighbour lists that are kept in memory, and a folder where they are kept, too. ahead:
    batches that are made ready while one is trained on. recompute: as for `Trainer`. reference_rounding: as for `Loss`.
    reference_checkpoints: write each checkpoint also as `.pt`, which DeePMD-kit's trainer goes on from.
    ranks: of this process, where a training has several (`connect` of `dpa2.backends.ranks`).
    """

    truncate: bool = False
    memory: int = MEMORY
    lists: Path | None = None
    ahead: int = 1
    recompute: bool = False
    reference_rounding: bool = False
    reference_checkpoints: bool = False
    ranks: Ranks = field(default_factory=Alone)

    @property
    def neighbors(self) -> str:
        """The treatment of too many neighbours, in the words of `Model.evaluate`."""
        return "truncate" if self.truncate else "strict"
