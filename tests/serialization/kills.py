"""Kill writers at random moments, and let writers and readers meet; nothing may be half or lost.

python tests/serialization/kills.py --rounds 200 --format .jax
python tests/serialization/kills.py --seconds 60 --format .jax     # two writers and a reader
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dpa2
from dpa2 import demo
from dpa2.serialization import read, write

FORMATS = (".dp", ".yaml", ".json", ".safetensors", ".pt", ".pd", ".jax")
FOREIGN = {"notes.txt": "precious", ".dpa2-mine/notes.txt": "precious", "other.jax/notes.txt": "precious"}

# A process that writes two models in turn until it is killed.
WRITER = """
import sys
from dpa2.serialization import read, write
models = [read(path) for path in sys.argv[2:]]
print("ready", flush=True)
while True:
    for model in models:
        write(model, sys.argv[1])
"""

# A process that reads until a line arrives; it prints each digest that it sees, or the error.
READER = """
import sys, threading
from dpa2.serialization import read
seen, done = set(), threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), done.set()), daemon=True).start()
print("ready", flush=True)
while not done.is_set():
    try:
        seen.add(read(sys.argv[1]).digest())
    except Exception as error:
        seen.add(repr(error))
print(*seen, sep="\\n")
"""


def started(program: str, *paths: Path, **streams) -> subprocess.Popen:
    """A process that has imported what it needs."""
    command = [sys.executable, "-c", program, *map(str, paths)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **streams)
    assert process.stdout.readline() == "ready\n"
    return process


def prepared(folder: Path) -> tuple[list[Path], set[str]]:
    """Files of two models outside of the folder that is written to, and their digests; foreign files within it."""
    first = dpa2.load(demo.MODEL).checkpoint()
    models = [first, dpa2.build(first.config, seed=1).checkpoint()]
    paths = [folder / f"{k}.safetensors" for k in range(2)]
    for model, path in zip(models, paths, strict=True):
        write(model, path)
    for name, text in FOREIGN.items():
        (folder / "place" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "place" / name).write_text(text)
    return paths, {model.digest() for model in models}


def check(place: Path, target: Path, digests: set[str]) -> None:
    """Check that the target is one of the models, and that nothing foreign has changed."""
    assert read(target).digest() in digests
    assert {name: (place / name).read_text() for name in FOREIGN} == FOREIGN


def kill_writers(suffix: str, rounds: int, seed: int = 0) -> int:
    """Kill a writer at a random moment, `rounds` times, and check what it left; returns how often it left a folder."""
    moments, left = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        paths, digests = prepared(Path(folder))
        place = Path(folder, "place")
        target = place / f"model{suffix}"
        write(read(paths[0]), target)
        for _ in range(rounds):
            with started(WRITER, target, *paths) as writer:
                time.sleep(moments.uniform(0.0, 0.1))
                writer.kill()
            left += len(list(place.iterdir())) > 4
            check(place, target, digests)
        write(read(paths[0]), target)
        assert {entry.name for entry in place.iterdir()} == {target.name, *(name.split("/")[0] for name in FOREIGN)}
    return left


def let_meet(suffix: str, seconds: float) -> None:
    """Let two processes write the same file while a third reads it, and check what the reader saw."""
    with tempfile.TemporaryDirectory() as folder:
        paths, digests = prepared(Path(folder))
        place = Path(folder, "place")
        target = place / f"model{suffix}"
        write(read(paths[0]), target)
        writers = [started(WRITER, target, *paths) for _ in range(2)]
        reader = started(READER, target, stdin=subprocess.PIPE)
        time.sleep(seconds)
        seen = set(reader.communicate("end\n")[0].split("\n")) - {""}
        failed = [writer.poll() for writer in writers]
        for writer in writers:
            writer.kill()
            writer.communicate()
        assert failed == [None, None], "a writer failed"
        assert seen == digests, seen
        check(place, target, digests)


def main() -> None:
    """Run the rounds, or the meeting, that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.0, help="let two writers and a reader meet instead")
    parser.add_argument("--format", choices=FORMATS, action="append", help="may be repeated; without it, all")
    chosen = parser.parse_args()
    for suffix in chosen.format or FORMATS:
        if chosen.seconds:
            let_meet(suffix, chosen.seconds)
            print(f"{suffix}: two writers and a reader for {chosen.seconds:g} s: the reader saw both models only")
        else:
            left = kill_writers(suffix, chosen.rounds)
            print(
                f"{suffix}: {chosen.rounds} kills, {left} of them in the middle of a write: nothing half, nothing lost"
            )


if __name__ == "__main__":
    main()
