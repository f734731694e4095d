"""The sections `training_data` and `validation_data` of an input script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...config.parsing import Section
from ...config.rules import check
from ..data.batch_size import read_batch_size
from ..data.probabilities import read_style

ALIASES = {"auto_prob_style": "auto_prob", "sys_weights": "sys_probs"}
VALIDATION_ALIASES = ALIASES | {"numb_batch": "numb_btch"}


@dataclass(frozen=True, kw_only=True)
class DataSection(Section):
    """Folders of data, the frames in a batch, and how often each system is chosen.

    systems: folders, each a system or searched for systems. rglob_patterns: of the names of systems below them.
    """

    path: ClassVar[str] = "training.training_data"
    systems: str | tuple[str, ...]
    rglob_patterns: tuple[str, ...] | None = None
    batch_size: int | str | tuple[int, ...] = "auto"
    auto_prob: str = "prob_sys_size"
    sys_probs: tuple[float, ...] | None = None

    def check_rules(self) -> None:
        check(self, "systems", bool(self.folders), "names no folder")
        read_batch_size(self.batch_size, self.place("batch_size"))
        read_style(self.auto_prob, self.place("auto_prob"))

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders as a list, also where there is one."""
        return (self.systems,) if isinstance(self.systems, str) else self.systems


@dataclass(frozen=True, kw_only=True)
class TrainingDataSection(DataSection):
    """Data to train on; frames with a pair of atoms closer than `min_pair_dist` Å are left out."""

    min_pair_dist: float = 0.0

    def check_rules(self) -> None:
        super().check_rules()
        check(self, "min_pair_dist", self.min_pair_dist >= 0, "must not be negative")


@dataclass(frozen=True, kw_only=True)
class ValidationDataSection(DataSection):
    """Data to validate on, `numb_btch` batches each time."""

    path: ClassVar[str] = "training.validation_data"
    numb_btch: int = 1

    def check_rules(self) -> None:
        super().check_rules()
        check(self, "numb_btch", self.numb_btch > 0, "must be positive")
