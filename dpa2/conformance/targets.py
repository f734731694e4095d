"""What is checked: a function in Python, a program that reads and writes files, or a file that is there already."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, InputError, TargetFailed
from .vectors import INPUTS, Vector, inputs, question

Target = Callable[[Vector, str], Mapping[str, np.ndarray]]
SECONDS = 600.0  # that a program may take for one vector


def function(path: str) -> Target:
    """The target `package.module:function`; modules of the working directory are found, too.

    Raises `InputError` if there is no such function.
    """
    module, _, name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        call = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: there is no such function ({error})", argument="target") from error
    return called(call, path)


def called(call: Callable[..., Mapping[str, np.ndarray]], name: str) -> Target:
    """A function as a target: it is given those of `arguments` that it has parameters for, by name."""
    known = inspect.signature(call).parameters.values()
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known)
    wanted = {parameter.name for parameter in known}

    def run(vector: Vector, dtype: str) -> Mapping[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            given = arguments(vector, dtype, Path(folder))
            chosen = given if takes_all else {key: value for key, value in given.items() if key in wanted}
            try:
                found = call(**chosen)
            except Exception as error:
                what = f"{name} failed on {vector.name}: {type(error).__name__}: {error}"
                raise TargetFailed(f"{what} (--debug shows where)", target=name, vector=vector.name) from error
        if not isinstance(found, Mapping):
            what = f"{name} returned {type(found).__name__}, not a dictionary of intermediates by name"
            raise TargetFailed(what, target=name, vector=vector.name)
        return found

    return run


def arguments(vector: Vector, dtype: str, folder: Path) -> dict[str, Any]:
    """What a function can ask for.

    model: path of a `.dp` file. config, weights: the same as a dictionary and as arrays by canonical names.
    coordinates (N, 3), types (N,), cell (3, 3) or None, fparam, aparam or None. neighbors, vectors: the list of
    repinit, indices of atoms (N, S), -1 where there is none, and vectors to the neighbours (N, S, 3). dtype: name.
    """
    from ..api import save

    model, file = vector.model_in(dtype), folder / "model.dp"
    save(model, file)
    given = dict.fromkeys(INPUTS) | inputs(vector.system)
    lists = {"neighbors": vector.trace["nlist/ri_local"], "vectors": vector.trace["nlist/ri_vector"]}
    held = {"model": str(file), "config": model.config.to_dict(), "weights": model.checkpoint().weights}
    return held | given | lists | {"dtype": dtype}


def command(line: str, seconds: float = SECONDS) -> Target:
    """A program as a target: `{inputs}` stands for a golden vector without results, `{outputs}` for what it writes.

    Raises `InputError` for a command without these; the target raises `TargetFailed` for a program that does not
    start, takes more than `seconds`, ends with another code than 0, or writes nothing.
    """
    if "{inputs}" not in line or "{outputs}" not in line:
        raise InputError("the command must have {inputs} and {outputs} in it", argument="command")

    def run(vector: Vector, dtype: str) -> Mapping[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            given, written = Path(folder, "inputs.safetensors"), Path(folder, "outputs.safetensors")
            given.write_bytes(question(vector, dtype))
            places = {"{inputs}": str(given), "{outputs}": str(written)}
            words = [replaced(word, places) for word in shlex.split(line)]
            why = failure(words, seconds) or ("" if written.exists() else "it wrote nothing to {outputs}")
            if why:
                raise TargetFailed(f"{words[0]} on {vector.name}: {why}", target=line, vector=vector.name)
            return read_arrays(written)

    return run


def replaced(word: str, places: dict[str, str]) -> str:
    for name, path in places.items():
        word = word.replace(name, path)
    return word


def failure(words: list[str], seconds: float) -> str | None:
    """Why a program did not do its work, or None if it did."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"it was stopped after {seconds:g} s (--timeout)"
    except OSError as error:
        return f"it does not start ({error.strerror or error})"
    last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return f"it ended with code {done.returncode}: {last}" if done.returncode else None


def read_arrays(path: Path, dtype: str = "float64") -> dict[str, np.ndarray]:
    """The arrays of a safetensors file; of a golden vector, its trace in a precision."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(Path(path).read_bytes())
    except (SafetensorError, ValueError) as error:
        raise FormatError(f"{path}: is no safetensors file ({error})", file=str(path)) from error
    prefix = "trace32/" if dtype == "float32" else "trace/"
    traced = {name.removeprefix(prefix): array for name, array in found.items() if name.startswith(prefix)}
    return traced or found
