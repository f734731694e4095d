"""A process of its own: the copy of the package with a fault planted in it, evaluated on the golden vectors.

`python -m faults.worker COPY` answers each line `NUMBER FILE` by writing what the fault of that number gives to the
file, and a line: `done`, or the error of the fault's program.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np

from .planted import FAULTS, Fault


def main() -> None:
    copy = Path(sys.argv[1])
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = True
    for line in sys.stdin:
        number, file = line.split(maxsplit=1)
        try:
            np.savez(file.strip(), **with_fault(FAULTS[int(number)], copy / "dpa2"))
        except Exception as error:  # the program of one fault; the next ones are computed all the same
            print(repr(error).replace("\n", " "), flush=True)
        else:
            print("done", flush=True)


def with_fault(fault: Fault, package: Path) -> dict:
    """Every intermediate of every vector, with a fault in the package for as long as it takes."""
    changes = [(fault.file, fault.old, fault.new, fault.places), *((*change, 1) for change in fault.also)]
    sources = {package / f"{file}.py": (package / f"{file}.py").read_text() for file, *_ in changes}
    try:
        for file, old, new, places in changes:
            plant(package / f"{file}.py", old, new, places)
        return evaluated()
    finally:
        for path, source in sources.items():
            path.write_text(source)


def plant(path: Path, old: str, new: str, places: int) -> None:
    """Write `new` where a file says `old`."""
    source = path.read_text()
    found = source.count(old)
    if found != places:
        raise LookupError(f"{path.stem}: {old!r} occurs {found} times, not {places}")
    path.write_text(source.replace(old, new))


def evaluated() -> dict:
    """Every intermediate of every vector, by a fresh import of the package."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "dpa2"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    vectors = importlib.import_module("dpa2.conformance.vectors")
    found = {}
    with np.errstate(all="ignore"):
        for vector in vectors.shipped():
            arrays = vectors.evaluated(vector.model, vector.system)
            found |= {f"{vector.name}:{name}": array for name, array in arrays.items()}
    return found


if __name__ == "__main__":
    main()
