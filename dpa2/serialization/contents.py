"""The contents of a file: one model, or the task heads of a multi-task model under their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ..config import DPA2Config
from ..errors import FormatError, InputError, shorten
from .budget import WORD, Budget, spend
from .checkpoint import Checkpoint
from .settings.heads import DEFAULT, TYPES

if TYPE_CHECKING:
    from .state.progress import Progress

MOST_EXPANSION = 64  # a compressed file may hold at most this many times its own size; statistics repeat themselves


@dataclass(frozen=True)
class Contents:
    """The models of a file by the names of their heads, each made when it is called; a single model is called None."""

    format: str
    models: Mapping[str | None, Callable[[], Checkpoint]]
    aliases: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)  # what each head predicts, in the words of its script
    budget: Budget | None = None  # what was left after reading, for each of the models
    descriptor: Callable[[str | None], Checkpoint] | None = None  # its descriptor with a head of zeros, of any kind
    progress: Callable[[Mapping[str | None, DPA2Config]], Progress] | None = None  # of a training, for all its heads
    left_out: tuple[str, ...] = ()  # what else the file holds that is no part of a model, such as an optimizer

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
        for head in heads:
            if not isinstance(head, str):
                raise FormatError(f"model_dict has the head {shorten(head)}, which is not a word", key="model_dict")
        models = {head: partial(model, head, section) for head, section in heads.items()}
        return cls(format, models, aliases_of(heads), {head: kind_of(section) for head, section in heads.items()})

    @property
    def heads(self) -> tuple[str, ...] | None:
        """The names of the heads, or None where there is one model without a name."""
        return None if None in self.models else tuple(name for name in self.models if name is not None)

    @property
    def known_heads(self) -> tuple[str, ...]:
        """The names of the heads that are read: those that predict something that is known."""
        return tuple(head for head in self.heads or () if self.kinds.get(head, DEFAULT) in TYPES)

    def model(self, head: str | None) -> Checkpoint:
        """The model of a head; `InputError` lists the heads if that is not one of them."""
        if head is not None and head not in self.models:
            head = self.aliases.get(head, head)
        if head in self.models:
            return self.models[head]()
        if self.heads is None:
            raise InputError(f"holds one model without heads; leave out the head {shorten(head)}", argument="head")
        asked = "several models and no head was asked for" if head is None else f"no head {head!r}"
        facts = {"argument": "head", "heads": list(self.heads)}
        way = f"as in FILE#{self.known_heads[0]}; choose one of: " if self.known_heads else "there are none: "
        names = ", ".join(self.known_heads) or f"no head predicts one of {', '.join(TYPES)}"
        raise InputError(f"holds {asked}; name it behind the file, {way}{names}{self.others()}", **facts)

    def others(self) -> str:
        """The heads that are not read, in words for the end of a message; empty where there are none."""
        found = [f"{head} ({self.kinds[head]})" for head in self.heads or () if head not in self.known_heads]
        return f"; not read, since what they predict is not known: {', '.join(found)}" if found else ""


def kind_of(section: dict) -> str:
    """Return what a head predicts, by the type of its model or of its fitting net, such as "ener" or "property"."""
    fitting = section.get("fitting_net")
    types = section.get("type", "standard"), fitting.get("type", DEFAULT) if isinstance(fitting, dict) else DEFAULT
    return shorten(types[1] if types[0] == "standard" else types[0]).strip("'")


def aliases_of(heads: dict[str, dict]) -> dict[str, str]:
    """The heads by their other names."""
    lists = {head: section.get("model_branch_alias") or [] for head, section in heads.items()}
    found: dict[str, str] = {}
    for head, names in lists.items():
        if isinstance(names, list):
            spend(WORD * len(names), len(names))
            found |= {alias: head for alias in names if is_free(alias, head, heads, found)}
    return found


def is_free(alias, head: str, heads: dict, found: dict[str, str]) -> bool:
    """Return whether a word can be another name of a head; a name of a head means that head.

    Raises `FormatError` for a word that two heads have.
    """
    if isinstance(alias, str) and found.get(alias, head) != head:
        both = f"{found[alias]} and {head}"
        raise FormatError(f"model_dict: the heads {both} have the same other name {shorten(alias)}", key="model_dict")
    return isinstance(alias, str) and alias not in heads
