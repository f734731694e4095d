"""Learning rates: the rate of each step, from the section `learning_rate` of an input script.

Fields are the keys of the section. Source: section 2 of the specification of training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..config.parsing import Section, declared_types, read_section, require_known
from ..config.rules import check, check_choice, refuse

SMALLEST = 1e-10  # the end of an exponential decay that is to end at less, such as 0


@dataclass(frozen=True, kw_only=True)
class Schedule(Section):
    """A linear warm-up, then a decay from `start_lr` to `stop_lr`, over so many `steps` in all.

    One of `stop_lr` and `stop_lr_ratio` is given, the latter as a multiple of `start_lr`. `scale_by_worker` has no
    effect, as in the reference.
    """

    path: ClassVar[str] = "learning_rate"
    start_lr: float
    stop_lr: float | None = None
    stop_lr_ratio: float | None = None
    warmup_steps: int = 0
    warmup_ratio: float | None = None
    warmup_start_factor: float = 0.0
    scale_by_worker: str = "linear"
    steps: int = 0

    def check_rules(self) -> None:
        check(self, "start_lr", self.start_lr > 0, "must be positive")
        both = self.stop_lr is not None and self.stop_lr_ratio is not None
        none = self.stop_lr is None and self.stop_lr_ratio is None
        check(self, "stop_lr_ratio", not both, "stands beside stop_lr; give one of them")
        check(self, "stop_lr", not none, "is required, or stop_lr_ratio in its place")
        for name in ("stop_lr", "stop_lr_ratio", "warmup_ratio", "warmup_start_factor", "warmup_steps", "steps"):
            check(self, name, (getattr(self, name) or 0) >= 0, "must not be negative")
        twice = self.warmup_steps > 0 and self.warmup_ratio is not None
        check(self, "warmup_ratio", not twice, "stands beside warmup_steps; give one of them")
        check_choice(self, "scale_by_worker", ("linear", "sqrt", "none"))
        name = "warmup_steps" if self.warmup_ratio is None else "warmup_ratio"
        rule = f"the warm-up of {self.warmup} steps must be shorter than the training of {self.steps}"
        check(self, name, self.steps == 0 or self.warmup < self.steps, rule)

    def over(self, steps: int) -> Schedule:
        """Return the same schedule for a training of so many steps."""
        return replace(self, steps=steps)

    @property
    def stop(self) -> float:
        """The rate at the end."""
        return self.start_lr * self.stop_lr_ratio if self.stop_lr is None else self.stop_lr  # type: ignore[operator]

    @property
    def warmup(self) -> int:
        """The number of steps of the warm-up; none in a training without steps."""
        if self.steps == 0:
            return 0
        return self.warmup_steps if self.warmup_ratio is None else math.floor(self.warmup_ratio * self.steps)

    @property
    def decay(self) -> int:
        """The number of steps after the warm-up."""
        return self.steps - self.warmup

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, the first of which is 0."""
        if step >= self.warmup:
            return self.decayed(step - self.warmup)
        first = self.warmup_start_factor * self.start_lr
        return first + (self.start_lr - first) * step / self.warmup

    def decayed(self, t: int) -> float:
        """Return the rate t steps after the warm-up."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """The rate is multiplied by a factor every `decay_steps` steps, or, with `smooth`, by its share in every step.

    Without `decay_rate` the factor is the one that leads to `stop_lr` in the end, and too long an interval is made
    shorter.

    >>> [Exponential(start_lr=1.0, stop_lr=0.25, decay_steps=2, steps=4).rate(s) for s in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    decay_steps: int = 5000
    decay_rate: float | None = None
    smooth: bool = False

    def check_rules(self) -> None:
        super().check_rules()
        check(self, "decay_steps", self.decay_steps > 0, "must be positive")
        check(self, "decay_rate", self.decay_rate is None or 0 < self.decay_rate <= 1, "must lie in (0, 1]")

    @property
    def interval(self) -> int:
        """The number of steps between two changes of the rate."""
        if self.decay_rate is not None or self.decay_steps < self.decay:
            return self.decay_steps
        return 100 if self.decay // 10 > 100 else self.decay // 100 + 1

    @property
    def factor(self) -> float:
        """The rate after an interval as a share of the rate before it."""
        if self.decay_rate is not None:
            return self.decay_rate
        if self.decay == 0:
            return 1.0
        return math.exp(math.log(max(self.stop, SMALLEST) / self.start_lr) / (self.decay / self.interval))

    def decayed(self, t: int) -> float:
        intervals = t / self.interval if self.smooth else t // self.interval
        return max(self.start_lr * self.factor**intervals, self.stop)


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """The rate follows half a period of a cosine.

    >>> Cosine(start_lr=1e-3, stop_lr=0.0, steps=10).rate(5)
    0.0005
    """

    def decayed(self, t: int) -> float:
        if self.decay == 0:
            return self.start_lr
        share = self.stop / self.start_lr
        if t >= self.decay:
            return self.start_lr * share
        return self.start_lr * (share + 0.5 * (1.0 - share) * (1.0 + math.cos(math.pi * t / self.decay)))


@dataclass(frozen=True, kw_only=True)
class WarmupStableDecay(Schedule):
    """The rate stays, and decays at the end, in the share `decay_phase_ratio` of all steps.

    >>> wsd = WarmupStableDecay(start_lr=1e-3, stop_lr=1e-5, steps=10, decay_phase_ratio=0.2)
    >>> [wsd.rate(s) for s in (0, 8, 10)]
    [0.001, 0.001, 1e-05]
    """

    decay_phase_ratio: float = 0.1
    decay_type: str = "inverse_linear"

    def check_rules(self) -> None:
        super().check_rules()
        given = "stop_lr_ratio" if self.stop_lr is None else "stop_lr"
        check(self, given, self.stop > 0, "must be positive")
        check(self, "decay_phase_ratio", 0 < self.decay_phase_ratio <= 1, "must lie in (0, 1]")
        check_choice(self, "decay_type", ("inverse_linear", "cosine", "linear"))

    @property
    def phase(self) -> int:
        """The number of steps in which the rate decays."""
        return max(1, min(math.floor(self.decay_phase_ratio * self.steps), self.decay))

    def decayed(self, t: int) -> float:
        stable = self.decay - self.phase
        if t < stable:
            return self.start_lr
        return self.stop if t >= self.decay else self.between((t - stable) / self.phase)

    def between(self, done: float) -> float:
        """Return the rate when a share of the decay is done."""
        start, stop = self.start_lr, self.stop
        if self.decay_type == "inverse_linear":
            return 1.0 / (done / stop + (1.0 - done) / start)
        if self.decay_type == "cosine":
            return stop + 0.5 * (start - stop) * (1.0 + math.cos(math.pi * done))
        return start + (stop - start) * done


KINDS: dict[str, Any] = {"exp": Exponential, "cosine": Cosine, "wsd": WarmupStableDecay}


def read_schedule(section: dict, steps: int = 0) -> Schedule:
    """Return the schedule that a section `learning_rate` describes, for a training of so many steps.

    Raises `ConfigurationError` for an unknown or contradictory setting (facts: path, value).

    >>> read_schedule({"start_lr": 1e-3, "stop_lr": 1e-8}, steps=1000).rate(0)
    0.001
    """
    if not isinstance(section, dict):
        refuse(Schedule.path, section, "must be a section with keys and values")
    kind = section.get("type", "exp")
    if not isinstance(kind, str) or kind not in KINDS:
        refuse(Schedule.place("type"), kind, f"must be one of {', '.join(KINDS)}")
    given = {key: value for key, value in section.items() if key != "type"}
    known = [key for key in declared_types(KINDS[kind]) if key != "steps"]
    for key, value in given.items():
        require_known(key, value, known, Schedule.place(key), f"key of a learning rate of type {kind!r}")
    return read_section(given | {"steps": steps}, KINDS[kind])
