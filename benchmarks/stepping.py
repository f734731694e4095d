"""Programs that go on step by step and write a row for each: each is paused while another makes its step.

So other load on the machine disturbs all of them alike. A program may start others, as `mpiexec` does; they are paused
with it, and count in its memory.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .measuring import Failed

WARM = 2  # steps before the first that is timed
PAUSE = 0.002  # seconds between two looks at the rows


class Stepping:
    """A running program. rows: returns the number of steps that are done, from the text of the `table`."""

    def __init__(
        self, command: list[str], folder: Path, table: str, rows: Callable[[str], int], environment: dict[str, str]
    ):
        self.table, self.count, self.errors = folder / table, rows, folder / "errors"
        self.started = time.perf_counter()
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=errors, stderr=errors)
        self.seconds: list[float] = []
        self.peak_mb = 0.0
        self.wait(1)
        self.first = time.perf_counter() - self.started

    def rows(self) -> int:
        """Number of steps that are done."""
        return self.count(self.table.read_text()) if self.table.exists() else 0

    def wait(self, rows: int) -> None:
        """Wait until so many steps are done, then pause."""
        while self.rows() < rows:
            if self.process.poll() is not None:
                message = (self.errors.read_text().strip().splitlines() or ["no message"])[-1]
                raise Failed(f"ended with code {self.process.returncode}: {message}")
            time.sleep(PAUSE)
        self.tell(signal.SIGSTOP)
        self.peak_mb = max(self.peak_mb, sum(map(peak_mb, family(self.process.pid))))

    def tell(self, what: signal.Signals) -> None:
        """Send a signal to the program and to those that it has started."""
        for number in family(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(number, what)

    def step(self) -> None:
        """Time one step."""
        rows, start = self.rows(), time.perf_counter()
        self.tell(signal.SIGCONT)
        self.wait(rows + 1)
        self.seconds.append(time.perf_counter() - start)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tell(signal.SIGKILL)
        self.process.wait()

    def facts(self) -> dict:
        """Times and memory, without the first steps."""
        timed = self.seconds[WARM:]
        return {"median": statistics.median(timed), "min": min(timed), "first": self.first, "peak_mb": self.peak_mb}


def in_turns(mine: Stepping, other: Stepping, steps: int) -> dict:
    """Times and memory of both, and the ratios of DeePMD-kit to dpa2, step by step."""
    for _ in range(WARM + steps):
        other.step()
        mine.step()
    ratios = [a / b for a, b in zip(other.seconds[WARM:], mine.seconds[WARM:], strict=True)]
    found = mine.facts() | {f"peer_{name}": value for name, value in other.facts().items()}
    return found | {"faster": statistics.median(ratios), "leaner": other.peak_mb / mine.peak_mb}


def by_itself(mine: Stepping, steps: int) -> dict:
    """Times and memory of one program."""
    for _ in range(WARM + steps):
        mine.step()
    return mine.facts()


def family(process: int) -> list[int]:
    """The numbers of a process and of all that it has started, and that these have."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, rest = stat.read_text().split(" ", 1)
            children.setdefault(int(rest.rpartition(")")[2].split()[1]), []).append(int(number))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def peak_mb(process: int) -> float:
    """The most memory that a process has had."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0
