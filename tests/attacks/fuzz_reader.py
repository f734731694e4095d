"""A process that makes inputs of the fuzzer and reads them under watch: `python -m attacks.fuzz_reader REQUEST`.

It prints a line of JSON for each input. A process that hangs in a library ends itself; the next one goes on behind.
"""

from __future__ import annotations

import codecs
import faulthandler
import json
import shutil
import sys
import tempfile
from pathlib import Path
from time import process_time

from . import kinds
from .inputs import DIRECTORY, Input, genuine, genuine_directory, make
from .reader import Watch, attempt, forget, limit, peak, reset_peak, tell

MEMORY = 200 * 2**20  # bytes that a process may have beside twice the size of the input
HANG = 120  # seconds after which a process ends itself
LONG = 10  # seconds of a processor for one reading, more than any file of these sizes may take
# Which readers of texts import when a text begins like one of them.
CODECS = (
    "ascii",
    "cp437",
    "latin1",
    "utf-8-sig",
    *(f"utf-{bits}{end}" for bits in (16, 32) for end in ("", "-le", "-be")),
)


class Fuzz:
    """The state of the process: the watch, and what reads."""

    def __init__(self, folder: Path, kind: str):
        self.folder, self.watch, self.kind = folder, Watch(), getattr(kinds, kind)

    def read(self, made: Input) -> dict:
        """What reading an input ends with."""
        path = made.write(self.folder)
        told = self.attempt(path)
        if told["peak"] > 2 * made.size() + MEMORY or told["seconds"] > LONG:  # once more, without what others left
            forget()
            told = self.attempt(path)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        told["finding"] = finding(told, made.size()) or ("writes files" if list(self.folder.iterdir()) else "")
        return told | {"suffix": made.suffix, "made": made.made, "size": made.size()}

    def attempt(self, path: Path) -> dict:
        reset_peak()
        start = process_time()
        error, digest = attempt(str(path), self.watch, self.kind)
        seconds = process_time() - start
        return tell(path.name, error, self.watch) | {"valid": digest is not None, "peak": peak(), "seconds": seconds}


def finding(told: dict, size: int) -> str:
    """In what way an outcome is wrong; empty if it is right."""
    if told["seen"]:
        return f"does what reading has no business with: {told['seen'][0]}"
    if not told["valid"] and told["code"] is None:
        return f"ends with {told['error']}: {told['message']}"
    if told["peak"] > 2 * size + MEMORY:
        return f"takes {told['peak'] / 1e6:.0f} MB"
    return f"takes {told['seconds']:.0f} s" if told["seconds"] > LONG else ""


def prepare(fuzz: Fuzz) -> None:
    """Read genuine files, so that whatever is imported only when it is needed has been imported."""
    whole = [Input(suffix, "genuine", data) for suffix, data in genuine().items()]
    for made in [*whole, Input(Path(DIRECTORY).suffix, "genuine", genuine_directory())]:
        fuzz.read(made)
    for codec in CODECS:
        codecs.lookup(codec)


def main():
    """Make and read inputs, as many as asked for."""
    request = json.loads(sys.argv[1])
    limit()
    with tempfile.TemporaryDirectory(dir=request["folder"]) as folder:
        fuzz = Fuzz(Path(folder), request["kind"])
        prepare(fuzz)
        for k in request["numbers"]:
            faulthandler.dump_traceback_later(HANG, exit=True)
            told = fuzz.read(make(request["seed"], k))
            print(json.dumps({"k": k} | told), flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
