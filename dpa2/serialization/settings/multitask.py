"""The section of one head in a multi-task script, with the parts that heads share put in their places.

Source: section 11.1 of the description of formats.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ConfigurationError, InputError, shorten

SHARED = ("type_map", "descriptor", "fitting_net")  # keys whose value may be the name of a part in `shared_dict`
LISTS = ("model_dict", "shared_dict")


def is_multitask(model: dict) -> bool:
    """Return whether a `model` section is one of several heads."""
    return any(key in model for key in LISTS)


def section_of_head(model: dict, head: str | None) -> dict:
    """Return the section of a head as a script of that head alone has it; keys beside the heads are its defaults.

    Raises `InputError` for a head that is not there, `ConfigurationError` for a part that is not in `shared_dict`.
    """
    heads = dictionary(model, "model_dict")
    if not heads:
        raise InputError(f"a script of one model without heads; leave out head={head!r}", argument="head", heads=[])
    head = next((name for name, section in heads.items() if head in names_of(name, section)), head)
    if head not in heads:
        asked = f"head {head!r} is none of them" if head is not None else "name one with head="
        facts = {"argument": "head", "heads": list(heads)}
        raise InputError(f"multi-task script (heads: {', '.join(map(str, heads))}): {asked}", **facts)
    own = heads[head]
    if not isinstance(own, dict):
        refuse(f"model.model_dict.{head}", own, "must be a section with keys and values")
    section = {key: value for key, value in model.items() if key not in LISTS} | own
    shared = dictionary(model, "shared_dict")
    return {key: resolved(value, shared, key) if key in SHARED else value for key, value in section.items()}


def script_of_heads(sections: Mapping) -> dict:
    """Return the script of several heads, each with its own section, as a checkpoint has it."""
    return {"shared_dict": {}, "model_dict": dict(sections)}


def names_of(name: str, section) -> list[str]:
    """Return the name of a head, and its other names."""
    others = section.get("model_branch_alias") if isinstance(section, dict) else None
    return [name, *(others if isinstance(others, list) else [])]


def resolved(value, shared: dict, key: str):
    """Return the shared part that a word names, as in "name" or "name:1"; anything else as it is."""
    if not isinstance(value, str):
        return value
    name = value.partition(":")[0]
    if name not in shared:
        refuse(f"model.{key}", value, f"is no part of shared_dict, which has {', '.join(map(str, shared)) or 'none'}")
    return shared[name]


def dictionary(model: dict, key: str) -> dict:
    """Return a dictionary of the section; an empty one if there is none."""
    found = model.get(key, {})
    return found if isinstance(found, dict) else refuse(f"model.{key}", found, "must be a dictionary of sections")


def refuse(path: str, value, rule: str):
    raise ConfigurationError(f"{path} = {shorten(value)}: {rule}", path=path, value=value)
