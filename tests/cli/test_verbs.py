"""Every command is one file of its own, and presents itself to a user who does not know the code."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from command_line import environment, run

import dpa2
from dpa2 import demo
from dpa2.cli.app import DECLARED, Group, application

PACKAGE = Path(dpa2.__file__).parent
COMMANDS = typer.main.get_command(application()).commands
EXAMPLES = [example for verb in DECLARED.values() for example in verb.examples]

HELLO = '''
"""`dpa2 hello FILE`: a new verb."""

from typing import Annotated

import typer

from ..app import AsJson, Group, verb
from ..output import tell


@verb(Group.COMPARE, 0, "dpa2 hello water.dp")
def greet(file: Annotated[str, typer.Argument(help="The model file.")], as_json: AsJson = False) -> None:
    """Greet a file."""
    tell({"hello": file})
'''


def shell(*arguments, **changes) -> subprocess.CompletedProcess:
    """`dpa2 ARGUMENTS` as a shell starts it, which knows nothing of double precision in JAX."""
    kept = {name: value for name, value in environment().items() if name != "JAX_ENABLE_X64"}
    command = [sys.executable, "-c", "from dpa2.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=kept | changes, cwd=changes.get("PYTHONPATH"))


def test_a_new_verb_is_one_new_file(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "dpa2", ignore=shutil.ignore_patterns("golden", "__pycache__"))
    (tmp_path / "dpa2" / "cli" / "verbs" / "hello.py").write_text(HELLO)
    copy = {"PYTHONPATH": str(tmp_path)}
    assert json.loads(shell("hello", "a.dp", **copy).stdout) == {"hello": "a.dp"}
    text = shell("--help", **copy).stdout
    assert text.index("hello") < text.index("verify"), "the rank puts it first below its heading"


def test_the_files_in_the_folder_are_the_verbs():
    files = {path.stem for path in (PACKAGE / "cli" / "verbs").glob("*.py")} - {"__init__"}
    assert {name.replace("_", "-") for name in files} == set(COMMANDS) == set(DECLARED)


def test_verbs_are_listed_by_heading_and_rank():
    places = [DECLARED[name].place for name in COMMANDS]
    assert places == sorted(places)
    assert len({place[:2] for place in places}) == len(places), "two verbs have the same rank"
    text = run("--help").stdout
    assert [text.index(group) for group in Group] == sorted(text.index(group) for group in Group)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_has_help_for_itself_and_each_option_examples_and_json(name):
    command, verb = COMMANDS[name], DECLARED[name]
    assert command.help.splitlines()[0].endswith(".")
    assert {"--json", "as_json"} <= {word for p in command.params for word in (*p.opts, p.name)}
    assert [p.name for p in command.params if not p.help] == []
    assert verb.examples
    assert all(example.startswith(f"dpa2 {name}") for example in verb.examples)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command_line_that_is_understood(example):
    _, name, *words = shlex.split(example)
    assert COMMANDS[name].make_context(name, words).params


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_verb_shows_its_examples(name, call):
    code, text, _ = call(name, "--help")
    assert code == 0
    flat = " ".join(text.split())
    assert all(" ".join(example.split()) in flat for example in DECLARED[name].examples)


def test_help_imports_nothing_that_takes_long():
    program = "import sys; from dpa2.cli import application; application(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "dpa2.cli.verbs.eval" in loaded
    assert not {"numpy", "h5py", "torch", "jax", "ase", "matplotlib"} & set(loaded)


# JAX computes in float32 unless told otherwise; the command line tells it.


@pytest.fixture
def drop(tmp_path):
    """A data folder of one small cluster."""
    (tmp_path / "drop" / "set.000").mkdir(parents=True)
    np.save(tmp_path / "drop" / "set.000" / "coord.npy", [[0, 0, 0, 0.96, 0, 0, -0.24, 0.93, 0]])
    (tmp_path / "drop" / "type.raw").write_text("0 1 1")
    (tmp_path / "drop" / "type_map.raw").write_text("O H")
    (tmp_path / "drop" / "nopbc").touch()
    return tmp_path / "drop"


def test_eval_on_jax_computes_in_double_precision_without_being_told(drop):
    done = shell("eval", demo.MODEL, drop, "--backend", "jax", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["frames"][0]["energy"]
    exact = json.loads(run("eval", demo.MODEL, drop, "--json").stdout)["frames"][0]["energy"]
    assert abs(found - exact) < 1e-12 * abs(exact)


def test_a_user_who_forbids_double_precision_on_jax_is_obeyed(drop):
    done = shell("eval", demo.MODEL, drop, "--backend", "jax", JAX_ENABLE_X64="0")
    assert done.returncode == 2
    assert "JAX_ENABLE_X64=1" in done.stderr


WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from dpa2.cli import main; main()"


@pytest.mark.slow
def test_precision_on_jax_needs_no_setting_either(drop):
    """JAX is the library for bfloat16 where PyTorch is not installed."""
    kept = {name: value for name, value in environment().items() if name != "JAX_ENABLE_X64"}
    words = ["precision", demo.MODEL, str(drop), "--dtype", "bfloat16", "--json"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, env=kept)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dtype"] == "bfloat16"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_verb_but_those_that_run_foreign_code_allows_double_precision(name, monkeypatch, tmp_path, call):
    """Each is called on a file that is not there: the setting comes before any work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAX_ENABLE_X64")
    needed = [p for p in COMMANDS[name].params if p.param_type_name == "argument" and p.required]
    monkeypatch.setattr(demo, "MODEL", "nowhere.dp")
    call(name, *["nowhere.dp" for _ in needed], *(["nowhere:evaluate"] if name == "check" else []))
    expected = None if name == "check" else "1"
    assert os.environ.get("JAX_ENABLE_X64") == expected
