"""Input scripts on disk, as JSON or YAML."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError, FileMissing, FormatError, UnsupportedModel, require_regular
from ...serialization.budget import Budget, allow_text, spending
from ...serialization.settings.plain import parse_json
from .script import Script, parse_script

YAML = (".yaml", ".yml")


def read_script(
    path: str | PathLike[str], change: Callable[[dict[str, Any]], dict[str, Any]] = lambda script: script
) -> Script:
    """Return the settings of an input script, `input.json` or the same as YAML.

    Parameters
    ----------
    path
        The file. Folders of data in it are relative to the working directory, as for DeePMD-kit.
    change
        What is done to the script, as dictionaries, before it is checked, such as `with_model_of_file(FILE)` of
        `dpa2.training.start`.

    Raises
    ------
    ConfigurationError
        A key is not known, is missing or contradicts another (facts: path, value, file).
    UnsupportedModel
        The script asks for something that dpa2 does not do (facts: what, file).
    FormatError, FileMissing
        The file is neither JSON nor YAML, or there is none (facts: file).
    """
    given = read_plain(Path(path))
    try:
        return parse_script(change(given))
    except (ConfigurationError, UnsupportedModel) as error:
        raise type(error)(f"{path}: {error}", **error.facts | {"file": str(path)}) from error


def read_plain(path: Path) -> dict[str, Any]:
    """Return the dictionary in a file of JSON or YAML, within the limits for files of that size."""
    if not path.exists():
        raise FileMissing(f"{path}: there is no such file", file=str(path))
    require_regular(path)
    try:
        data = path.read_bytes()
        with spending(Budget.of_file(len(data))):
            allow_text()
            value = parse_yaml(data) if path.suffix in YAML else parse_json(data, "the script", "script")
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: cannot be read as an input script ({error})", file=str(path)) from error
    if not isinstance(value, dict):
        raise FormatError(f"{path}: holds no sections; it is no input script", file=str(path))
    return value


def parse_yaml(data: bytes) -> Any:
    """Return the value of a YAML text."""
    import yaml

    from ...serialization.formats.yaml_tree import read_events

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return read_events(yaml.parse(data, Loader=loader), yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise FormatError(" ".join(str(error).split()), key="script") from error
