"""A training in one call."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from ..plan import plan_training
from ..script.file import read_script
from ..script.script import Script, parse_script
from .beginning import prepare
from .options import Options
from .origin import Origin
from .training import Ended
from .watch import Watch


def train(
    script: str | PathLike[str] | Mapping[str, Any] | Script,
    *,
    origin: Origin | None = None,
    backend: str = "torch",
    device: str | None = None,
    options: Options | None = None,
    watch: Watch | None = None,
) -> Ended:
    """Train a model as an input script says, with its learning curve and its checkpoints, as `dpa2 train` does.

    Parameters
    ----------
    script
        The file, or what is in it.
    origin
        What the training starts from; random weights if None.
    backend, device
        As for `dpa2.load`; "torch" or "jax".
    options
        What the script leaves open.
    watch
        Is told of every step, row and checkpoint.

    Returns
    -------
    Ended
        The models by head, "" for one model alone, the last checkpoint, and whether all steps are done.

    Raises
    ------
    ConfigurationError, UnsupportedModel
        The script is wrong, or asks for something that dpa2 does not do (facts: path, value; what).
    InputError, FormatError
        The data do not fit, or are damaged; an atom has more neighbours than the model holds.
    TrainingStopped
        A loss is not finite; the checkpoints before are kept (facts: batch, head, loss).

    Notes
    -----
    Source: sections 1 to 11 of the specification of training.

    Examples
    --------
    See `docs/training-in-python.md`.
    """
    origin, options = origin or Origin(), options or Options()
    plan = plan_training(read(script, origin), ranks=options.ranks, memory=options.memory, lists=options.lists)
    if not options.truncate:
        plan.require_room()
    return prepare(plan, origin, backend, device, options).run(watch)


def read(script: str | PathLike[str] | Mapping[str, Any] | Script, origin: Origin) -> Script:
    """Return the settings of a script in any of its forms; one that is read already stays as it is."""
    if isinstance(script, Script):
        return script
    return (
        parse_script(origin.change(dict(script))) if isinstance(script, Mapping) else read_script(script, origin.change)
    )
