"""A process that reads files under watch: `python -m attacks.reader REQUEST`, in the folder of the files.

It prints a list with an entry for every name: the error and its exit code, what Python's audit hook saw that reading
has no business with, the peak of memory, and the time. Before the watch begins, genuine files are read, so that
whatever is imported only when it is needed has been imported.
"""

from __future__ import annotations

import codecs
import ctypes
import gc
import json
import linecache
import os
import signal
import sys
import time
import zipfile  # noqa: F401  which NumPy imports when an array looks like an archive
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import kinds

READS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
HARMLESS = {"object.__getattr__", "object.__setattr__", "sys._getframe", "builtins.id"}
HARMLESS |= {"os.listdir", "os.scandir", "pathlib.Path.glob", "pathlib.Path.rglob"}
# What NumPy does to read an array from disk: it parses the description, which is another thing than to run it.
HARMLESS_FOR_DATA = {"compile", "mmap.__new__"}
SECONDS, WAIT = 20, 60  # of a processor's time, and of a clock, for one reading


class TooLong(BaseException):
    """Reading has not ended; no reader takes it for an error of the file."""


class Watch:
    """Notes every event that is not harmless, while it is on."""

    def __init__(self):
        self.on, self.seen, self.allowed, self.harmless = False, [], "", set(HARMLESS)
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple):
        if self.on and event not in self.harmless and not self.is_reading(event, arguments):
            self.seen.append(f"{event} {str(arguments)[:200]}")

    def is_reading(self, event: str, arguments: tuple) -> bool:
        """The file itself, or below it, opened to read."""
        if event != "open":
            return False
        path, _, flags = arguments
        return isinstance(path, str | bytes) and os.fsdecode(path).startswith(self.allowed) and flags & ~READS == 0


def read(name: str, watch: Watch, kind: Callable[[str], str] = kinds.model) -> dict:
    """One file, under watch."""
    forget()
    reset_peak()
    start = time.perf_counter()
    error, digest = attempt(name, watch, kind)
    return tell(name, error, watch) | {"digest": digest, "peak": peak(), "seconds": time.perf_counter() - start}


def attempt(
    name: str, watch: Watch, kind: Callable[[str], str] = kinds.model
) -> tuple[BaseException | None, str | None]:
    """What reading ends with: an error, or the digest of a model."""
    watch.seen, watch.allowed, watch.on = [], name, True
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(WAIT)
    try:
        return None, kind(name)
    except BaseException as error:
        return error, None
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)


def tell(name: str, error: BaseException | None, watch: Watch) -> dict:
    """The error by its name and exit code, and what was seen meanwhile."""
    from dpa2.errors import DPA2Error
    from dpa2.exit_codes import exit_code

    code = exit_code(error) if isinstance(error, DPA2Error) else None
    return {"name": name, "error": type(error).__name__, "code": code, "message": str(error)[:300], "seen": watch.seen}


def cut(name: str, watch: Watch, step: int) -> list[dict]:
    """A genuine file cut at every `step`-th length: those that are neither refused nor, for want of notes, the same."""
    path, wrong = Path(name), []
    _, digest = attempt(name, watch)
    for length in range(path.stat().st_size - 1, -1, -step):
        os.truncate(path, length)
        error, found = attempt(name, watch)
        told = tell(f"{name} of {length} bytes", error, watch)
        if told["seen"] or (told["code"] != 3 and found != digest):
            wrong.append(told)
    return wrong


def forget():
    """Give back what the files before have left, so that it is not counted as memory of the next one."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def reset_peak():
    """Let the system forget the largest memory so far."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The largest memory since then in bytes; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def limit():
    """No more memory than a test machine has, and no waiting for ever."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))

    def stop(*_):
        raise TooLong(f"not read after {SECONDS} s of a processor's time, or {WAIT} s of waiting")

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)


def main():
    """All files of a list, after genuine ones."""
    request = json.loads(sys.argv[1])
    kind = getattr(kinds, request.get("kind", "model"))
    limit()
    for name in request["genuine"]:
        kind(name)
    for codec in ("ascii", "cp437"):
        codecs.lookup(codec)
    linecache.getlines(np.memmap.__new__.__code__.co_filename)  # which an error in there is shown with
    watch = Watch()
    watch.harmless |= HARMLESS_FOR_DATA if kind is kinds.data else set()
    told = [read(name, watch, kind) for name in request.get("files", ())]
    told += [wrong for name, step in request.get("cut", {}).items() for wrong in cut(name, watch, step)]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
