"""A process that reads files under watch: `python -m attacks.reader REQUEST`, in the folder of the files.

It prints a list with an entry for every name: the error and its exit code, what Python's audit hook saw that reading
has no business with, the peak of memory, and the time. Before the watch begins, genuine files are read, so that
whatever is imported only when it is needed has been imported.
"""

from __future__ import annotations

import codecs
import json
import os
import signal
import sys
import time
from pathlib import Path

READS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
HARMLESS = {"object.__getattr__", "object.__setattr__", "sys._getframe", "builtins.id"}
HARMLESS |= {"os.listdir", "os.scandir", "pathlib.Path.glob", "pathlib.Path.rglob"}
SECONDS = 20


class Watch:
    """Notes every event that is not harmless, while it is on."""

    def __init__(self):
        self.on, self.seen, self.allowed = False, [], ""
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple):
        if self.on and event not in HARMLESS and not self.is_reading(event, arguments):
            self.seen.append(f"{event} {str(arguments)[:200]}")

    def is_reading(self, event: str, arguments: tuple) -> bool:
        """The file itself, or below it, opened to read."""
        if event != "open":
            return False
        path, _, flags = arguments
        return isinstance(path, str | bytes) and os.fsdecode(path).startswith(self.allowed) and flags & ~READS == 0


def read(name: str, watch: Watch) -> dict:
    """One file, under watch."""
    reset_peak()
    start = time.perf_counter()
    error, digest = attempt(name, watch)
    return tell(name, error, watch) | {"digest": digest, "peak": peak(), "seconds": time.perf_counter() - start}


def attempt(name: str, watch: Watch) -> tuple[BaseException | None, str | None]:
    """What reading ends with: an error, or the digest of a model."""
    import dpa2

    watch.seen, watch.allowed, watch.on = [], name, True
    signal.alarm(SECONDS)
    try:
        return None, dpa2.load(name).checkpoint().digest()
    except BaseException as error:
        return error, None
    finally:
        watch.on = False
        signal.alarm(0)


def tell(name: str, error: BaseException | None, watch: Watch) -> dict:
    """The error by its name and exit code, and what was seen meanwhile."""
    from dpa2.cli.exit_codes import exit_code
    from dpa2.errors import DPA2Error

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
        raise TimeoutError(f"not read after {SECONDS} s")

    signal.signal(signal.SIGALRM, stop)


def main():
    """All files of a list, after genuine ones."""
    import dpa2

    request = json.loads(sys.argv[1])
    limit()
    for name in request["genuine"]:
        dpa2.load(name).checkpoint().digest()
    for codec in ("ascii", "cp437"):
        codecs.lookup(codec)
    watch = Watch()
    told = [read(name, watch) for name in request.get("files", ())]
    told += [wrong for name, step in request.get("cut", {}).items() for wrong in cut(name, watch, step)]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
