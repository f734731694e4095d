"""`dpa2 verify A B`: whether two files hold the same model, bit by bit."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ...exit_codes import DIFFERENT
from ..app import AsJson, Group, ModelFile, Other, verb
from ..output import tell, tell_line


@verb(Group.COMPARE, 1, "dpa2 verify water.dp water.safetensors", "dpa2 verify multitask.pt#water water.dp")
def verify(first: ModelFile, second: Other, as_json: AsJson = False) -> None:
    """Compare two models bit by bit, in whatever formats they are; show the first number that differs.

    The exit code is 6 if they differ. Models that differ only by compression count as equal; the error of the tables
    is reported.
    """
    from ...serialization import compare, read

    one, two = read(first), read(second)
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
            tell_line(line)
    raise typer.Exit(0 if found.equal else DIFFERENT)


def tell_compressed(one, two, as_json: bool) -> None:
    """Report the error of the tables, for models that differ by compression only."""
    from ...model.compression import table_error
    from ...model.model import Model

    which, tables = ("first", one) if one.config.repinit.compression else ("second", two)
    error = table_error(Model.from_checkpoint(tables))
    if as_json:
        tell({"equal": False, "compressed": which, "table_error": error, "digests": [one.digest(), two.digest()]})
        return
    size = f"between its knots the table errs by at most {error:.1e} of the largest value"
    tell_line(f"one model; the {which} is compressed: {size}")


def facts(found) -> dict:
    """Settings that differ, the first tensor that differs, and the numbers of both, as plain data."""
    different = found.different
    return {
        "settings": [asdict(setting) for setting in found.settings],
        "first": asdict(different[0]) if different else None,
        "tensors": len(found.tensors),
        "tensors_different": len(different),
        "numbers_different": sum(t.changed for t in different),
    }


def differences(found) -> list[str]:
    """Lines for each setting that differs, the first number that differs, and a summary."""
    lines = [f"{s.path}: {s.first!r} in the first, {s.second!r} in the second" for s in found.settings]
    return [*lines, *map(first_number, found.different[:1]), f"different: {summary(found)}"]


def first_number(tensor) -> str:
    """A line that names the first number in which two tensors differ."""
    if tensor.reason:
        return f"{tensor.name}: {tensor.reason}"
    one, two = tensor.values
    return f"{tensor.name}[{', '.join(map(str, tensor.index))}]: {one} in the first, {two} in the second"


def summary(found) -> str:
    """Numbers of tensors and numbers, in all and different."""
    different, numbers = found.different, sum(t.size for t in found.tensors)
    if found.equal:
        return f"{len(found.tensors)} tensors, {numbers} numbers"
    largest = max((t.largest for t in different if not t.reason), default=0.0)
    tensors = f"{len(different)} of {len(found.tensors)} tensors"
    changed = f"{sum(t.changed for t in different)} of {numbers} numbers (by at most {largest:.3g})"
    return f"{len(found.settings)} settings, {tensors}, {changed}"
