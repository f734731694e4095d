"""Settings that DeePMD-kit has no word for: a model that uses one is not written in its formats.

Every field of the configuration is spelled by a table of `spelling`, is told by other parts of a file, or is native
only. A field that is added to the configuration is native only until a table spells it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ...config import ENERGY, DPA2Config
from ...errors import UnsupportedModel, shorten
from .heads import HEADS
from .spelling import ACTIVATIONS, DESCRIPTOR, FITTING, MODEL, REPFORMER, REPINIT, THREE_BODY

TABLES = {  # the tables that spell the fields of each section
    "": (MODEL, DESCRIPTOR),
    "repinit.": (REPINIT,),
    "three_body.": (THREE_BODY,),
    "repformer.": (REPFORMER,),
    "fitting.": (FITTING,),
    **{f"fitting.{head.ours}.": (head.words,) for head in HEADS if head.ours != ENERGY},
}
TOLD_BY_ARRAYS = {"repinit.compression", "repinit.compression.intervals"}  # by the tables of a compressed model
NATIVE_ONLY = {"repinit.attention": None}  # settings with the value that means that they are not in use


def spelled() -> set[str]:
    """The paths of all settings that DeePMD-kit's formats can hold."""
    fields = {f"{section}{ours}" for section, tables in TABLES.items() for table in tables for ours in table.values()}
    return fields | {section.removesuffix(".") for section in TABLES if section} | TOLD_BY_ARRAYS


def unspelled(section, known: set[str], path: str = "") -> Iterator[tuple[str, object]]:
    """The settings below `path` that are in use and not known, with their values."""
    for field in dataclasses.fields(section):
        name, value = f"{path}{field.name}", getattr(section, field.name)
        if (name not in known and value != unused(name, field)) or not has_word(field.name, value):
            yield name, value
        elif name in known and dataclasses.is_dataclass(value):
            yield from unspelled(value, known, f"{name}.")


def has_word(setting: str, value) -> bool:
    """Return whether DeePMD-kit has a word for a value of a setting that it knows."""
    return setting != "activation" or value.lower().partition(":")[0] in ACTIVATIONS


def unused(name: str, field: dataclasses.Field):
    """The value with which a setting is not in use; `MISSING`, which equals no value, where there is none."""
    if name in NATIVE_ONLY or field.default_factory is dataclasses.MISSING:
        return NATIVE_ONLY.get(name, field.default)
    return field.default_factory()


def require_spelled(config: DPA2Config) -> None:
    """Refuse a model with a setting that DeePMD-kit's formats have no word for."""
    for path, value in unspelled(config, spelled()):
        reason = "DeePMD-kit's formats have no word for that; write a .safetensors file, which holds every model"
        raise UnsupportedModel(f"{path} = {shorten(value)}: {reason}", what=path)
