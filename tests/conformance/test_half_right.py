"""A half-right implementation is checked on the command line, as files, and in another project's test suite."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ase import Atoms

import dpa2
from dpa2.conformance.targets import command, function
from dpa2.conformance.vectors import decode, digest, encode, shipped, shipped_files
from dpa2.errors import InputError, TargetFailed

DPA2 = (sys.executable, "-c", "from dpa2.cli import main; main()")
EXAMPLES = Path(__file__).parents[2] / "examples" / "conformance"


def dpa2_check(*arguments, python=sys.executable, cwd=None) -> subprocess.CompletedProcess:
    call = [python, *DPA2[1:], "check", *map(str, arguments)]
    package = str(Path(dpa2.__file__).parents[1])
    environment = os.environ | {"COLUMNS": "200", "TERM": "dumb", "PYTHONPATH": package}
    return subprocess.run(call, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300)


HALF_RIGHT = """
import dpa2
from dpa2.tracing.masks import occupied_slots


def evaluate(model, coordinates, types, cell, fparam, aparam):
    found = right(model, coordinates, types, cell, fparam, aparam)
    given = {"forces": found["force"], "mine": 0}
    if "repformer/layer0/g1_conv" in found:
        too_large = root_for_count(dpa2.load(model).config, found, types)
        given["layer0/g1_conv"] = found["repformer/layer0/g1_conv"] * too_large
    return given


def root_for_count(config, found, types):
    # how much larger sums are if divided by the root where it should be the count (section 8.5)
    block, seen = config.repformer, occupied_slots(found, types, config.excluded_pairs)["repformer"]
    n = block.max_neighbors if config.smooth else seen.sum(axis=1, keepdims=True)
    epsilon = 0.0 if config.smooth else 1e-4
    return (epsilon + n) / (epsilon + n**0.5) if block.root_normalization else 1.0


def nothing(model):
    return {"mine": 0}


def right(model, coordinates, types, cell, fparam, aparam):
    parameters = {"fparam": fparam, "aparam": aparam}
    return dpa2.trace(dpa2.load(model), coordinates, types, cell, neighbors="truncate", **parameters)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text(HALF_RIGHT)
    return folder


def test_one_command_finds_the_fault_and_names_it(place):
    done = dpa2_check("mine:evaluate", "--html", "page.html", cwd=place)
    assert done.returncode == 6, done.stderr
    assert re.search(r"first divergence: repformer/layer0/g1_conv of .* at atom \d", done.stdout)
    assert "the convolution is divided by a root, too (section 8.5, trap T10)" in done.stdout
    assert "not compared: mine" in done.stdout
    page = (place / "page.html").read_text()
    pictures = re.findall("<svg.*?</svg>", page, flags=re.DOTALL)
    assert 0 < len(pictures) == page.count("href='#") < len(shipped())
    assert page.index("<table>") < page.index("<svg")
    assert page[page.index("<table>") : page.index("</table>")].count("<tr class=") == len(shipped())
    assert all(ElementTree.fromstring(picture).findall("circle") for picture in pictures)
    assert not re.search(r"src=|href=(?!'#)", page)


def test_json_has_the_same(place):
    found = json.loads(dpa2_check("mine:evaluate", "--json", "--only", "periodic", cwd=place).stdout)
    assert not found["agrees"]
    assert "root-in-convolution" in [cause["name"] for cause in found["causes"]]
    first = next(vector["first"] for vector in found["vectors"] if vector["name"] == found["first"])
    assert first["name"] == "repformer/layer0/g1_conv"


def test_exit_codes_tell_right_from_wrong_from_useless(place):
    assert dpa2_check("mine:right", "--only", "0", cwd=place).returncode == 0
    assert dpa2_check("mine:nothing", cwd=place).returncode == 2
    assert dpa2_check("mine:missing", cwd=place).returncode == 2
    assert dpa2_check(cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--only", "no such", cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--skip", "-", cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--tolerance", "nan", cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--html", "page.png", cwd=place).returncode == 2


def test_two_files_are_compared_and_own_vectors_are_made(place):
    Atoms("OHH", positions=dpa2.demo.structure()["coordinates"][:3]).write(place / "three.xyz")
    made_by = [*DPA2, "vectors", "own", "--model", dpa2.demo.MODEL, "--structure", "three.xyz"]
    subprocess.run(made_by, cwd=place, check=True, capture_output=True)
    (own,) = (place / "own").glob("*.safetensors")
    assert dpa2_check(own, own, cwd=place).returncode == 0
    assert dpa2_check(own, own, "--float32", cwd=place).returncode == 0
    vector = decode(own.read_bytes())
    traced = vector.trace | {"repinit/sw": vector.trace["repinit/sw"] * 1.001}
    (place / "other.safetensors").write_bytes(encode(replace(vector, trace=traced)))
    done = dpa2_check(own, "other.safetensors", cwd=place)
    assert (done.returncode, "first divergence: repinit/sw" in done.stdout) == (6, True)
    assert dpa2_check("mine:right", "--vectors", "own", cwd=place).returncode == 0


def test_vectors_are_written_as_they_are_shipped(place):
    call = [*DPA2, "vectors", "out", "--json"]
    told = json.loads(subprocess.run(call, cwd=place, check=True, capture_output=True).stdout)
    written = {path.name: path.read_bytes() for path in (place / "out").glob("*.safetensors")}
    assert written == shipped_files()
    assert told["digest"] == digest(written) == (place / "out" / "DIGEST").read_text().strip()


def test_what_cannot_be_a_target_is_refused_by_name(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "broken.py").write_text("import no_such_package")
    (place / "worse.py").write_text("def (")
    for target, error, said in (
        ("nowhere:f", InputError, "no module nowhere"),
        ("mine:missing", InputError, "no such function"),
        ("broken:f", TargetFailed, "no_such_package"),
        ("worse:f", TargetFailed, "SyntaxError"),
    ):
        with pytest.raises(error, match=said):
            function(target)
    with pytest.raises(InputError, match="cannot be read"):
        command('"./prog {inputs} {outputs}')


def test_the_peers_numpy_part_passes_all_vectors():
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    python = given.get("dpmodel") or (sys.executable if find_spec("deepmd") else None)
    if python is None:
        pytest.skip("DeePMD-kit is not installed (DPA2_PEER_PYTHON)")
    for options in ([], ["--float32"]):
        found = json.loads(dpa2_check("with_deepmd:evaluate", "--json", *options, python=python, cwd=EXAMPLES).stdout)
        assert found["agrees"], found["first"]
        assert len(found["vectors"]) == len(shipped())
        assert {vector["given"] for vector in found["vectors"]} == {7}


FIVE_LINES = """
from dpa2.conformance import Conformance

class TestMine(Conformance):
    def evaluate(self, model, coordinates, types, cell, fparam, aparam):
        return __import__("mine").WHICH(model, coordinates, types, cell, fparam, aparam)
"""


@pytest.mark.parametrize(("which", "code"), [("right", 0), ("evaluate", 1)])
def test_a_base_class_runs_all_vectors_in_another_suite(which, code, place):
    (place / f"test_{which}.py").write_text(FIVE_LINES.replace("WHICH", which))
    environment = os.environ | {"PYTHONPATH": str(Path(dpa2.__file__).parents[1])}
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"test_{which}.py"]
    done = subprocess.run(call, cwd=place, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == code, done.stdout
    if which == "right":
        assert f"{len(shipped())} passed" in done.stdout
    else:
        assert "the convolution is divided by a root, too (section 8.5, trap T10)" in done.stdout
