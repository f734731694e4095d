"""Report of a benchmark: a table in the terminal, the rows as JSON, and a picture."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("numpy", "torch", "jax", "dpa2")
RESULTS = Path(__file__).with_name("results")


def machine() -> dict:
    """Processor, versions and GPU of this machine."""
    import os

    name = next((line.split(":")[1].strip() for line in cpuinfo() if line.startswith("model name")), platform.machine())
    versions = {package: version(package) for package in PACKAGES if find_spec(package)}
    gpu = {"GPU": graphics()} if graphics() else {}
    return {"processor": name, "processors": os.cpu_count(), "python": platform.python_version()} | versions | gpu


def graphics() -> str | None:
    """Name of the GPU, or None without one."""
    query = shutil.which("nvidia-smi"), "--query-gpu=name", "--format=csv,noheader"
    return subprocess.run(query, capture_output=True, text=True).stdout.strip() if query[0] else None


def cpuinfo() -> list[str]:
    """Lines of /proc/cpuinfo; none on other systems than Linux."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def publish(program, rows: list[dict], folder: Path) -> None:
    """Print the rows of a `Program`, and write NAME.json and NAME.png to a folder."""
    show(program.title, rows, program.columns)
    measured = [row for row in rows if not row.get("note")]
    summary = program.summary(measured)
    print(*summary, sep="\n")
    folder.mkdir(parents=True, exist_ok=True)
    found = {"machine": machine(), "rows": rows, "summary": summary}
    (folder / f"{program.name}.json").write_text(json.dumps(found, indent=1) + "\n")
    picture(program.title, measured, program.draw, folder / f"{program.name}.png")


def show(title: str, rows: list[dict], columns: list[str]) -> None:
    """Print a table of the rows, and notes on those that could not be measured."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(cell(row.get(c)) for c in columns))
    Console(width=150).print(table)
    for note in dict.fromkeys(row[key] for key in ("note", "remark") for row in rows if row.get(key)):
        print(f"  {note}")


def cell(value) -> str:
    """Return a value as text with three digits."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def markdown(rows: list[dict], columns: list[str]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    return "\n".join(lines + ["| " + " | ".join(cell(row.get(c)) for c in columns) + " |" for row in rows])


def picture(title: str, rows: list[dict], draw: Callable, path: Path) -> None:
    """Draw the rows and write the picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    draw(axes, rows)
    axes.set_title(title)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
