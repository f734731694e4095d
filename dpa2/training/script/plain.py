"""Sections of an input script: comments dropped, aliases replaced, unknown keys refused, values read by their types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ...config.parsing import Section, declared_types, read_section, require_known
from ...config.rules import refuse
from ...errors import ConfigurationError

T = TypeVar("T", bound=Section)


def without_comments(value: Any) -> Any:
    """Return a value of a script without the keys that begin with "_", at any depth."""
    if isinstance(value, list):
        return [without_comments(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_comments(item) for key, item in value.items() if not str(key).startswith("_")}


def section_at(value: Any, path: str, aliases: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the section at a path of the script as a dictionary, with aliases replaced by the usual keys."""
    if not isinstance(value, dict):
        refuse(path, value, "must be a section with keys and values")
    plain: dict[str, Any] = {}
    for key, item in value.items():
        name = (aliases or {}).get(key, str(key))
        if name in plain:
            refuse(f"{path}.{key}", item, f"is given twice, as {name} too" if name != key else "is given twice")
        plain[name] = item
    return plain


def require_keys(section: Mapping[str, Any], known: Collection[str], path: str) -> None:
    """Refuse the first key that is not known, with the one that was meant perhaps."""
    for key, value in section.items():
        require_known(key, value, known, f"{path}.{key}" if path else key, f"key of {path or 'an input script'}")


def read_at(value: Any, cls: Callable[..., T], path: str, aliases: Mapping[str, str] | None = None) -> T:
    """Return a section of settings; errors name the path at which the script has it."""
    section = section_at(value, path, aliases)
    require_keys(section, declared_types(cls), path)
    try:
        return read_section(section, cls)
    except ConfigurationError as error:
        raise moved(error, cls.path, path) from error  # type: ignore[attr-defined]


def moved(error: ConfigurationError, old: str, new: str) -> ConfigurationError:
    """Return the same error about a section that stands at another path."""
    path = new + str(error.facts["path"]).removeprefix(old)
    return ConfigurationError(new + str(error).removeprefix(old), path=path, value=error.facts["value"])
