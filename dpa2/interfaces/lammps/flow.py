"""The order of a script's commands: `include`, `label`, `jump`, `next`, `if` and `quit`, as LAMMPS has them.

LAMMPS expands variables, counts loops and decides conditions. What is done here is to find the next command, because
a jump of LAMMPS itself would run past the lines that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from ...errors import DPA2Error
from .script import CHOICE, Command, Place, branches, choosing, labels, refused, words

DEEPEST = 50  # files that include one another
NOISE = re.compile(r"^ERROR( on proc \d+)?: | \(src/\S+:\d+\)|\n?Last input line: .*|\n?For more information see \S+")
SOURCE = Place("command line", 0)
NONE = 10**6  # of the branches of an `if` is taken


class Quit(Exception):
    """The command `quit` ends the script; its argument is the exit code."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


@dataclass
class Cursor:
    """A file that is being run, and the position of its next command."""

    file: str
    script: list[Command]
    position: int = 0

    def go_to(self, label: str, place: Place) -> None:
        """Go on after a label."""
        known = labels(self.script)
        if label not in known:
            raise refused(place, f"jump: {self.file} has no line `label {label}`", argument="jump")
        self.position = known[label]


class Flow:
    """Runs script files on a LAMMPS instance.

    read: returns the commands of a file, for a file name and the place of the command that names it.
    perform: is called with the name and the command of everything that does not change the order.
    """

    def __init__(self, lmp: Any, read: Callable[[str, Place], list[Command]], perform: Callable[[str, Command], None]):
        self.lmp, self.read, self.perform = lmp, read, perform
        self.files: list[Cursor] = []
        self.skips_jump = False  # after a `next` that found no more values
        self.own = {
            "include": self.include, "label": self.label, "jump": self.jump, "next": self.next, "if": self.branch,
            "quit": self.quit,
        }  # fmt: skip

    def run(self, file: str, place: Place = SOURCE) -> None:
        """Run a file to its end."""
        if len(self.files) == DEEPEST:
            raise refused(place, f"include: more than {DEEPEST} files within one another", argument="include")
        self.files.append(Cursor(file, self.read(file, place)))
        while (cursor := self.files[-1]).position < len(cursor.script):
            cursor.position += 1
            self.execute(cursor.script[cursor.position - 1])
        self.files.pop()

    def execute(self, command: Command) -> None:
        """Run one command; its quotes are checked here, since LAMMPS may crash where one is not closed."""
        command.words()
        name = command.name
        if "$" in name or name[:1] in ("'", '"'):
            command = command.replaced(self.expanded(command))
            name = next(iter(words(command.text, command.place)), "")
        if name in self.own:
            self.own[name](command.place, words(self.expanded(command), command.place)[1:], command)
        elif name:
            self.perform(name, command)

    def expanded(self, command: Command) -> str:
        """Return a command without its comment, with the values of variables that are not within quotes."""
        bare = command.bare
        return self.asked(command.place, self.lmp.expand, bare) if "$" in bare else bare  # type: ignore[no-any-return]

    def given(self, command: Command) -> list[str]:
        """Return the words after the name of a command, with the values of variables."""
        return words(self.expanded(command), command.place)[1:]

    def command(self, command: Command) -> None:
        """Let LAMMPS run a command."""
        self.asked(command.place, self.lmp.command, command.text)

    def asked(self, place: Place, function: Callable, *arguments: Any) -> Any:
        """Return what a function of LAMMPS returns; its error becomes one of ours, with the line."""
        try:
            return function(*arguments)
        except DPA2Error:
            raise
        except Exception as error:  # the interface of LAMMPS has no class of its own for most of its errors
            fail(error, place)

    def include(self, place: Place, given: list[str], command: Command) -> None:
        """Run another file, then go on here."""
        self.run(one(place, "include", given), place)

    def label(self, place: Place, given: list[str], command: Command) -> None:
        """A label is a place, and does nothing."""

    def jump(self, place: Place, given: list[str], command: Command) -> None:
        """Go on in another file, or after a label."""
        if self.skips_jump:
            self.skips_jump = False
            return
        if len(given) not in (1, 2):
            raise refused(place, "jump wants a file or SELF, and perhaps a label", argument="jump")
        file = self.files[-1].file if given[0] == "SELF" else given[0]
        script = self.files[-1].script if given[0] == "SELF" else self.read(file, place)
        cursor = Cursor(file, script)
        if len(given) == 2:
            cursor.go_to(given[1], place)
        self.files[-1] = cursor

    def next(self, place: Place, given: list[str], command: Command) -> None:
        """Give variables their next values; where there are none, LAMMPS deletes the variables."""
        self.command(command)
        if not all(self.lmp.has_id("variable", name) for name in given):
            self.skips_jump = True

    def branch(self, place: Place, given: list[str], command: Command) -> None:
        """Run the commands of the branch that LAMMPS chooses; a jump to a label skips those after it."""
        found = branches(command.replaced(self.expanded(command)))
        choice = self.asked(place, self.choice, choosing(found, place))
        before = self.files[-1]
        for text in found[choice].commands if choice < len(found) else ():
            self.execute(command.replaced(text))
            if self.files[-1] is not before and self.files[-1].position:
                return

    def choice(self, question: str) -> int:
        """Return the number of the branch that LAMMPS takes for an `if` that sets a variable; `NONE` for no branch."""
        if self.lmp.set_string_variable(CHOICE, str(NONE)):
            self.lmp.command(f"variable {CHOICE} string {NONE}")
        self.lmp.command(question)
        return int(self.lmp.extract_variable(CHOICE))

    def quit(self, place: Place, given: list[str], command: Command) -> None:
        """End the script."""
        status = given[0] if given else "0"
        if not status.lstrip("-").isdecimal():
            raise refused(place, f"quit: the exit code is {status}; it must be a whole number", argument="quit")
        raise Quit(int(status) % 256)


def one(place: Place, name: str, given: list[str]) -> str:
    """Return the only argument of a command."""
    if len(given) != 1:
        raise refused(place, f"{name} wants one argument, and has {len(given)}", argument=name)
    return given[0]


def fail(error: Exception, place: Place) -> NoReturn:
    """Raise the error of LAMMPS as one of ours: its message, and the line of the script."""
    said = str(getattr(error, "message", error))
    raise refused(place, f"LAMMPS: {' '.join(NOISE.sub('', said).split())}", lammps=said) from error
