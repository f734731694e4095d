"""`python -m attacks.fuzz --inputs 100000 --seed 0`, in `tests/`: read many random files, and say what goes wrong.

Right is a valid model or a named error, in bounded memory and time, without a write, an import, a program or a
connection. Everything else is a finding: it is printed with its number, from which the same file is made again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from .inputs import SUFFIXES, make, suffix_of

TESTS = Path(__file__).parents[1]
BATCH = 5000  # inputs for one process
MEMORY_DISK = Path("/dev/shm")


@dataclass
class Row:
    """What was seen of one format."""

    inputs: int = 0
    valid: int = 0
    errors: Counter = field(default_factory=Counter)  # named ones
    findings: int = 0
    peak: int = 0  # bytes
    longest: float = 0.0  # seconds

    def add(self, told: dict) -> None:
        """Count one outcome."""
        self.inputs += 1
        self.valid += told["valid"]
        self.findings += bool(told["finding"])
        self.peak, self.longest = max(self.peak, told["peak"]), max(self.longest, told["seconds"])
        if told["code"] is not None:
            self.errors[told["error"]] += 1


def outcomes(seed: int, numbers: list[int], kind: str = "model") -> Iterator[dict]:
    """What reading each of the inputs ends with; one that ends the process is a finding, and the next one goes on."""
    while numbers:
        for told in of_process(seed, numbers[:BATCH], kind):
            yield told
            numbers = numbers[1:]


def of_process(seed: int, numbers: list[int], kind: str) -> Iterator[dict]:
    """What one process says, and after it, if the process did not reach the end, what it said of that."""
    request = {
        "seed": seed,
        "numbers": numbers,
        "kind": kind,
        "folder": str(MEMORY_DISK) if MEMORY_DISK.is_dir() else None,
    }
    command = [sys.executable, "-m", "attacks.fuzz_reader", json.dumps(request)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), "PYTHONHASHSEED": "0"}
    done = 0
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            yield json.loads(line)
            done += 1
        said = process.stderr.read()
    if done < len(numbers):
        yield ended(numbers[done], said)


def ended(k: int, said: str) -> dict:
    """The outcome of an input that ended the process."""
    finding = f"ends the process: {' '.join(said.split())[-1500:]}"
    facts = {
        "k": k,
        "suffix": suffix_of(k),
        "made": "",
        "valid": False,
        "code": None,
        "error": "",
        "peak": 0,
        "seconds": 0.0,
    }
    return facts | {"finding": finding, "ended": True}


def numbers_of(inputs: int, suffix: str | None) -> list[int]:
    """The numbers of so many inputs, of all formats or of one."""
    return list(islice((k for k in count() if suffix in (None, suffix_of(k))), inputs))


def save(folder: Path, seed: int, told: dict) -> None:
    """Keep the file of a finding."""
    place = folder / f"seed{seed}-{told['k']}"
    place.mkdir(parents=True, exist_ok=True)
    make(seed, told["k"]).write(place)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m attacks.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=SUFFIXES, help="this one only")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep the files of findings there")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return parser.parse_args()


def main() -> int:
    """Read the inputs; 1 if there is a finding. Ctrl-C ends it earlier and shows what was seen so far."""
    from .fuzz_report import progress, show

    given = arguments()
    rows, findings = {suffix: Row() for suffix in SUFFIXES}, []
    with suppress(KeyboardInterrupt):
        for told in progress(outcomes(given.seed, numbers_of(given.inputs, given.format)), given.inputs):
            rows[told["suffix"]].add(told)
            if told["finding"]:
                findings.append({key: told[key] for key in ("k", "suffix", "made", "finding")})
                if given.save:
                    save(given.save, given.seed, told)
    show({suffix: vars(row) for suffix, row in rows.items() if row.inputs}, findings, given.seed, given.json)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
