"""Input scripts of LAMMPS as text: lines, words, quotes and the branches of `if`, by LAMMPS' own rules.

Nothing is evaluated here: variables are expanded, and conditions decided, by LAMMPS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import InputError

TRIPLE = '"""'
QUOTES = (TRIPLE, '"', "'")
CHOICE = "dpa2_branch"  # the variable of LAMMPS that says which branch of an `if` is taken


@dataclass(frozen=True)
class Place:
    """A line of a script, counted from 1: where a command begins."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Command:
    """The text of one command, its continuation lines joined, and where it stands."""

    text: str
    place: Place

    @property
    def bare(self) -> str:
        """The text without its comment."""
        return without_comment(self.text)

    @property
    def name(self) -> str:
        """The first word; it may contain variables."""
        return next(iter(self.bare.split()), "")

    def words(self) -> list[str]:
        """Return the words, without their quotes."""
        return words(self.bare, self.place)

    def replaced(self, text: str) -> Command:
        """Return another text at the same place."""
        return Command(text, self.place)


def refused(place: Place, message: str, **facts: Any) -> InputError:
    """Return the error of a line."""
    return InputError(f"{place}: {message}", file=place.file, line=place.line, **facts)


def commands(text: str, file: str) -> list[Command]:
    """Return the commands of a script; lines that are empty or only a comment are left out."""
    found = (Command(line, Place(file, number)) for number, line in logical_lines(text))
    return [command for command in found if command.name]


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with the number of their first one, after those are joined that end with & or within triple quotes.

    As in LAMMPS, a comment that ends with & goes on in the next line, too.
    """
    whole, first, joined = "", 1, False
    for number, line in enumerate(text.split("\n"), start=1):
        first = first if joined else number
        whole = (whole + line).rstrip()
        joined = True
        if whole.endswith("&"):
            whole = whole[:-1]
        elif whole.count(TRIPLE) % 2:
            whole += "\n"
        else:
            yield first, whole
            whole, joined = "", False
    if joined:
        yield first, whole


def without_comment(text: str) -> str:
    """Return a command up to the first # that is not within quotes.

    >>> without_comment("print '#1' # the first")
    "print '#1' "
    """
    quote, k = "", 0
    while k < len(text):
        if quote:
            at_end = text.startswith(quote, k)
            k += len(quote) if at_end else 1
            quote = "" if at_end else quote
        elif text[k] == "#":
            return text[:k]
        else:
            quote = next((each for each in QUOTES if text.startswith(each, k)), "")
            k += max(len(quote), 1)
    return text


def words(text: str, place: Place) -> list[str]:
    """Return the words of a command; what stands in quotes of any kind is one word, without them."""
    found, rest = [], text.lstrip()
    while rest:
        quote = next((each for each in QUOTES if rest.startswith(each)), "")
        if quote:
            word, closing, rest = rest[len(quote) :].partition(quote)
            if not closing or rest[:1].strip():
                rule = "is not followed by a blank" if closing else "is not closed"
                raise refused(place, f"the quote {quote} {rule}")
        else:
            word = rest.split(maxsplit=1)[0]
            rest = rest[len(word) :]
        found.append(word)
        rest = rest.lstrip()
    return found


def quoted(word: str, place: Place) -> str:
    """Return a word in quotes that it does not contain."""
    for quote in ('"', "'", TRIPLE):
        if quote not in word and not (quote == TRIPLE and word.endswith('"')):
            return f"{quote}{word}{quote}"
    raise refused(place, "has quotes of all kinds within one another; put the inner commands in a file and include it")


@dataclass(frozen=True)
class Branch:
    """The commands of an `if` after a condition; after `else` the condition is None."""

    condition: str | None
    commands: tuple[str, ...]


def branches(command: Command) -> list[Branch]:
    """Return the branches of an `if`: the first has the condition before `then`, others those after `elif`."""
    given = command.words()[1:]
    if len(given) < 3 or given[1] != "then":
        raise refused(command.place, 'if: wants a condition, then, and commands: if "${x} > 1" then "print yes"')
    found = [Branch(given[0], ())]
    rest = given[2:]
    while rest:
        word, *rest = rest
        if word == "elif":
            if not rest:
                raise refused(command.place, "if: elif has no condition")
            condition, *rest = rest
            found.append(Branch(condition, ()))
        elif word == "else":
            found.append(Branch(None, ()))
        else:
            found[-1] = Branch(found[-1].condition, (*found[-1].commands, word))
    return found


def choosing(found: Sequence[Branch], place: Place) -> str:
    """Return an `if` of LAMMPS that sets the variable `CHOICE` to the number of the branch to take."""
    parts = []
    for k, branch in enumerate(found):
        set_it = f'"variable {CHOICE} string {k}"'
        if branch.condition is None:
            parts.append(f"else {set_it}")
        else:
            start, then = ("elif", "") if k else ("if", " then")
            parts.append(f"{start} {quoted(branch.condition, place)}{then} {set_it}")
    return " ".join(parts)


def labels(script: Sequence[Command]) -> dict[str, int]:
    """Return the position of the first command after each label; the first of equal labels counts, as in LAMMPS."""
    found: dict[str, int] = {}
    for k, command in enumerate(script):
        if command.name == "label":
            for label in command.words()[1:2]:
                found.setdefault(label, k + 1)
    return found
