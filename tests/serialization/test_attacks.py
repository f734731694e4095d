"""Hostile files are refused by a named error; no code of theirs runs, nothing is written, and memory stays bounded."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from attacks.build import build
from attacks.genuine import MODEL
from attacks.pickles import CANARY
from attacks.watched import MEMORY, environment, read, size, state

import dpa2
from dpa2 import testing

UNSUPPORTED = {  # refused as something else than a model of ours, not as damaged
    "text-of-bytes.dp", "text-of-numbers.dp", "texts-at-one-place.dp", "depth-of-marks.pt", "depth-of-marks.pd",
    "zip-no-pickle.pt", "script-list.jax",
}  # fmt: skip
INERT = {  # what is hidden in the file is passed over, and the rest is the genuine model
    *(f"{what}{suffix}" for suffix in (".pt", ".pth", ".pd")
      for what in ("frame-huge", "memo-index-huge", "depth-of-tuples", "list-of-itself", "dict-of-itself")),
    "memo-never-put.pth", "memo-never-put.pd",  # there, it was put
    "zip-counts-more-than-there-are.pt", "zip-named-nul.pt", "zip-named-parent-beside.pt", "zip-many-entries.pt",
    "zip-byteorder-of-nobody.pt",
}  # fmt: skip
STEPS = {".dp": 701, ".yaml": 20011, ".json": 1009, ".pt": 701}  # so many lengths that a cut takes a second


@pytest.fixture(scope="module")
def attacks(tmp_path_factory) -> tuple[Path, dict[str, list[str]]]:
    """All hostile files, by group."""
    folder = tmp_path_factory.mktemp("attacks") / "files"
    return folder, build(folder)


GROUPS = ("pickles", "archives", "tensors", "references", "texts", "hdf5", "directories")


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_files_are_refused_and_do_nothing(group, attacks):
    folder, groups = attacks
    names, before = groups[group], state(folder)
    told = read(folder, genuine=sorted(path.name for path in folder.glob("genuine.*")), files=names)
    assert [t["name"] for t in told] == names
    assert state(folder) == before
    assert not (folder / CANARY).exists()
    wrong = [t for t in told if not is_right(t, size(folder / t["name"]))]
    assert not wrong


def is_right(told: dict, size: int) -> bool:
    """With the right outcome, nothing seen that reading has no business with, and memory within the limit."""
    codes = {3, 4} if told["name"].startswith("bare-") else {4} if told["name"] in UNSUPPORTED else {3}
    same = told["name"] in INERT and told["digest"] in digests()
    return (same or told["code"] in codes) and not told["seen"] and told["peak"] <= 2 * size + MEMORY


@cache
def digests() -> set[str]:
    """Of the genuine models in which attacks hide."""
    return {dpa2.load(MODEL).checkpoint().digest()}


def test_there_are_hundreds_of_attacks(attacks):
    assert sum(map(len, attacks[1].values())) > 400
    assert set(attacks[1]) == set(GROUPS)
    names = [name for group in attacks[1].values() for name in group]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("suffix", STEPS)
def test_a_file_cut_short_is_refused_or_lacks_notes_only(suffix, tmp_path):
    dpa2.convert(MODEL, tmp_path / f"cut{suffix}")
    assert read(tmp_path, genuine=[MODEL], cut={f"cut{suffix}": STEPS[suffix]}) == []


def test_a_small_file_is_refused_at_every_length(tmp_path):
    dpa2.save(testing.perturbed_model(testing.small_config()), tmp_path / "cut.safetensors")
    dpa2.convert(tmp_path / "cut.safetensors", tmp_path / "genuine.safetensors")
    assert read(tmp_path, genuine=["genuine.safetensors"], cut={"cut.safetensors": 1}) == []


@pytest.mark.parametrize("name", ["reduce.pd", "tag-apply.yaml", "external-link.dp", "zip-bomb-in-pickle.pt"])
def test_the_command_line_refuses_with_exit_code_3(name, attacks):
    folder, _ = attacks
    command = [sys.executable, "-c", "from dpa2.cli import main; main()", "info", name]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.startswith("FormatError: ")
    assert len(done.stderr.splitlines()) == 1


CARELESS = """
import pickle
from attacks.reader import Watch
watch = Watch()
watch.on = True
pickle.load(open("reduce.pd", "rb"))
open("written", "w").close()
import colorsys  # which nothing has imported yet
watch.on = False
print(*[event.split()[0] for event in watch.seen])
"""


def test_the_watch_sees_what_a_careless_reader_does(attacks, tmp_path):
    """The hook is not blind: what is looked up, called and written is seen."""
    (tmp_path / "reduce.pd").write_bytes((attacks[0] / "reduce.pd").read_bytes())
    command = [sys.executable, "-c", CARELESS]
    seen = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True).stdout
    assert (tmp_path / CANARY).exists()
    assert {"import", "pickle.find_class", "os.system", "open"} <= set(seen.split())
