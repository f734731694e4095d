"""Targets of a check: a function in Python, a program that reads and writes files, or an existing file."""

from __future__ import annotations

import inspect
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, InputError, TargetFailed, refuse_unknown, require_regular
from ..serialization.budget import Budget, spending
from ..serialization.files import read_bytes
from ..serialization.formats.safetensors import spend_header
from .vectors import INPUTS, Vector, below, inputs, question

# A target returns None if it does not support a vector, and an empty dictionary if it returned nothing.
Target = Callable[[Vector, str], Mapping[str, np.ndarray] | None]
ARGUMENTS = ("model", "config", "weights", *INPUTS, "neighbors", "vectors", "dtype")  # that a function can have
SECONDS = 600.0  # a program that takes longer for one vector is stopped
FORM = "a function is named package.module:function, as in mine:evaluate"
LONGEST = 1e6  # seconds that the system can be asked to wait
NOT_IMPLEMENTED = 77  # a program ends with this code if it does not support a vector


def function(path: str) -> Target:
    """Return the target `package.module:function`; modules of the working directory are found, too.

    Raises `InputError` if there is no such function.
    """
    module, _, name = path.partition(":")
    if module.endswith(".py") and not Path(module).is_absolute():
        module = module.removesuffix(".py").replace("/", ".")
    call = getattr(imported(module, path), name, None) if name else None
    if not callable(call) or isinstance(call, type):
        raise InputError(f"{path}: there is no such function; {FORM}", argument="target")
    return called(call, path)


def imported(module: str, path: str):
    """Import a module of the working directory or of an installed package; errors in it are reported with the line."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise InputError(f"{path}: there is no module {module}; {FORM}", argument="target") from error
        raise TargetFailed(f"{path}: importing {module} failed: {told(error)}", target=path) from error
    except (Exception, SystemExit) as error:
        raise TargetFailed(f"{path}: importing {module} failed: {told(error)}", target=path) from error


def told(error: BaseException) -> str:
    """Return the message of an error, with the file and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def called(call: Callable[..., Mapping[str, np.ndarray]], name: str) -> Target:
    """Return a function as a target; it is called with those of `arguments` that its signature names.

    It may raise `NotImplementedError`, or return nothing, for a vector that it does not support. Raises `InputError`
    for a function that needs an argument of another name.
    """
    known = inspect.signature(call).parameters.values()
    refuse_unknown([p.name for p in known if needed(p)], ARGUMENTS, name)
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known)
    wanted = {parameter.name for parameter in known}

    def run(vector: Vector, dtype: str) -> Mapping[str, np.ndarray] | None:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
            given = arguments(vector, dtype, Path(folder))
            chosen = given if takes_all else {key: value for key, value in given.items() if key in wanted}
            try:
                found = call(**chosen)
            except NotImplementedError:
                return None
            except (Exception, SystemExit) as error:
                what = f"{name} failed on {vector.name}: {told(error)}"
                raise TargetFailed(what, target=name, vector=vector.name) from error
        if not isinstance(found, Mapping | None):
            what = f"{name} returned {type(found).__name__}, not a dictionary of intermediates by name"
            raise TargetFailed(what, target=name, vector=vector.name)
        return found or {}

    return run


def needed(parameter: inspect.Parameter) -> bool:
    """Return whether a function cannot be called without this parameter."""
    variable = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    return parameter.default is parameter.empty and not variable


def arguments(vector: Vector, dtype: str, folder: Path) -> dict[str, Any]:
    """Return all arguments that a function can have, those of `ARGUMENTS`, by name.

    model: path of a `.dp` file. config, weights: the same model as a dictionary and as arrays by canonical names.
    coordinates (N, 3), types (N,), cell (3, 3) or None, fparam, aparam or None. neighbors, vectors: the list of
    repinit, indices of atoms (N, S), -1 where there is none, and vectors to the neighbours (N, S, 3). dtype: name.
    """
    from ..api import save

    model, file = vector.model_in(dtype), folder / "model.dp"
    save(model, file)
    given = dict.fromkeys(INPUTS) | inputs(vector.system)
    lists = {"neighbors": vector.trace["nlist/ri_local"], "vectors": vector.trace["nlist/ri_vector"]}
    held = {"model": str(file), "config": model.config.to_dict(), "weights": model.checkpoint().weights}
    return deepcopy(held | given | lists) | {"dtype": dtype}


def command(line: str, seconds: float = SECONDS) -> Target:
    """Return a program as a target; it reads `{inputs}`, a golden vector without results, and writes `{outputs}`.

    Raises `InputError` for a command without these; the target raises `TargetFailed` for a program that does not
    start, takes more than `seconds`, ends with another code than 0, or writes nothing.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputError(f"the command cannot be read: {error}", argument="command") from error
    if not 0 < seconds <= LONGEST:
        raise InputError(f"--timeout {seconds}: must be a positive number, at most {LONGEST:g}", argument="timeout")
    if "{inputs}" not in line or "{outputs}" not in line:
        raise InputError("the command must contain {inputs} and {outputs}", argument="command")

    def run(vector: Vector, dtype: str) -> Mapping[str, np.ndarray] | None:
        with tempfile.TemporaryDirectory() as folder:
            given, written = Path(folder, "inputs.safetensors"), Path(folder, "outputs.safetensors")
            given.write_bytes(question(vector, dtype))
            places = {"{inputs}": str(given), "{outputs}": str(written)}
            done = started([filled_in(word, places) for word in words], seconds)
            if done == NOT_IMPLEMENTED:
                return None
            why = done or ("" if written.is_file() else "it wrote no file to {outputs}")
            if why:
                raise TargetFailed(f"{words[0]} failed on {vector.name}: {why}", target=line, vector=vector.name)
            return read_arrays(written)

    return run


def filled_in(word: str, places: dict[str, str]) -> str:
    """Return a word of the command with paths in place of `{inputs}` and `{outputs}`."""
    for name, path in places.items():
        word = word.replace(name, path)
    return word


def started(words: list[str], seconds: float) -> str | int | None:
    """Run a program and return None, the code for an unsupported vector, or the reason of a failure."""
    try:
        code, said = finished(words, seconds)
    except subprocess.TimeoutExpired:
        return f"it was stopped after {seconds:g} s (--timeout)"
    except OSError as error:
        return f"it could not be started ({error.strerror or error})"
    if code == NOT_IMPLEMENTED:
        return NOT_IMPLEMENTED
    last = (said.strip().splitlines() or ["it wrote no message"])[-1]
    return f"it ended with code {code}: {last}" if code else None


def finished(words: list[str], seconds: float) -> tuple[int, str]:
    """Return the exit code of a program and what it wrote on standard error.

    It is stopped, with all that it started, if it takes longer or if this program is interrupted.
    """
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    process = subprocess.Popen(words, start_new_session=True, **streams)  # type: ignore[call-overload]
    try:
        _, said = process.communicate(timeout=seconds)
    except BaseException:
        stop_all(process)
        raise
    return process.returncode, said


def stop_all(process: subprocess.Popen) -> None:
    """Kill a program and the programs that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def read_arrays(path: Path, dtype: str = "float64") -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file; of a golden vector, its trace in a precision."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    require_regular(path)
    try:
        data = read_bytes(Path(path))
        with spending(Budget.of_file(len(data))):
            spend_header(data)
            found = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        what = f"{path}: not a safetensors file that NumPy can read ({error})"
        raise FormatError(what, file=str(path)) from error
    return below(found, "trace32/" if dtype == "float32" else "trace/") or found
