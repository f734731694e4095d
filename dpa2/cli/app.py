"""The application, and what its commands share: how they are declared, common options, output and errors."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, wraps
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..backends import CHOICES
from .exit_codes import USAGE

VERBS = f"{__package__}.verbs"  # the folder whose modules are the commands
out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Head = Annotated[str | None, typer.Option(help="Task head to use from a multi-task file.", metavar="NAME")]
Backend = Annotated[str, typer.Option(help=f"Library that computes: {CHOICES}.")]
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
Debug = Annotated[bool, typer.Option("--debug", help="Also print the traceback of an error; allowed at any place.")]


class Group(StrEnum):
    """Headings in `dpa2 --help`, in the order in which they are printed."""

    USE = "Use a model"
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
    """Declare a function as the command that is called like its module.

    rank: its place below the heading. examples: complete command lines, for its help.
    foreign_code: whether it runs an implementation of the user, whose precision on JAX is not ours to set.
    """

    def declare(function: Callable) -> Callable:
        name = function.__module__.rpartition(".")[2]

        @wraps(function)
        def run(*arguments, **options):
            if not foreign_code:
                allow_float64_on_jax()
            with truncation_as_one_line():
                return function(*arguments, **options)

        DECLARED[name] = Verb(name, run, group, rank, examples)
        return function

    return declare


@contextmanager
def truncation_as_one_line() -> Iterator[None]:
    """A context that prints its truncation warnings as one line at its end, and other warnings as they come."""
    cuts: list = []
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *rest):
            if hasattr(message, "truncations"):  # a TruncationWarning, whose import would take long
                cuts.extend(message.truncations)
            else:
                others(message, category, *rest)

        warnings.showwarning = show
        try:
            yield
        finally:
            tell_truncation(cuts)


def tell_truncation(cuts: list) -> None:
    """Print a line on standard error that says which lists of neighbours were cut, if any were."""
    if cuts:
        from ..model.truncation import summed, wording

        err.print(f"warning: {one_line(wording(summed(cuts)))}", markup=False, highlight=False, soft_wrap=True)


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
    app = typer.Typer(add_completion=False, callback=options, invoke_without_command=True)
    for found in sorted(DECLARED.values(), key=lambda each: each.place):
        app.command(found.name, rich_help_panel=str(found.group), epilog=found.epilog)(found.run)
    return app


def options(context: typer.Context, debug: Debug = False) -> None:
    """Use, convert, compare and examine models of the DPA-2 architecture.

    `dpa2 COMMAND --help` explains a command and gives examples.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)


def tell_error(error: Exception, as_json: bool) -> None:
    """Print the kind of an error and its message in one line; its facts as JSON too if the caller reads JSON."""
    message = one_line(str(error))
    err.print(f"[red]{type(error).__name__}[/red]: ", end="")
    err.print(message, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        facts = {k: v for k, v in getattr(error, "facts", {}).items() if v is not None}
        tell({"error": type(error).__name__, "message": message, "facts": facts})


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters, which a hostile file could send to the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))


def tell(data: dict) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(data, default=str, ensure_ascii=False))


def tell_line(text: str) -> None:
    """Print one line of plain text, however long, on standard output."""
    out.print(one_line(text), markup=False, highlight=False, soft_wrap=True)
