"""`dpa2 verify A B`: the same model to the bit, or where it is not."""

from __future__ import annotations

from dataclasses import asdict

import typer

from .app import AsJson, app, one_line, out, tell
from .exit_codes import DIFFERENT
from .sides import First, Second, read_side


@app.command()
def verify(first: First, second: Second, as_json: AsJson = False) -> None:
    """Compare two models bit by bit, whatever formats they are in; exit code 6 if they differ."""
    from ..serialization import compare

    one, two = read_side(first), read_side(second)
    found = compare(one, two)
    if found.compressed:
        tell_compressed(one, two, as_json)
        return
    if as_json:
        digests = [one.digest(), two.digest()]
        tell({"equal": found.equal, "digests": digests} | facts(found))
    else:
        lines = [f"equal: {summary(found)}", one.digest()] if found.equal else differences(found)
        for line in lines:
            out.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if found.equal else DIFFERENT)


def tell_compressed(one, two, as_json: bool) -> None:
    """The models are one but for tables: say how good these are."""
    from ..model.compression import table_error
    from ..model.model import Model

    which, tables = ("first", one) if one.config.repinit.compression else ("second", two)
    error = table_error(Model.from_checkpoint(tables))
    if as_json:
        tell({"equal": False, "compressed": which, "table_error": error, "digests": [one.digest(), two.digest()]})
        return
    line = f"one model; the {which} is compressed: between knots its table is off by {error:.1e} of the largest value"
    out.print(line, highlight=False, soft_wrap=True)


def facts(found) -> dict:
    """The settings that differ, the first tensor that does, and how many do."""
    different = found.different
    return {
        "settings": [asdict(setting) for setting in found.settings],
        "first": asdict(different[0]) if different else None,
        "tensors": len(found.tensors),
        "tensors_different": len(different),
        "numbers_different": sum(t.changed for t in different),
    }


def differences(found) -> list[str]:
    """Each setting, the first number that differs, and a summary."""
    lines = [f"{s.path}: {s.first!r} in the first, {s.second!r} in the second" for s in found.settings]
    return [*lines, *map(first_number, found.different[:1]), f"different: {summary(found)}"]


def first_number(tensor) -> str:
    """Where two tensors part."""
    if tensor.reason:
        return f"{tensor.name}: {tensor.reason}"
    one, two = tensor.values
    return f"{tensor.name}[{', '.join(map(str, tensor.index))}]: {one} in the first, {two} in the second"


def summary(found) -> str:
    """How much of the models is the same."""
    different, numbers = found.different, sum(t.size for t in found.tensors)
    if found.equal:
        return f"{len(found.tensors)} tensors, {numbers} numbers"
    largest = max((t.largest for t in different if not t.reason), default=0.0)
    tensors = f"{len(different)} of {len(found.tensors)} tensors"
    changed = f"{sum(t.changed for t in different)} of {numbers} numbers (by at most {largest:.3g})"
    return f"{len(found.settings)} settings, {tensors}, {changed}"
