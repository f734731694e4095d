"""Messages say options on the command line and arguments in the library; options that users expect are there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import environment

import dpa2
from dpa2 import demo

PACKAGE = Path(dpa2.__file__).parent
ARGUMENT = re.compile(r"(?<![`\w.])[a-z_]+=(?:True|False|None|'\w+')")  # an argument of a call, not in quotes


@pytest.fixture
def dense(data):
    """The data with atoms so close that the model holds too few neighbours."""
    for name in ("coord", "box"):
        np.save(data / "set.000" / f"{name}.npy", 0.9 * np.load(data / "set.000" / f"{name}.npy"))
    return data


def test_too_many_neighbors_name_the_option_on_the_command_line(dense, call):
    for words in (["eval", demo.MODEL, dense], ["precision", demo.MODEL, dense]):
        code, _, said = call(*words)
        assert code == 2
        assert "or pass --truncate to keep" in said
        assert "neighbors=" not in said


def test_too_many_neighbors_name_the_argument_in_the_library(dense):
    model = dpa2.load(demo.MODEL)
    with pytest.raises(dpa2.TooManyNeighbors, match=r"or pass `neighbors='truncate'` to keep"):
        model.evaluate_many([frame.system for frame in dpa2.read_dataset(dense, model.type_map)])


def test_an_existing_file_names_the_option_or_the_argument(tmp_path, call):
    (tmp_path / "a.dp").touch()
    assert "exists already; --force replaces it" in call("convert", demo.MODEL, tmp_path / "a.dp")[2]
    with pytest.raises(dpa2.InputError, match="exists already; `overwrite=True` replaces it"):
        dpa2.convert(demo.MODEL, tmp_path / "a.dp")


@pytest.mark.parametrize(("words", "said"), [
    (["convert", "MODEL", "b.dp", "--dtype", "fp32"], "--dtype fp32: must be one of float64, float32"),
    (["eval", "MODEL", "DATA", "--dtype", "float33"], "--dtype float33: must be one of float64, float32"),
    (["precision", "MODEL", "DATA", "--dtype", "f16"], "--dtype f16: must be one of float32, bfloat16"),
    (["info", "MODEL", "--head", "water"], "leave out the head 'water'"),
    (["eval", "MODEL", "DATA", "--types", "OW"], "--types: 'OW' is not of the form"),
    (["eval", "MODEL", "DATA", "--aparam", "1"], "--aparam: is given"),
    (["convert", "MODEL", "b.dp", "--overwrite"], "Did you mean --force?"),
    (["eval", "MODEL", "DATA", "--neighbors"], "Did you mean --truncate?"),
])  # fmt: skip
def test_a_wrong_option_is_called_as_the_user_called_it(words, said, data, call, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    stands = {"MODEL": demo.MODEL, "DATA": data}
    code, _, told = call(*(stands.get(word, word) for word in words))
    assert code == 2
    assert said in told


def raised(path: Path):
    """The texts in the statements of a module that raise errors, or that make what these use."""
    tree = ast.parse(path.read_text())
    raising = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    used = {name.id for node in raising for name in ast.walk(node) if isinstance(name, ast.Name)}
    made = (
        node for node in ast.walk(tree) if isinstance(node, ast.Assign) and used & set(map(ast.unparse, node.targets))
    )
    for node in [*raising, *made]:
        whole = [ast.unparse(child) for child in ast.walk(node) if isinstance(child, ast.JoinedStr | ast.Constant)]
        yield from (text for text in whole if " " in text)


def test_the_library_quotes_its_arguments_so_that_the_command_line_can_replace_them():
    modules = {path.relative_to(PACKAGE): path for path in PACKAGE.rglob("*.py")}
    unquoted = {
        f"{name}: {found[0]}"
        for name, path in modules.items()
        if name.parts[0] != "cli"
        for text in raised(path)
        if (found := ARGUMENT.findall(text.replace("\\'", "'")))
    }
    assert unquoted == {"structures/places.py: fmt='lmdb'"}  # of a call of dpdata, which the message gives in full


def test_the_version_is_told_by_the_command_and_by_the_module(call):
    assert call("--version") == (0, f"dpa2 {dpa2.__version__}\n", "")
    words = [sys.executable, "-m", "dpa2", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), cwd=PACKAGE.parent)
    assert (done.returncode, done.stdout) == (0, f"dpa2 {dpa2.__version__}\n")


def test_shells_can_complete_commands():
    asked = {"_DPA2_COMPLETE": "complete_bash", "COMP_WORDS": "dpa2 ver", "COMP_CWORD": "1"}
    program = "from dpa2.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment() | asked)
    assert done.stdout.split() == ["verify"], done.stderr


def test_help_offers_to_install_the_completion(call):
    assert "--install-completion" in call("--help")[1]
