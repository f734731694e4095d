"""Write `docs/performance.md` from the results in a folder: `python -m benchmarks.page [FOLDER]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .__main__ import PROGRAMS
from .report import RESULTS, markdown

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """# Performance

The last full run of the programs in `benchmarks/`, on {processors} processors of {processor}: {versions}.
Made by `python -m benchmarks.page`; what each number means and why it is what it is:
[how-it-is-fast.md](how-it-is-fast.md). On a GPU: [performance-gpu.md](performance-gpu.md).

To repeat it:

```sh
pip install -c constraints.txt -e '.[benchmarks]'
DPA2_PEER_PYTHON="jax=PYTHON dpmodel=PYTHON pt=PYTHON" python -m benchmarks
python -m benchmarks.page
```

`DPA2_PEER_PYTHON` names interpreters in whose environments DeePMD-kit 3.2.0 is installed (`pip install
deepmd-kit==3.2.0 jax flax`, and one with PyTorch 2.11); without it everything is measured but the ratios. Each pair of
cells is measured in one run, in turns, each in a process of its own, on the same weights, atoms and neighbour list;
`faster` is the median of the peer's time over ours, call by call, `slowest` and `fastest` its range, `leaner` the
ratio of the peak memories, `deviation` the largest difference of any element of energy, forces and virial, of the
largest one. Seconds and MB. Others work on this machine too: medians within ten per cent of each other are the same.
"""


def page(folder: Path) -> str:
    """Return the text of the page."""
    parts, machine = [], {}
    for program in PROGRAMS:
        for file in sorted(folder.rglob(f"{program.name}.json")):
            found = json.loads(file.read_text())
            machine = found["machine"]
            columns = [c for c in program.columns if any(row.get(c) is not None for row in found["rows"])]
            parts.append(f"## {program.title[0].upper()}{program.title[1:]}\n\n{markdown(found['rows'], columns)}\n")
            parts += [f"{sentence}\n" for sentence in found["summary"]]
            notes = dict.fromkeys(row["note"] for row in found["rows"] if row.get("note"))
            parts += [f"{note}\n" for note in notes]
    versions = ", ".join(f"{k} {v}" for k, v in machine.items() if not k.startswith("processor"))
    return HEAD.format(**machine, versions=versions) + "\n" + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS))
