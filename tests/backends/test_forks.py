"""Processes that are started after their parent evaluated: they evaluate too, or say why they cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = '''
import json, sys, warnings
warnings.simplefilter("ignore")  # of JAX and Python, about forks
import dpa2
from dpa2 import demo

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]

def energy(model, _=None):
    try:
        return float(model.evaluate(*WATER).energy)
    except dpa2.DPA2Error as error:
        return f"{type(error).__name__}: {error}"

def of_pool(model, method):
    from functools import partial
    from multiprocessing import get_context
    with get_context(method).Pool(2) as pool:
        return pool.map(partial(energy, model), range(4), chunksize=1)

def of_executor(model):
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(energy, [model] * 4))

def of_joblib(model):
    from joblib import Parallel, delayed
    return Parallel(n_jobs=2)(delayed(energy)(model) for _ in range(4))

class Structures:
    """A data set for PyTorch whose workers evaluate."""
    def __init__(self, model):
        self.model = model
    def __len__(self):
        return 4
    def __getitem__(self, k):
        return energy(self.model)

def of_loader(model):
    from torch.utils.data import DataLoader
    return list(DataLoader(Structures(model), batch_size=None, num_workers=2))

def main():
    library, way = sys.argv[1:]
    model = dpa2.load(demo.MODEL, backend=library).to(library, chunk=2)
    expected = energy(model)
    ways = {"executor": of_executor, "joblib": of_joblib, "loader": of_loader}
    found = ways[way](model) if way in ways else of_pool(model, way)
    print(json.dumps([expected, found]))

if __name__ == "__main__":
    main()
'''


def started(folder: Path, library: str, way: str) -> tuple[float, list]:
    """The energy in a process, and those in others that it started afterwards in some way."""
    (folder / "program.py").write_text(PROGRAM)
    environment = os.environ | {"DPA2_THREADS": "2"}  # with one thread there is none that a child could lack
    command = [sys.executable, folder / "program.py", library, way]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    expected, found = json.loads(done.stdout.splitlines()[-1])  # Paddle reports that the pool ends its processes
    return expected, found


FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
WAYS = [pytest.param("fork", marks=FORKS), "spawn", "forkserver", "executor", "joblib", "loader"]


@pytest.mark.parametrize("way", WAYS)
def test_processes_that_numpy_starts_evaluate(way, tmp_path):
    if way in ("joblib", "loader"):
        pytest.importorskip({"joblib": "joblib", "loader": "torch"}[way])
    expected, found = started(tmp_path, "numpy", way)
    assert found == [expected] * 4


@pytest.mark.parametrize("way", [pytest.param("fork", marks=FORKS), "loader"])
def test_processes_that_pytorch_forks_evaluate(way, tmp_path):
    pytest.importorskip("torch")
    expected, found = started(tmp_path, "torch", way)
    assert found == [expected] * 4


@pytest.mark.parametrize("way", [pytest.param("fork", marks=FORKS), "spawn", "loader"])
def test_processes_that_paddle_starts_evaluate(way, tmp_path):
    pytest.importorskip("paddle")
    expected, found = started(tmp_path, "paddle", way)
    assert found == [expected] * 4


MODULE = """
from multiprocessing import get_context
import dpa2
from dpa2 import demo

def gradient(_):
    model, structure = dpa2.load(demo.MODEL, backend="torch"), demo.structure()
    system = structure["coordinates"], structure["types"], structure["cell"]
    energy = model.as_module()(model.prepare_systems([system]))[0].energy
    energy.backward()
    return float(energy)

if __name__ == "__main__":
    expected = gradient(0)
    with get_context("fork").Pool(2) as pool:
        found = pool.map(gradient, range(2))
    print(all(other == expected for other in found))
"""


@FORKS
def test_a_module_of_pytorch_works_in_processes_forked_after_its_threads_started(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "program.py").write_text(MODULE)
    command = [sys.executable, "-W", "ignore", tmp_path / "program.py"]
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, "2")  # with one thread there is none that a child could wait for
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout == "True\n", done.stderr


@FORKS
def test_processes_forked_from_one_that_used_jax_say_what_to_do(tmp_path):
    pytest.importorskip("jax")
    expected, found = started(tmp_path, "jax", "fork")
    assert isinstance(expected, float)
    assert all("BackendError" in text and "spawn" in text for text in found)


ON_GPU = """
import os, sys
sys.path.insert(0, {tests!r})
from dpa2.backends import backend
from dpa2.backends.cupy import CuPy
from dpa2.errors import DPA2Error
from stand_in import StandIn

def said():
    try:
        backend("cupy")
    except DPA2Error as error:
        return f"{{type(error).__name__}}: {{error}}"

before = CuPy(library=StandIn()) if {used} else None
if os.fork() == 0:
    print(said(), flush=True)
    os._exit(0)
os.wait()
"""


@FORKS
@pytest.mark.parametrize("used", [True, False])
def test_processes_forked_from_one_that_used_cupy_say_what_to_do(used):
    program = ON_GPU.format(tests=str(Path(__file__).parents[1]), used=used)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=120)
    assert ("BackendError: CuPy cannot be used in a process that was forked" in done.stdout) == used, done.stderr
    assert ("spawn" in done.stdout) == used
