"""`dpa2 change-bias FILE DATA...`: the energy of each type, fitted to other data."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ...errors import InputError
from ..app import AsJson, Force, Group, Head, ModelFile, Structures, Types, renaming, verb
from ..output import Table, counted, listed, progress, tell, tell_line, tell_table, tell_written

MODES = ("change", "set")


@verb(
    Group.TRAIN, 2,
    "dpa2 change-bias water.dp data/ --out new.dp",
    "dpa2 change-bias run.pt#water structures.xyz --mode set",
    "dpa2 change-bias water.dp data/ --values -93.57,-187.15 --out new.dp",
)  # fmt: skip
def change_bias(
    file: ModelFile,
    data: Structures,
    mode: Annotated[
        str,
        typer.Option(help="change: fit what predictions still miss, and add it; set: fit the energies themselves."),
    ] = "change",
    values: Annotated[
        str | None, typer.Option(help="Numbers to set instead of fitting any, eV, one for each type of the model.")
    ] = None,
    save: Annotated[
        str | None, typer.Option("--out", help="Write the model to this file; without it nothing is written.")
    ] = None,
    types: Types = None,
    head: Head = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Fit the energy of each type, which a model adds to its network's output, to the energies of data.

    Frames without an energy are left out. The errors of energies before and after are shown for the same frames.
    """
    from ...api import load
    from ...api import save as save_model
    from ...model.output_bias import compare_output_bias, own_bias
    from ...structures.files import read_structures

    if mode not in MODES:
        raise InputError(f"mode = {mode!r}: must be one of {', '.join(MODES)}", argument="mode")
    model = load(file, head=head)
    frames = read_structures(data, model.type_map, renaming(types, model.type_map))
    labelled = [frame for frame in frames if frame.energy is not None]
    with progress(as_json) as bar:
        task = bar.add_task("evaluating", total=len(labelled))
        found = compare_output_bias(
            model,
            frames,
            change=mode == "change",
            values=parsed(values),
            progress=lambda k: bar.update(task, advance=1),
        )
    if save is not None:
        save_model(found.model, save, overwrite=force)
    told_mode = mode if values is None else "values"
    facts: dict[str, Any] = {"source": file, "target": save, "mode": told_mode, "sources": frames.sources}
    facts |= {"frames": len(labelled), "types": list(model.type_map)}
    facts |= {"bias": own_bias(model).tolist(), "new_bias": own_bias(found.model).tolist()}
    facts |= {"deviation": float(model.backend.to_numpy(found.model.weights.deviation).max())}
    facts |= {"energy_rmse_per_atom": [rmse(found.before), rmse(found.after)]}
    facts["digest"] = found.model.checkpoint().digest()
    tell(facts) if as_json else show(facts)


def parsed(text: str | None) -> list[float] | None:
    """Return the numbers in a text such as "-93.5,-187.1"."""
    try:
        return None if text is None else [float(word) for word in text.split(",")]
    except ValueError as error:
        raise InputError(f"values: {text!r} is no list of numbers as -93.5,-187.1", argument="values") from error


def rmse(errors) -> float:
    """The root of the mean square of some errors."""
    return float((errors**2).mean() ** 0.5)


def show(facts: dict) -> None:
    """Print the biases before and after, and the errors of energies."""
    tell_line(f"{counted(facts['frames'], 'frame')} with energies of {listed(facts['sources'])}")
    table = Table("type", "before / eV", "after / eV", "change / eV")
    for name, old, new in zip(facts["types"], facts["bias"], facts["new_bias"], strict=True):
        table.add_row(name, f"{old:.10g}", f"{new:.10g}", f"{new - old:+.6g}")
    tell_table(table)
    before, after = facts["energy_rmse_per_atom"]
    tell_line(f"RMSE of energies: {before:.6g} → {after:.6g} eV/atom")
    tell_line(facts["digest"])
    tell_written(facts["target"])
    if facts["target"] is None:
        tell_line("nothing is written; --out FILE writes the model")
