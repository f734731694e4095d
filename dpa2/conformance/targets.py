"""What is checked: a function in Python, a program that reads and writes files, or a file that is there already."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from ..errors import FormatError, InputError, VerificationFailed
from .vectors import Vector, encode, inputs

ALIASES = {  # other words for the names of the table
    r"^layer(\d+)/": r"repformer/layer\1/",
    r"^(?:repformer/)?layers?[./](\d+)[./]": r"repformer/layer\1/",
    r"^forces$": "force",
    r"^energies$": "energy",
    r"^atom_energies$|^atomic_energy$": "atom_energy",
    r"^rot_mat$|^rotation$": "repformer/rot_mat",
    r"^g1_shape_tranform$": "g1_shape_transform",
    r"^nlist$": "nlist/ri",
}
Target = Callable[[Vector, str], Mapping[str, np.ndarray]]


def renamed(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The names of the trace table for their aliases."""
    plain = {}
    for name, array in found.items():
        for pattern, meaning in ALIASES.items():
            name = re.sub(pattern, meaning, name)
        plain[name] = np.asarray(array)
    return plain


def function(path: str) -> Target:
    """`package.module:function`, which is called with the path of a model file and the structure by name.

    `function(model, coordinates=..., types=..., cell=..., neighbors=..., dtype=...)` returns a dictionary of
    intermediates; `model` is a `.dp` file that DeePMD-kit and dpa2 read, or the `.safetensors` of a model that it
    cannot hold; `neighbors` is the neighbour list of repinit, indices of atoms, -1 where there is none.
    """
    module, _, name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        call = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: there is no such function ({error})", argument="target") from error

    def run(vector: Vector, dtype: str) -> Mapping[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.dp")
            model = vector.model if dtype == "float64" else vector.model.to("numpy", dtype=dtype)
            from ..api import save

            save(model, file)
            lists = vector.reference(dtype)["nlist/ri_local"]
            return call(str(file), **inputs(vector.system), neighbors=lists, dtype=dtype)

    return run


def command(line: str) -> Target:
    """A program: `{inputs}` stands for a golden vector without its traces, `{outputs}` for the file that it writes."""
    if "{inputs}" not in line or "{outputs}" not in line:
        raise InputError("the command must have {inputs} and {outputs} in it", argument="command")

    def run(vector: Vector, dtype: str) -> Mapping[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            given, written = Path(folder, "inputs.safetensors"), Path(folder, "outputs.safetensors")
            given.write_bytes(encode(without_results(vector, dtype)))
            words = [word.format(inputs=given, outputs=written) for word in shlex.split(line)]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode or not written.exists():
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise VerificationFailed(f"{words[0]} ended with code {done.returncode} on {vector.name}: {last}")
            return read_arrays(written)

    return run


def without_results(vector: Vector, dtype: str) -> Vector:
    """What a program is given: the model, the structure, and the neighbour lists."""
    lists = {name: array for name, array in vector.trace.items() if name.startswith("nlist/")}
    return Vector(vector.name, vector.config, vector.weights, vector.system, lists, {})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, or of a golden vector: its trace."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(Path(path).read_bytes())
    except (SafetensorError, OSError) as error:
        raise FormatError(f"{path}: is no safetensors file ({error})", file=str(path)) from error
    traced = {name.removeprefix("trace/"): array for name, array in found.items() if name.startswith("trace/")}
    return traced or found
