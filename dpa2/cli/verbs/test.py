"""`dpa2 test FILE DATA...`: errors of a model against the labels of data."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..accuracy import (
    better,
    comparison_table,
    errors_table,
    facts,
    how_many,
    tell_systems,
    tell_unlabelled,
    tell_worst,
)
from ..app import (
    AsJson,
    AtomParameters,
    Backend,
    Device,
    FrameParameters,
    Group,
    Head,
    ModelFile,
    Precision,
    Structures,
    Truncate,
    Types,
    renaming,
    verb,
)
from ..output import listed, progress, tell, tell_line, tell_table, tell_written
from ..png import check_png, save_png


@verb(
    Group.TRAIN, 3,
    "dpa2 test water.dp data/ --png parity.png",
    "dpa2 test run.pt#water data/ more/ --worst 20 --json",
    "dpa2 test before.pt data/ --against after.pt",
    "dpa2 test water.dp structures.xyz --backend torch --device cuda:0 --dtype float32",
)  # fmt: skip
def compare_with_labels(
    file: ModelFile,
    data: Structures,
    against: Annotated[
        str | None,
        typer.Option(help="Another model, to be tested on the same frames; OTHER#HEAD for one head.", metavar="OTHER"),
    ] = None,
    worst: Annotated[
        int, typer.Option(min=0, help="How many of the worst frames and of the worst atoms are named.")
    ] = 5,
    png: Annotated[str | None, typer.Option(help="Draw predictions over labels into this PNG file.")] = None,
    backend: Backend = "numpy",
    device: Device = None,
    dtype: Precision = None,
    truncate: Truncate = False,
    types: Types = None,
    fparam: FrameParameters = None,
    aparam: AtomParameters = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Test a model: its errors against the labels of data, by system and in all, and the worst frames and atoms.

    MAE and RMSE of energies, of components of forces, of virials, or of what else the model predicts.

    `dpa2 eval` gives the predictions themselves.
    """
    from ...api import load
    from ...structures.files import read_structures
    from ...structures.parameters import given_parameters
    from ...surveys.accuracy import compare_accuracy, survey_accuracy

    check_png(png)
    model = load(file, backend=backend, device=device, dtype=dtype, head=head)
    second = None if against is None else load(against, backend=backend, device=device, dtype=dtype)
    given = dict(zip(("fparam", "aparam"), given_parameters(model.config.fitting, fparam, aparam), strict=True))
    frames = read_structures(data, model.type_map, renaming(types, model.type_map))
    with progress(as_json) as bar:
        task = bar.add_task("testing", total=len(frames))
        options: dict[str, Any] = given | {"neighbors": "truncate" if truncate else "strict"}
        options["progress"] = lambda number: bar.update(task, advance=1)
        both = None if second is None else compare_accuracy(model, second, frames, **options)
        found = survey_accuracy(model, frames, **options) if both is None else both.first
    if png is not None:
        save_png(picture(found, both, file, against), png)
    if as_json:
        about = {"file": file, "against": against, "sources": frames.sources, "unlabelled": found.unlabelled}
        tell(about | facts(found, worst) | ({} if both is None else facts_of_both(both, worst)))
        return
    tell_line(f"{how_many(found.summary())} of {listed(frames.sources)}")
    if both is None:
        show(found, worst)
    else:
        show_both(both, file, against, worst)
    tell_written(png)


def facts_of_both(both, worst: int) -> dict:
    """Return the facts that a comparison adds to those of the first model, as plain data."""
    which = better(both.first.summary(), both.second.summary())
    return {"second": facts(both.second, worst), "apart": facts(both.apart, worst), "better": which}


def show(found, worst: int) -> None:
    """Print the errors in all and by system, and the worst frames and atoms."""
    tell_table(errors_table(found))
    tell_unlabelled(found)
    tell_systems(found)
    tell_worst(found, worst)


def show_both(both, file: str, against: str | None, worst: int) -> None:
    """Print the errors of two models side by side, and the frames and atoms in which they differ most."""
    tell_line(f"first: {file}")
    tell_line(f"second: {against}")
    tell_table(comparison_table(both))
    tell_unlabelled(both.first)
    tell_systems(both.first, both.second)
    tell_worst(both.first, worst, "worst frames of the first")
    tell_worst(both.apart, worst, "frames in which the models differ most", "difference")


def picture(found, both, file: str, against: str | None):
    """Return the picture of one model or of two; of what both predict where there are no labels."""
    from ..parity import draw

    if both is None:
        return draw({"": found}, file)
    title = f"first: {file}, second: {against}"
    if not found.points:
        return draw({"": both.apart}, title, ("first", "second"))
    return draw({"first": both.first, "second": both.second}, title)
