"""PyTorch's archives: training checkpoints, TorchScript models, exported and compiled ones. No code in them is run.

Source: sections 3.4, 4 and 5 of the description of formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NoReturn

from ...errors import FormatError, UnsupportedModel
from ..budget import spend
from ..contents import Contents
from ..settings.plain import parse_json
from ..state.state import State, distance_note, state_to_checkpoint
from ..state.training import below, read_progress, read_training
from ..unpickling.archives import Archive
from ..unpickling.old_archives import is_old_archive, read_old_archive
from ..unpickling.pickles import Instance, read_pickle
from ..unpickling.tensors import Storages, names_of_script, names_of_torch
from .container import Container, by_deepmd, of_tree, to_bytes
from .json import read_json
from .pytorch_writer import write_checkpoint

ENTRY = 200  # bytes for a name and its place in a dictionary
DEPTH = 50  # greatest depth of modules within modules; a genuine model has about 10


def read_any(data: bytes) -> Contents:
    """The models in an archive, or in a checkpoint of the format before archives."""
    if is_old_archive(data):
        return of_training(read_old_archive(data))
    return read_archive(data)


def read_archive(data: bytes) -> Contents:
    """The models in an archive of any kind."""
    archive = Archive(data)
    for ending, read in KINDS.items():
        entry = archive.find(ending)
        if entry is not None:
            return read(archive, entry)
    what = f"a ZIP archive without the entries of a PyTorch model ({', '.join(KINDS)})"
    raise UnsupportedModel(f"is {what}", what=what)


def read_exported(archive: Archive, entry: str) -> Contents:
    """The model in the native tree beside an exported or compiled program."""
    return of_tree("exported PyTorch program", read_json(bytes(archive.read(entry))))


def read_checkpoint(archive: Archive, entry: str) -> Contents:
    """The models in a training checkpoint."""
    return of_training(unpickle(archive, entry, names_of_torch))


def of_training(root) -> Contents:
    """The contents of a training checkpoint, with the progress of the training."""
    return replace(read_training(root, "PyTorch checkpoint"), progress=partial(read_progress, root))


def read_script(archive: Archive, entry: str) -> Contents:
    """The model in a TorchScript archive, whose arrays are found by their names in the tree of modules."""
    root = unpickle(archive, entry, names_of_script)
    attributes = root.attributes if isinstance(root, Instance) else {}
    script = attributes.get("model_def_script")
    if not isinstance(script, str):
        refuse_script(root)
    section = parse_json(script, "model_def_script", "model_def_script")
    state = flatten(attributes)
    return Contents.single("TorchScript", state_to_checkpoint(below(state), section, distance_note(state)))


def refuse_script(root) -> NoReturn:
    """Refuse a TorchScript model that does not carry the settings of an energy model, and name its class."""
    kind = re.split(r"[ .]", root.name)[-1][:100] if isinstance(root, Instance) else type(root).__name__
    what = f"a TorchScript model of class {kind}, without `model_def_script`"
    raise UnsupportedModel(f"is {what}; only energy models with a DPA-2 descriptor are read", what=what)


def unpickle(archive: Archive, entry: str, names: Callable):
    """The object in the pickle of an archive, with the numbers that are stored beside it."""
    program = archive.read(entry)
    spend(2 * len(program))
    return read_pickle(bytes(program), names, Storages(archive, entry.removesuffix("data.pkl")))


def flatten(attributes: dict, prefix: str = "", depth: int = DEPTH) -> State:
    """Everything in a tree of modules by its dotted name; too many modules are refused."""
    found: State = {}
    open_ = [(prefix, attributes, depth)]
    while open_:
        place, inside, left = open_.pop()
        if not left or len(found) > 1_000_000:
            raise FormatError(f"holds modules that are nested more than {depth} deep, or too many of them", key=place)
        spend(sum(ENTRY + len(place) + len(str(key)) for key in inside), 1 + len(inside))
        found |= {f"{place}{key}": value for key, value in inside.items() if not isinstance(value, Instance)}
        modules = [(key, value) for key, value in inside.items() if isinstance(value, Instance)]
        open_ += [(f"{place}{key}.", module.attributes, left - 1) for key, module in modules]
    return found


KINDS = {  # kinds of archive by an entry of theirs, in this order: an exported program has pickles too
    "extra/model.json": read_exported,
    "constants.pkl": lambda archive, entry: read_script(archive, entry.replace("constants.pkl", "data.pkl")),
    "data.pkl": read_checkpoint,
}


def is_archive(data: bytes) -> bool:
    """Return whether a file begins like a ZIP archive, which has a compression method where safetensors has a brace."""
    return data.startswith(b"PK\x03\x04") and data[8:9] != b"{"


CONTAINERS = (
    Container(
        "a PyTorch archive",
        (".pt", ".pth", ".pt2", ".pte"),
        lambda data: is_archive(data) or is_old_archive(data),
        read=lambda path: read_any(path.read_bytes()),
        write=to_bytes(write_checkpoint),
        written=(".pt",),
        made_by={suffix: by_deepmd(suffix) for suffix in (".pth", ".pt2", ".pte")},
    ),
)
