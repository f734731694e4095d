"""Messages in the words of the command line: an option where the library names an argument.

The library quotes an argument as `` `head` `` or `` `overwrite=True` ``, and begins a message on a wrong value with
the argument that has it, as in `dtype = 'f32': must be ...`, which is also the error's fact `argument` or `path`.
Arguments for which a command has no option stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial

QUOTED = re.compile(r"`([a-z_]+)(?:=([^`]*))?`")
SPELLED = {"neighbors='truncate'": "truncate", "overwrite=True": "force"}  # arguments whose options have other names


def options_of(parameters: Iterable) -> dict[str, str]:
    """The options of a command by the names of their parameters, with dashes in front."""
    return {p.name: p.opts[0] for p in parameters if p.param_type_name == "option"}


def in_options(message: str, argument: str, options: Mapping[str, str]) -> str:
    """Return a message of the library with options in place of arguments; argument: the one that is wrong.

    >>> in_options("dtype = 'f32': must be one of ...", "dtype", {"dtype": "--dtype"})
    '--dtype f32: must be one of ...'
    >>> in_options("a.dp: exists already; `overwrite=True` replaces it", "target", {"force": "--force"})
    'a.dp: exists already; --force replaces it'
    """
    if argument in options:
        message = re.sub(rf"^{argument}( = '?(?P<value>.*?)'?)?(?=: )", partial(given, options[argument]), message)
    return QUOTED.sub(lambda match: quoted(match, options), message)


def given(option: str, match: re.Match) -> str:
    """An option, with the value that its argument has at the beginning of a message."""
    return " ".join(filter(None, [option, match["value"]]))


def quoted(match: re.Match, options: Mapping[str, str]) -> str:
    """The option in place of a quoted argument."""
    name, value = match.groups()
    spelled = SPELLED.get(f"{name}={value}", "")
    if spelled in options:
        return options[spelled]
    return f"{options[name]} {value or ''}".replace("'", "").strip() if name in options else match[0]


def meant(option: str, options: Mapping[str, str]) -> str:
    """The option that is called like an argument of the library; empty if there is none.

    >>> meant("--overwrite", {"force": "--force"})
    '--force'
    """
    names = {argument.partition("=")[0]: name for argument, name in SPELLED.items()}
    return options.get(names.get(option.lstrip("-"), ""), "")
