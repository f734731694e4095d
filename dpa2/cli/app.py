"""The application, and what its commands share: how they are declared, and common options."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, wraps
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated

import typer
from rich.markup import escape

from ..backends import CHOICES
from ..exit_codes import USAGE
from .output import tell_line
from .truncation import truncation_as_one_line

VERBS = f"{__package__}.verbs"  # the folder whose modules are the commands

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
ONE_HEAD = "FILE#HEAD for one task head of a multi-task file."
ModelFile = Annotated[str, typer.Argument(help=f"The model file; {ONE_HEAD}")]
Other = Annotated[str, typer.Argument(help=f"The model file to compare it with; {ONE_HEAD}")]
Head = Annotated[
    str | None, typer.Option(help="Task head to use from a multi-task file, as FILE#NAME does.", metavar="NAME")
]
Backend = Annotated[str, typer.Option(help=f"Library that computes: {CHOICES}.")]
Device = Annotated[str | None, typer.Option(help="Device as the library names it, for example cuda:0.")]
Precision = Annotated[
    str | None, typer.Option(help="float64, float32, bfloat16 or float16.", show_default="that of the file")
]
Structures = Annotated[
    list[str], typer.Argument(help="DeePMD data folders, or structure files that ASE reads (.xyz, .cif, ...).")
]
Truncate = Annotated[
    bool,
    typer.Option(
        help="Where an atom has more neighbours than the model holds, keep the nearest ones instead of stopping."
    ),
]
Types = Annotated[
    str | None,
    typer.Option(help="Types of the model for names in the structures that are others.", metavar="OW=O,HW=H"),
]
FrameParameters = Annotated[
    str | None, typer.Option(help="Frame parameters of all structures, as 0.1,0.2, or a file .npy with them.")
]
AtomParameters = Annotated[
    str | None, typer.Option(help="Parameters of every atom, as 0.1,0.2, or a file .npy (atoms, parameters).")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file to write if it exists.")]
Debug = Annotated[bool, typer.Option("--debug", help="Also print the traceback of an error; allowed at any place.")]
Version = Annotated[bool, typer.Option("--version", help="Print the version of dpa2.")]


class Group(StrEnum):
    """Headings in `dpa2 --help`, in the order in which they are printed."""

    USE = "Use a model"
    TRAIN = "Train a model"
    COMPARE = "Compare two models"
    SURVEY = "Examine a model"
    CONFORM = "Check another implementation"


@dataclass(frozen=True)
class Verb:
    """One command: the function that runs it, and how it is presented in `dpa2 --help`."""

    name: str
    run: Callable
    group: Group
    rank: int
    examples: tuple[str, ...]

    @property
    def place(self) -> tuple[int, int, str]:
        """Sort key of `dpa2 --help`: the heading, the rank below it, then the name."""
        return list(Group).index(self.group), self.rank, self.name

    @property
    def epilog(self) -> str:
        """The examples as they stand below the options, one in each line."""
        return escape("\n\n".join(["Examples:", *self.examples]))


DECLARED: dict[str, Verb] = {}  # filled by `verb` when a module of the folder is imported


def verb(group: Group, rank: int, *examples: str, foreign_code: bool = False) -> Callable:
    """Declare a function as the command that is called like its module, with "-" in the place of "_".

    rank: its place below the heading. examples: complete command lines, for its help.
    foreign_code: whether it runs an implementation of the user, whose precision on JAX is not ours to set.
    """

    def declare(function: Callable) -> Callable:
        name = function.__module__.rpartition(".")[2].replace("_", "-")

        @wraps(function)
        def run(*arguments, **options):
            if not foreign_code:
                allow_float64_on_jax()
            with truncation_as_one_line():
                return function(*arguments, **options)

        DECLARED[name] = Verb(name, run, group, rank, examples)
        return function

    return declare


def renaming(text: str | None, type_map: Sequence[str]) -> dict[str, str]:
    """Return the model's type for each name of the option --types."""
    from ..structures import naming

    return {} if text is None else naming.renaming(naming.parsed_pairs(text), type_map)


def allow_float64_on_jax() -> None:
    """Let JAX, which is not imported yet, compute in float64; the user's own setting of the variable stays."""
    os.environ.setdefault("JAX_ENABLE_X64", "1")


@cache
def application() -> typer.Typer:
    """The command line with a command for every module in the folder of verbs."""
    for module in iter_modules(import_module(VERBS).__path__):
        import_module(f"{VERBS}.{module.name}")
    app = typer.Typer(callback=options, invoke_without_command=True)
    for found in sorted(DECLARED.values(), key=lambda each: each.place):
        app.command(found.name, rich_help_panel=str(found.group), epilog=found.epilog)(found.run)
    return app


def options(context: typer.Context, version: Version = False, debug: Debug = False) -> None:
    """Use, convert, compare and examine models of the DPA-2 architecture.

    `dpa2 COMMAND --help` explains a command and gives examples.
    """
    if version:
        tell_line(f"dpa2 {import_module('dpa2').__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)
