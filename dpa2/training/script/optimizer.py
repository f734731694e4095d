"""The section `optimizer` of an input script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ...config.parsing import Section
from ...config.rules import check, check_choice
from .plain import read_at, section_at
from .unsupported import OTHER_OPTIMIZERS, refuse_unsupported


@dataclass(frozen=True, kw_only=True)
class OptimizerSection(Section):
    """Adam, whose weight decay is a term of the gradient, or AdamW, whose decay acts on the weights alone.

    The default decay is 0 for both, as in the reference.
    """

    path: ClassVar[str] = "optimizer"
    type: str = "Adam"
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    weight_decay: float = 0.0

    def check_rules(self) -> None:
        check_choice(self, "type", ("Adam", "AdamW"))
        for name in ("adam_beta1", "adam_beta2"):
            check(self, name, 0 <= getattr(self, name) < 1, "must lie in [0, 1)")
        check(self, "weight_decay", self.weight_decay >= 0, "must not be negative")


def read_optimizer(value: Any) -> OptimizerSection:
    """Return the settings of an optimizer.

    Raises `UnsupportedModel` for an optimizer of the reference that is not supported.

    >>> read_optimizer({"type": "AdamW"}).weight_decay
    0.0
    """
    kind = section_at(value, OptimizerSection.path).get("type")
    if kind in OTHER_OPTIMIZERS:
        refuse_unsupported("optimizer.type", kind, "this optimizer is not supported; use Adam or AdamW")
    return read_at(value, OptimizerSection, OptimizerSection.path)
