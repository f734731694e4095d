"""The contents of a file: one model, or the task heads of a multi-task model under their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from ..errors import FormatError, InputError
from .checkpoint import Checkpoint

MOST_EXPANSION = 64  # a compressed file may hold at most this many times its own size; statistics repeat themselves


@dataclass(frozen=True)
class Contents:
    """The models of a file by the names of their heads, each made when it is called; a single model is called None."""

    format: str
    models: Mapping[str | None, Callable[[], Checkpoint]]
    aliases: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def single(cls, format: str, checkpoint: Checkpoint) -> Contents:
        """The contents of a file with one model."""
        return cls(format, {None: lambda: checkpoint})

    @classmethod
    def of_script(cls, format: str, script: dict, model: Callable[[str | None, dict], Checkpoint]) -> Contents:
        """The contents of a file with a script of one model or several heads, which `model(head, section)` makes."""
        heads = script.get("model_dict")
        if heads is None:
            return cls(format, {None: partial(model, None, script)})
        if not isinstance(heads, dict) or not all(isinstance(section, dict) for section in heads.values()):
            raise FormatError("model_dict is not a dictionary with a section for each head", key="model_dict")
        models = {head: partial(model, head, section) for head, section in heads.items()}
        return cls(format, models, aliases_of(heads))

    @property
    def heads(self) -> tuple[str, ...] | None:
        """The names of the heads, or None where there is one model without a name."""
        return None if None in self.models else tuple(name for name in self.models if name is not None)

    def model(self, head: str | None) -> Checkpoint:
        """The model of a head; `InputError` lists the heads if that is not one of them."""
        head = self.aliases.get(head, head) if head is not None else None
        if head in self.models:
            return self.models[head]()
        if self.heads is None:
            raise InputError("holds one model without heads; leave out `head`", argument="head")
        asked = "several models and no head was asked for" if head is None else f"no head {head!r}"
        facts = {"argument": "head", "heads": list(self.heads)}
        raise InputError(f"holds {asked}; choose one of: {', '.join(self.heads)}", **facts)


def aliases_of(heads: dict[str, dict]) -> dict[str, str]:
    """The heads by their other names."""
    lists = {head: section.get("model_branch_alias") or [] for head, section in heads.items()}
    return {alias: head for head, names in lists.items() if isinstance(names, list) for alias in map(str, names)}
