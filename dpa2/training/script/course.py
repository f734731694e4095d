"""The settings of the section `training` that concern the whole course of a training, not its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...config.parsing import Section
from ...config.rules import check, check_choice

ALIASES = dict.fromkeys(("stop_batch", "num_step", "num_steps", "numb_step"), "numb_steps")
ALIASES |= dict.fromkeys(("num_epoch", "num_epochs", "numb_epochs"), "numb_epoch")


@dataclass(frozen=True, kw_only=True)
class CourseSection(Section):
    """Length, seed, clipping, display and checkpoints (section 1.4 of the specification of training)."""

    path: ClassVar[str] = "training"
    numb_steps: int | None = None
    numb_epoch: float | None = None
    seed: int | None = None
    gradient_max_norm: float = 0.0
    disp_file: str = "lcurve.out"
    disp_freq: int = 1000
    disp_training: bool = True
    disp_avg: bool = False
    time_training: bool = True
    save_ckpt: str = "model.ckpt"
    save_freq: int = 1000
    save_dir: str | None = None
    max_ckpt_keep: int = 5
    ckpt_keep_ratio: float | None = None
    enable_ema: bool = False
    ema_decay: float = 0.999
    ema_ckpt_keep: int | None = None
    change_bias_after_training: bool = False

    def check_rules(self) -> None:
        for name in ("numb_steps", "numb_epoch", "seed", "gradient_max_norm"):
            check(self, name, (getattr(self, name) or 0) >= 0, "must not be negative")
        for name in ("disp_freq", "save_freq", "max_ckpt_keep", "ema_ckpt_keep", "ckpt_keep_ratio"):
            value = getattr(self, name)
            check(self, name, value is None or value > 0, "must be positive")
        check(self, "ema_decay", 0 <= self.ema_decay < 1, "must lie in [0, 1)")


@dataclass(frozen=True, kw_only=True)
class StatisticsSection(Section):
    """Settings in `model` that concern training only.

    data_stat_nbatch: batches of each system from which statistics are taken. data_stat_protect: the least deviation of
    frame and atomic parameters. finetune_head: the branch of a pretrained model to begin with.
    """

    path: ClassVar[str] = "model"
    data_stat_nbatch: int = 10
    data_stat_protect: float = 0.01
    finetune_head: str | None = None

    def check_rules(self) -> None:
        check(self, "data_stat_nbatch", self.data_stat_nbatch > 0, "must be positive")
        check(self, "data_stat_protect", self.data_stat_protect > 0, "must be positive")


@dataclass(frozen=True, kw_only=True)
class StatisticsFile(Section):
    """The file in which statistics are kept: `update` computes what is missing, `read` demands all of it."""

    path: ClassVar[str] = "training"
    stat_file: str | None = None
    stat_file_mode: str = "update"

    def check_rules(self) -> None:
        check_choice(self, "stat_file_mode", ("update", "read"))
