"""Dependencies point one way, importing costs nothing, and shapes in signatures are true."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import dpa2
from dpa2.backends import BACKENDS
from dpa2.nn.module import MODULES

PACKAGE = Path(dpa2.__file__).parent
TESTS = Path(__file__).parent

FOLDERS = (  # from the bottom up: a folder imports what stands before it
    "errors", "exit_codes", "signals", "dtypes", "nn", "descriptor", "fitting", "config", "structures", "neighbors",
    "batching", "construction", "serialization", "evaluation", "backends", "model", "training", "tracing", "api",
    "data", "interfaces", "ase", "lammps", "testing", "demo", "surveys", "conformance", "cli", "__main__",
)  # fmt: skip
CORE = ("nn", "descriptor", "fitting")  # the folders that compute, on whatever arrays they are given
HEAVY = {
    "torch",
    "jax",
    "paddle",
    "cupy",
    "ase",
    "lammps",
    "mpi4py",
    "torch_sim",
    "metatomic",
    "metatensor",
    "hypothesis",
    "jaxtyping",
    "array_api_strict",
    "h5py",
    "yaml",
    "safetensors",
    "vesin",
}
HEAVY |= {"typer", "rich", "threadpoolctl"}
ARRAY_LIBRARIES = {entry.package for entry in BACKENDS.values()}


def modules() -> dict[str, Path]:
    """Every module of the package by its name below `dpa2`."""
    names = {p: ".".join(p.relative_to(PACKAGE).with_suffix("").parts) for p in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".__init__").removesuffix("__init__"): path for path, name in names.items()}


@cache
def imports(path: Path) -> tuple[frozenset, frozenset]:
    """What a module imports, when it is imported itself and later: own modules as `.name`, others as `name`."""
    found = {True: set(), False: set()}

    def visit(node, now: bool):
        for child in ast.iter_child_nodes(node):
            found[now].update(targets(child, path))
            visit(child, now and not isinstance(child, ast.FunctionDef | ast.If | ast.Lambda))

    visit(ast.parse(path.read_text()), True)
    return frozenset(found[True]), frozenset(found[False])


def targets(node, path: Path):
    """What one statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module.partition(".")[0]
    if isinstance(node, ast.ImportFrom) and node.level:
        folder = path.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        base = [*folder.relative_to(PACKAGE).parts, *(node.module.split(".") if node.module else ())]
        yield "." + ".".join(base)
        if not node.module:
            yield from ("." + ".".join([*base, alias.name]) for alias in node.names)


def folder(name: str) -> str:
    """The first part of a module's name."""
    return name.lstrip(".").partition(".")[0]


def own(names) -> set[str]:
    """The package's modules among imported names."""
    return {n for n in names if n.startswith(".") and folder(n)}


def test_every_module_stands_in_a_folder_with_a_place():
    assert {folder(name) for name in modules() if name} == set(FOLDERS)


@pytest.mark.parametrize("name", sorted(name for name in modules() if name))
def test_a_folder_imports_only_what_stands_before_it(name):
    now, later = imports(modules()[name])
    assert not [n for n in own(now | later) if FOLDERS.index(folder(n)) > FOLDERS.index(folder(name))]


@pytest.mark.parametrize("name", sorted(name for name in modules() if folder(name) in CORE))
def test_the_core_imports_no_array_library(name):
    now, later = imports(modules()[name])
    assert not (now | later) & ARRAY_LIBRARIES


def test_imports_form_no_circle():
    names = modules()
    graph = {f".{name}": {n for n in own(imports(path)[0]) if n[1:] in names} for name, path in names.items()}
    TopologicalSorter({name: targets - {name} for name, targets in graph.items()}).prepare()


@pytest.mark.parametrize("name", sorted(name for name in modules() if folder(name) not in ("backends", "")))
def test_only_back_ends_import_their_libraries(name):
    now, later = imports(modules()[name])
    assert not (now | later) & (ARRAY_LIBRARIES - {"numpy"})


