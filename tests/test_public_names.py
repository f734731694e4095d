"""The public names: where they live, and the types that a type checker sees."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import dpa2

PACKAGE = Path(dpa2.__file__).parent
STUB = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
MODULES = ("ase", "config", "conformance", "data", "demo", "errors", "lammps", "serialization", "testing")


@pytest.mark.parametrize("name", MODULES)
def test_public_modules_are_imported_by_these_paths(name):
    if name == "ase":
        pytest.importorskip("ase")
    assert import_module(f"dpa2.{name}").__doc__


def stub_homes() -> dict[str, str]:
    """Names that the stub exports, and the modules it takes them from; "" for modules of the package."""
    imports = [node for node in STUB.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname: node.module or "" for node in imports for alias in node.names if alias.asname == alias.name}


def test_a_type_checker_sees_every_public_name_from_where_it_is_imported():
    variables = {node.target.id: "" for node in STUB.body if isinstance(node, ast.AnnAssign)}
    assert stub_homes() == dpa2.HOMES | dict.fromkeys((*dpa2.MODULES, *dpa2.NEEDING_MORE), "")
    assert stub_homes().keys() | variables.keys() == set(dir(dpa2))


def public_functions() -> dict[str, object]:
    """Functions and methods that users call, by their public names."""
    modules = [dpa2, *(import_module(f"dpa2.{name}") for name in ("data", "serialization", "testing"))]
    found = {f"{m.__name__}.{name}": getattr(m, name) for m in modules for name in m.__all__}
    classes = [value for value in found.values() if inspect.isclass(value)]
    found |= {f"{c.__name__}.{name}": value for c in classes for name, value in methods(c).items()}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


def methods(cls: type) -> dict[str, object]:
    """The methods of a class that users call, and those behind its properties."""
    named = {name: inspect.getattr_static(cls, name) for name in vars(cls) if not name.startswith("_")}
    parts = {name: getattr(value, "fget", getattr(value, "func", value)) for name, value in named.items()}
    return {name: getattr(value, "__func__", value) for name, value in parts.items()}


@pytest.mark.parametrize("name", public_functions())
def test_every_parameter_of_a_public_function_has_a_type(name):
    signature = inspect.signature(public_functions()[name])
    own = ("self", "cls")
    untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in own]
    assert not untyped
    assert signature.return_annotation is not signature.empty


USE = """
from pathlib import Path

import dpa2

model: dpa2.Model = dpa2.load(Path("water.dp"), backend="torch", dtype="float32", device=None, head="water")
digest: str = dpa2.convert("a.pt", "b.dp", overwrite=True)
heads: dict[str, dpa2.Model] = dpa2.load_multitask("multitask.pt")
new: dpa2.Model = dpa2.compute_statistics(dpa2.build({}, seed=1), dpa2.read_dataset("data", ["O", "H"]))
settings: dpa2.config.Repinit = model.config.repinit
box: dpa2.System = dpa2.testing.water_box(8)
text: str = dpa2.__version__ + dpa2.demo.MODEL
error: ValueError = dpa2.InputError("wrong", atom=1)
base: type[ValueError] = dpa2.errors.FormatError
out: dpa2.Evaluation = model.evaluate([[0, 0, 0]], ["O"])
many: list[dpa2.Evaluation] = model.evaluate_many([dpa2.System([[0, 0, 0]], ["O"], pbc=False)])
hessian = model.hessian([[0, 0, 0]], ["O"])
product = model.hessian_product([[0, 0, 0]], ["O"], vectors=[[0, 0, 1]])
module = model.to("torch").as_module()
again: dpa2.Model = model.with_state(model.state_dict()).to(dtype="float32")
half: dpa2.Model = model.with_state(model.to("jax").as_pytree()[0])
described: dpa2.DescriptorEvaluation = model.descriptor.evaluate([[0, 0, 0]], ["O"])
length: float = model.cutoff
frame: dpa2.System = dpa2.read_dataset("data", ["O", "H"])[0].system
reveal_type(model.evaluate_many([]))
reveal_type(dpa2.load("water.dp").type_map)
"""
MISUSE = {
    "dpa2.load(5)": "incompatible type",
    'dpa2.load("water.dp", bakend="x")': "Unexpected keyword",
    'dpa2.load("water.dp").evaluat': "no attribute",
    "dpa2.lode": "no attribute",
    'dpa2.convert("a.pt", "b.dp").energy': "no attribute",
    "dpa2.trace(5, [], [])": "incompatible type",
    "dpa2.testing.water_box('8')": "incompatible type",
    "dpa2.read_dataset(5)": "incompatible type",
    'dpa2.load("water.dp").evaluate([], [], neighbors=True)': "incompatible type",
    'dpa2.load("water.dp").evaluate([], [], neighbours="strict")': "Unexpected keyword",
    'dpa2.load("water.dp").evaluate([], []).enrgy': "no attribute",
}


# No public type is of these, and reading them would take most of the time.
UNREAD = "[mypy]\n[mypy-torch.*,jax.*,paddle.*]\nfollow_imports = skip\n"


def checked(folder: Path) -> str:
    """Output of mypy on the programs of a user, without the settings of this project."""
    (folder / "unread.ini").write_text(UNREAD)
    words = [
        "--strict",
        f"--config-file={folder / 'unread.ini'}",
        "--follow-imports=silent",
        "--ignore-missing-imports",
        f"--cache-dir={folder}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, str(folder)],
        env=os.environ | {"MYPYPATH": str(PACKAGE.parent)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_a_type_checker_accepts_right_uses_and_refuses_each_wrong_one(tmp_path):
    (tmp_path / "right.py").write_text(USE)
    (tmp_path / "wrong.py").write_text("\n".join(["import dpa2", *MISUSE]))
    lines = checked(tmp_path).splitlines()
    assert not [line for line in lines if "right.py" in line and "Revealed type" not in line]
    revealed = [line for line in lines if "Revealed type" in line]
    expected = ("list[dpa2.evaluation.results.Evaluation]", "tuple[str, ...]")
    assert len(revealed) == 2
    assert all(words in line for words, line in zip(expected, revealed, strict=True))
    for number, (call, words) in enumerate(MISUSE.items(), start=2):
        assert [line for line in lines if f"wrong.py:{number}: error" in line and words in line], (call, lines)
