"""What of a pretrained file a model begins with: the table of fine-tuning.

Source: sections 9.1 and 9.2 of the specification of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ...errors import InputError, meant_perhaps, shorten
from ...serialization.contents import Contents
from .start import CHANGE, KEEP, SET

RANDOM = "RANDOM"  # asks for a fitting net with random weights
DEFAULT = "Default"  # the branch of a file of one model, by the name that DeePMD-kit gives it


@dataclass(frozen=True)
class Branch:
    """A model in a pretrained file, and what is taken of it.

    head: its name; None in a file of one model. whole: whether all tensors are taken, or those of the descriptor alone.
    bias: what happens to the output bias.
    """

    head: str | None
    whole: bool
    bias: str


def branch_of(
    file: str, contents: Contents, head: str | None, own: str | None = None, asked: str | None = None
) -> Branch:
    """Return what a head of a training begins with.

    file: its name, for messages. head: None in a script of one task. own: the branch that the script names for it
    (`finetune_head`). asked: the branch that the user names, which goes before.

    Raises `InputError` for a branch that the file does not have, and for one beside several heads.
    """
    if head is None:
        return branch_called(file, contents, asked or own)
    if asked:
        rule = "give each head its own, as finetune_head in its section of model_dict"
        raise InputError(f"branch = {asked!r}: the script has several heads; {rule}", argument="branch")
    if own is None and head in (contents.heads or (DEFAULT,)):
        return Branch(None if contents.heads is None else head, True, KEEP)
    return branch_called(file, contents, own or RANDOM)


def branch_called(file: str, contents: Contents, name: str | None) -> Branch:
    """Return what a model begins with by the name of a branch, RANDOM, or None."""
    if contents.heads is None:
        if name not in (None, RANDOM, DEFAULT):
            rule = f"the file holds one model without heads; leave it out, or give {RANDOM}"
            raise InputError(f"{file}: branch = {shorten(name)}: {rule}", argument="branch", file=file)
        return Branch(None, False, SET) if name == RANDOM else Branch(None, True, CHANGE)
    if name in (None, RANDOM):
        return Branch(first_head(file, contents), False, SET)
    head = name if name in contents.heads else contents.aliases.get(str(name))
    return Branch(head, True, CHANGE) if head in contents.heads else refuse_branch(file, contents, str(name))


def first_head(file: str, contents: Contents) -> str:
    """Return the first head of a file, whose descriptor heads with a random fitting net begin with."""
    for head in contents.heads or ():
        return head
    raise InputError(f"{file}: holds no head", argument="file", file=file)


def refuse_branch(file: str, contents: Contents, name: str) -> NoReturn:
    """Raise an `InputError` for a branch that is not there."""
    heads = [*(contents.heads or ()), RANDOM]
    others = f" (other names: {', '.join(contents.aliases)})" if contents.aliases else ""
    what = f"is no head of the file{meant_perhaps(name, [*heads, *contents.aliases])}"
    message = f"{file}: branch = {name!r} {what}; choose one of: {', '.join(heads)}{others}"
    raise InputError(message, argument="branch", file=file, heads=heads)
