"""A process of its own: for each fault, the copy of the package with it planted, evaluated on the golden vectors.

`python -m faults.worker COPY OUT` writes one file of arrays for each fault.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import numpy as np

from .planted import FAULTS


def main() -> None:
    copy, out = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = True
    for number, fault in enumerate(FAULTS):
        path = copy / "dpa2" / f"{fault.file}.py"
        source = path.read_text()
        assert source.count(fault.old) == fault.places, (
            f"{fault.file}: {fault.old!r} occurs {source.count(fault.old)} times"
        )
        path.write_text(source.replace(fault.old, fault.new))
        try:
            np.savez(out / f"{number}.npz", **evaluated())
        finally:
            path.write_text(source)


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
    os.environ.setdefault("DPA2_THREADS", "1")
    main()
