"""`dpa2 train input.json`: a model trained as a script says, or what the training would do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ...exit_codes import DIFFERENT
from ..app import AsJson, Device, Group, Truncate, verb
from ..output import progress, tell


def start(help: str, metavar: str | None, *names: str) -> Any:
    """Return an option that says where the training starts; all of them stand below one heading in the help."""
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel="Where the training starts")


@verb(
    Group.TRAIN, 1,
    "dpa2 train input.json",
    "dpa2 train --check input.json",
    "dpa2 train input.json --restart model.ckpt",
    "dpa2 train input.json --finetune pretrained.pt --model-branch water --backend jax",
)  # fmt: skip
def train(
    script: Annotated[str, typer.Argument(help="The input script, input.json as DeePMD-kit has it, or YAML.")],
    check: Annotated[
        bool, typer.Option("--check", help="Read and check everything, and say what the training would do.")
    ] = False,
    restart: Annotated[str | None, start("Go on from this checkpoint.", "FILE")] = None,
    init_model: Annotated[
        str | None, start("Begin with the models of this file, with a new optimizer.", "FILE")
    ] = None,
    init_frz_model: Annotated[
        str | None, start("The same; tensors that one of both lacks are left as they are.", "FILE")
    ] = None,
    finetune: Annotated[str | None, start("Begin with this pretrained file.", "FILE")] = None,
    model_branch: Annotated[
        str | None, start("The head of the pretrained file, or RANDOM for a new fitting net.", "HEAD")
    ] = None,
    force_load: Annotated[
        bool, start("Tensors that the file lacks keep their initial values.", None, "--force-load")
    ] = False,
    use_pretrain_script: Annotated[
        bool, start("Take the model's settings from the file, not from the script.", None, "--use-pretrain-script")
    ] = False,
    backend: Annotated[
        str | None,
        typer.Option(help="Library that trains: torch or jax.", show_default="jax if it is installed, or torch"),
    ] = None,
    device: Device = None,
    devices: Annotated[
        int, typer.Option(help="So many devices of this process train together, each on its own batches; JAX only.")
    ] = 1,
    save: Annotated[
        str | None, typer.Option("--out", help="Write the trained model to this file, too, for example water.dp.")
    ] = None,
    png: Annotated[str | None, typer.Option(help="Draw the learning curve into this PNG file at the end.")] = None,
    skip_neighbor_stat: Annotated[
        bool, typer.Option("--skip-neighbor-stat", help="Do not count the neighbours in all data before the start.")
    ] = False,
    truncate: Truncate = False,
    lists: Annotated[
        Path | None, typer.Option(help="Keep neighbour lists in this folder, for the next training, too.")
    ] = None,
    reference: Annotated[
        bool, typer.Option("--pt", help="Write each checkpoint also as .pt, which DeePMD-kit's trainer goes on from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model as an input script of DeePMD-kit says: data, losses, rates, checkpoints, learning curve.

    Folders of data are relative to the working directory. Ctrl-C and SIGTERM end the training after the present step,
    with a checkpoint. With --check all files are read and nothing is trained; the exit code is 6 if an atom has more
    neighbours than the model holds (nsel). With --json, each event is a JSON object in a line of its own.

    On several devices: torchrun --nproc_per_node 2 -m dpa2 train input.json --backend torch, or with JAX --devices 2.
    """
    from ...training.script.file import read_script
    from ..training.running import Origin, Wanted, run

    origin = Origin(
        restart=restart, init_model=init_model, init_frz_model=init_frz_model, finetune=finetune,
        model_branch=model_branch, force_load=force_load, use_pretrain_script=use_pretrain_script,
    )  # fmt: skip
    settings = read_script(script, origin.change)
    if check:
        raise typer.Exit(tell_check(settings, origin, backend, as_json))
    wanted = Wanted(
        script, origin, backend, device, devices, save, png, not skip_neighbor_stat, truncate, lists, reference,
        as_json,
    )  # fmt: skip
    raise typer.Exit(run(settings, wanted))


def tell_check(settings, origin, backend: str | None, as_json: bool) -> int:
    """Print what a training would do, and return the exit code."""
    from ...training.check.check import check_training
    from ..training.page import show_page

    with progress(as_json) as bar:
        track = lambda frames, n: bar.track(frames, total=n, description="counting")  # noqa: E731
        found = check_training(settings, track, origin, backend)
    tell(asdict(found)) if as_json else show_page(found)
    return DIFFERENT if any(block.short for task in found.tasks for block in task.blocks) else 0
