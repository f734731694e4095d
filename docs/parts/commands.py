"""The command line, from its own help."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import typer.main

from dpa2.cli import application
from dpa2.cli.app import DECLARED, Group, Verb


def commands() -> Iterator[str]:
    """A section for each command, below the headings of `dpa2 --help`."""
    made = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    for group in Group:
        yield f"## {group}\n"
        for verb in sorted(DECLARED.values(), key=lambda each: each.place):
            if verb.group is group:
                yield from section(verb, made[verb.name])


def section(verb: Verb, command) -> Iterator[str]:
    """What a command does, what it takes, and examples."""
    yield f"### `dpa2 {verb.name}`\n"
    yield inspect.cleandoc(verb.run.__doc__ or "") + "\n"
    yield "\n".join(["```sh", *verb.examples, "```"]) + "\n"
    rows = [row(each) for each in command.params if each.name != "help"]
    if rows:
        yield "\n".join(["| argument or option | meaning | default |", "|---|---|---|", *rows]) + "\n"


def row(parameter) -> str:
    """The row of an argument or an option."""
    argument = parameter.param_type_name == "argument"
    name = argument_name(parameter) if argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    help_text = " ".join((parameter.help or "").split()).replace("|", "\\|")
    return f"| `{name}` | {help_text} | {default(parameter)} |"


def argument_name(parameter) -> str:
    """The name of an argument, with dots if there may be several."""
    return (parameter.metavar or parameter.name).upper() + ("..." if parameter.nargs == -1 else "")


def default(parameter) -> str:
    """The default of a parameter as text; nothing for flags and for what is left out."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    return "" if value is None or isinstance(value, bool) or value in ((), []) else f"`{value}`"
