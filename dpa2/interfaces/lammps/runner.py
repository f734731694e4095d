"""`dpa2 lammps`: an input script of LAMMPS, run with a DPA-2 model where it says `pair_style dpa2` or `deepmd`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...api import load
from ...backends.threads import available
from ...errors import DPA2Error, FileMissing, InputError
from ...model.model import Model
from .company import agreed
from .flow import SOURCE, Flow, Quit
from .objections import FIX, before_the_model, hides_the_energy, objection
from .performance import NANOSECONDS, Performance
from .script import Command, Place, commands, refused
from .style import Style, is_ours, read_style, read_types

STEPPING = ("run", "minimize", "rerun")
ACTIONS = (*STEPPING, "write_data", "write_restart", "write_dump", "restart", "dump", "dump_modify", "undump", "log")
FORBIDDEN = {"partition": "several partitions are not possible", "temper": "several partitions are not possible"}
ORDER = ("include", "label", "jump", "next", "if", "quit", "pair_style", "pair_coeff", "clear", "read_restart")


@dataclass
class Ran:
    """The outcome of a script. status: the exit code of its `quit`. skipped: what a check did not run."""

    performance: Performance
    model: dict[str, Any] | None = None
    status: int = 0
    skipped: list[str] = field(default_factory=list)
    unchecked: str | None = None


class Runner:
    """Runs scripts on a LAMMPS instance, and keeps the model and what connects both.

    defaults: options of `dpa2.load` for what `pair_style` does not say. check: run nothing that takes steps or writes.
    warn: is called with a warning. tell: is called with an error that ends the program on all ranks at once.
    """

    def __init__(
        self,
        lmp: Any,
        comm: Any,
        defaults: dict[str, Any],
        check: bool,
        warn: Callable[[str], None],
        tell: Callable[[BaseException], object],
    ):
        self.lmp, self.comm, self.defaults, self.check = lmp, comm, defaults, check
        self.warn, self.tell = warn, tell
        self.flow = Flow(lmp, self.read, self.perform)
        self.ran = Ran(Performance(comm.size, available()))
        self.loaded: dict[tuple, Model] = {}
        self.warned = False
        self.own = {
            "pair_style": self.pair_style, "pair_coeff": self.pair_coeff, "clear": self.clear, "unfix": self.unfix,
            "read_restart": self.read_restart, "thermo_style": self.thermo_style,
        }  # fmt: skip
        self.forget()

    def forget(self) -> None:
        """Begin without a model, as LAMMPS does."""
        self.style: Style | None = None
        self.driver: Any = None
        self.from_restart: Place | None = None
        self.thermo: Sequence[str] = ("one",)
        self.objections: list[InputError] = []
        self.early: dict[str, InputError] = {}

    def run(self, file: str) -> Ran:
        """Run a script, and return what became of it."""
        try:
            self.flow.run(file)
        except Quit as ended:
            self.ran.status = ended.status
        except InputError as error:
            if not (self.ran.skipped and "lammps" in error.facts and self.check):
                raise
            self.ran.unchecked = str(error)  # it may need results of a run that a check leaves out
        self.disconnect()
        return self.ran

    def read(self, file: str, place: Place) -> list[Command]:
        """Return the commands of a file, which the first rank reads for all."""
        text = agreed(self.comm, lambda: script_text(file, place) if self.comm.rank == 0 else "")
        return commands(self.comm.bcast(text), file)

    def perform(self, name: str, command: Command) -> None:
        """Run a command that does not change the order of commands."""
        if name in FORBIDDEN:
            raise refused(command.place, f"{name}: {FORBIDDEN[name]}", argument=name)
        if name in self.own:
            self.own[name](self.flow.given(command), command)
        elif self.check and (name in ACTIONS or skipped_shell(name, command)):
            self.ran.skipped.append(f"{command.place}: {self.meant(command)}")
        elif name in STEPPING:
            self.stepping(name, command)
        else:
            self.look_at(name, command)
            self.flow.command(command)
            self.raise_error()

    def meant(self, command: Command) -> str:
        """Return a command with the values of its variables, or as it is where these need results of a run."""
        try:
            return " ".join(self.flow.expanded(command).split())
        except InputError:
            return " ".join(command.bare.split())

    def look_at(self, name: str, command: Command) -> None:
        """Refuse a command that would leave the model out, or remember it for when there is a model."""
        if name not in ("fix", "compute", "neigh_modify", "run_style"):
            return
        command = command.replaced(self.flow.expanded(command))
        given = command.words()[1:]
        found = objection(name, given, command.place)
        if found is not None:
            if self.style is not None:
                raise found
            self.objections.append(found)
        early = before_the_model(name, given, command.place)
        if early is not None and self.driver is None:
            self.early[given[0]] = early

    # the model

    def pair_style(self, given: list[str], command: Command) -> None:
        """Load the models of our style, and give LAMMPS a style that makes the neighbour list; leave others to it."""
        found = read_style(given, command.place, lambda word: self.lmp.has_style("pair", word))
        self.disconnect()
        self.from_restart = None
        self.style = found
        if found is None:
            self.flow.command(command)
            return
        for each in self.objections:
            raise each
        cutoff = self.models(found)[0].cutoff
        self.flow.command(command.replaced(found.for_lammps(cutoff)))

    def models(self, style: Style) -> list[Model]:
        """Return the models of a style, each of which is read once."""
        options = style.loading(self.defaults)
        for file in style.files:
            key = (file, *sorted(options.items()))
            if key not in self.loaded:
                self.loaded[key] = agreed(self.comm, partial(placed, style.place, load, file, **options))
        return [self.loaded[file, *sorted(options.items())] for file in style.files]

    def pair_coeff(self, given: list[str], command: Command) -> None:
        """Connect the model with LAMMPS if the line is for it."""
        if self.style is None or not is_ours(given, self.style):
            self.flow.command(command)
            return
        models = self.models(self.style)
        self.flow.command(command.replaced(self.style.coefficients_for_lammps()))  # says if there is no box
        names = read_types(given, self.style, command.place, models[0].type_map, self.lmp.extract_setting("ntypes"))
        self.disconnect()
        for each in self.early.values():
            raise each
        self.connect(models, names, command.place)

    def connect(self, models: list[Model], names: tuple[str, ...], place: Place) -> None:
        """Let the models compute the forces of LAMMPS' atoms."""
        from .attach import attach

        style = self.style
        assert style is not None
        self.driver = placed(
            place, attach, self.lmp, models, names, fix_id=FIX, overlay=style.overlay, **style.running()
        )
        self.driver.failures.tell = self.tell
        first = models[0]
        self.ran.model = {
            "files": list(style.files), "types": list(names), "backend": first.backend.name,
            "device": str(first.backend.device), "dtype": str(first.config.dtype), "cutoff": first.cutoff,
        }  # fmt: skip

    def disconnect(self) -> None:
        """Take the model away from LAMMPS."""
        if self.driver is not None:
            self.ran.performance.add_parts(self.driver.timings)
            self.lmp.command(f"unfix {FIX}")
            self.driver = None

    def raise_error(self) -> None:
        """Raise the error of the model if it has one."""
        if self.driver is not None:
            self.driver.raise_error()

    # commands that change what is there

    def clear(self, given: list[str], command: Command) -> None:
        """LAMMPS forgets everything, the model too."""
        self.disconnect()
        self.flow.command(command)
        self.forget()

    def unfix(self, given: list[str], command: Command) -> None:
        """A fix is gone."""
        if given == [FIX] and self.driver is not None:
            raise refused(
                command.place, f"unfix {FIX}: takes the model away; a new pair_style does it", argument="unfix"
            )
        self.early.pop(" ".join(given), None)
        self.flow.command(command)

    def read_restart(self, given: list[str], command: Command) -> None:
        """A restart file holds no model, but the pair style that stood in its place."""
        self.flow.command(command)
        if self.style is None:
            self.from_restart = command.place
        else:
            cutoff = self.models(self.style)[0].cutoff
            self.flow.command(command.replaced(self.style.for_lammps(cutoff)))

    def thermo_style(self, given: list[str], command: Command) -> None:
        """Remember the columns."""
        self.thermo = given
        self.flow.command(command)

    # steps

    def stepping(self, name: str, command: Command) -> None:
        """Run a command that takes steps, and measure it."""
        self.require_model(command.place)
        if name == "run":
            self.require_plain(self.flow.given(command), command.place)
        if self.driver is not None:
            self.driver.look_at_computes()
        lmp, start = self.lmp, time.perf_counter()
        step, simulated = lmp.extract_global("ntimestep"), lmp.get_thermo("time")
        placed(command.place, self.take_steps, command)
        unit = NANOSECONDS.get(lmp.extract_global("units")) if name == "run" else None
        passed = None if unit is None else (lmp.get_thermo("time") - simulated) * unit
        steps = lmp.extract_global("ntimestep") - step
        self.ran.performance.add(steps, int(lmp.get_natoms()), time.perf_counter() - start, passed)

    def take_steps(self, command: Command) -> None:
        """Let LAMMPS take steps; raises the error of the model if it has one."""
        with nullcontext() if self.driver is None else self.driver.watched():
            self.flow.command(command)

    def require_model(self, place: Place) -> None:
        """Refuse steps without the model that the file was written with; warn where its energy is not printed."""
        if self.from_restart is not None and self.lmp.extract_global("pair_style") in ("zero", "hybrid/overlay"):
            rule = "a restart file holds no model: give pair_style dpa2 and pair_coeff after it"
            raise refused(self.from_restart, f"read_restart: {rule}", argument="read_restart")
        if self.driver is not None and hides_the_energy(self.thermo) and not self.warned:
            self.warned = True
            rule = "the model's energy is in TotEng and PotEng (etotal, pe)"
            self.warn(f"{place}: the column E_pair (epair, evdwl) has LAMMPS' own pair styles alone; {rule}")

    def require_plain(self, given: list[str], place: Place) -> None:
        """Refuse commands within `run ... every` that LAMMPS does not know, or that change the order."""
        for text in given[given.index("every") + 2 :] if "every" in given[1:] else ():
            inner = Command(text, place).name
            if inner in (*ORDER, *STEPPING):
                raise refused(place, f"run ... every: {inner} cannot stand in it", argument="run")


def skipped_shell(name: str, command: Command) -> bool:
    """Whether a check leaves out a command of the shell: all but a change of folder."""
    return name == "shell" and command.bare.split()[1:2] != ["cd"]


def script_text(file: str, place: Place) -> str:
    """Return the text of a script."""
    where = "" if place is SOURCE else f"{place}: "
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise FileMissing(f"{where}{file}: there is no such file", file=file) from None
    except OSError as error:
        raise InputError(f"{where}{file}: {error.strerror or error}", file=file, argument="script") from None


def placed(place: Place, function: Callable, *arguments: Any, **options: Any) -> Any:
    """Return what a function returns; an error of ours gets the place in front of its message if it has none yet."""
    try:
        return function(*arguments, **options)
    except DPA2Error as error:
        if not str(error).startswith(f"{place}: "):
            error.args = (f"{place}: {error}", *error.args[1:])
        raise