@pytest.mark.parametrize("name", sorted(name for name in modules() if folder(name) not in ("cli", "")))
def test_heavy_packages_are_imported_where_they_are_used(name):
    assert not imports(modules()[name])[0] & HEAVY


def test_folding_gives_a_module_of_another_class():
    """Whether weights are folded is seen from their type, so no field says it by being None."""
    for name in modules():
        if folder(name) in CORE:
            import_module(f"dpa2.{name}")
    folding = [cls for cls in MODULES if hasattr(cls, "fold")]
    assert len(folding) >= 8
    assert not [cls for cls in folding if cls.fold.__annotations__["return"] == cls.__name__]


def run(program: str, **environment) -> str:
    """What a program prints in a fresh interpreter that finds this package first."""
    path = os.pathsep.join([str(PACKAGE.parent), str(TESTS)])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {"PYTHONPATH": path} | environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


LOADED = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"


def test_importing_the_package_imports_nothing_heavy():
    loaded = set(run(f"import dpa2; {LOADED}").split())
    assert "dpa2" in loaded
    assert not loaded & (HEAVY | {"numpy"})


def test_evaluating_on_numpy_imports_no_other_array_library():
    program = f"""
import dpa2
model = dpa2.load({str(TESTS / "data/samples/dpa2_tiny.dp")!r})
model.evaluate([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0]], ["O", "H"])
{LOADED}
"""
    loaded = set(run(program).split())
    assert "numpy" in loaded
    assert not loaded & {"torch", "jax", "paddle", "cupy"}


CHECKED = """
import sys
import warnings
import numpy
from jaxtyping import install_import_hook

with install_import_hook({names}, "beartype.beartype"):
    import dpa2
    from dpa2 import testing
    from dpa2.testing.strategies import ACTIVATIONS, drawn_config

warnings.simplefilter("ignore", dpa2.TruncationWarning)  # these lists are cut on purpose
for case, numbers in {cases}:
    model, data = dpa2.load(f"{data}/{{case}}.dp"), numpy.load(f"{data}/{{case}}.npz")
    for k in numbers:
        given = {{n.partition("/")[2]: data[n] for n in data.files if n.startswith(k)}}
        options = {{n: given[n] for n in ("fparam", "aparam") if n in given}}
        arguments = given["coords"], given["types"], given.get("box")
        found = model.evaluate(*arguments, neighbors="truncate", atom_virial=True, **options)
        assert abs(found.forces - given["forces"]).max() < 1e-12
        dpa2.trace(model, *arguments, neighbors="truncate", **options)
for seed in range(15):
    rng = numpy.random.default_rng(seed)
    config = drawn_config(lambda *choices: choices[rng.integers(len(choices))], ACTIVATIONS, True, False, {{}})
    system = testing.random_system(rng, 4, len(config.types), periodic=seed % 2 == 0)
    model = testing.perturbed_model(config)
    model.evaluate(system.coordinates, system.types, system.cell, atom_virial=True)
    model.descriptor.evaluate(system.coordinates, system.types, system.cell)
try:
    from dpa2.nn.layers import Linear
    Linear(numpy.ones(3))
except Exception as error:
    print(type(error).__name__)
"""


SMALL = [("base", "123"), ("strip", "1"), ("not_smooth", "2"), ("fparam", "3"), ("no_out_both", "1"), ("exclude", "2")]
ALL = [(case, "123") for case, _ in SMALL]


@pytest.mark.parametrize("cases", [SMALL, pytest.param(ALL, marks=pytest.mark.slow)], ids=["few frames", "all frames"])
def test_shapes_in_signatures_are_true(cases):
    """Every signature of the core is checked at run time, with the program's own arrays, in frames of cases."""
    below = FOLDERS[: FOLDERS.index("construction")]
    below = [name for name in below if name != "config"]  # has no shapes, and reads values of other types itself
    checked = [f"dpa2.{name}" for name in modules() if folder(name) in below]
    data = (TESTS / "data" / "cases").as_posix()
    printed = run(CHECKED.format(names=checked, cases=cases, data=data), DPA2_CHECK_SHAPES="1")
    assert printed.split() == ["TypeCheckError"], "the check is not switched on"
