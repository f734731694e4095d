"""A file appears as a whole or not at all, whatever interrupts its writing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dpa2
from dpa2 import demo
from dpa2.serialization import write
from dpa2.serialization.atomic import replacing


def test_files_and_folders_that_are_not_there_are_named(tmp_path):
    with pytest.raises(dpa2.FileMissing, match="there is no such file"):
        dpa2.load(tmp_path / "nowhere.dp")
    with pytest.raises(dpa2.WriteFailed, match="no folder"):
        dpa2.save(dpa2.load(demo.MODEL), tmp_path / "no" / "model.dp")


# A process that writes one half and then waits to be killed.
WRITER = """
import sys, time
from dpa2.serialization.atomic import replacing
with replacing(sys.argv[1]) as new:
    if sys.argv[2] == "directory":
        new.mkdir()
        new = new / "part"
    new.write_text("half")
    print("half", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_nothing_is_left_of_a_killed_write_after_the_next_one(what, tmp_path):
    target = tmp_path / "model.dp"
    target.write_text("old")
    with subprocess.Popen([sys.executable, "-c", WRITER, target, what], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "half\n"
        write(dpa2.load(demo.MODEL).checkpoint(), tmp_path / "other.dp")
        assert len(list(tmp_path.iterdir())) == 3, "the folder of a process that lives is left alone"
        writer.kill()
    assert target.read_text() == "old"
    write(dpa2.load(demo.MODEL).checkpoint(), tmp_path / "other.dp")
    assert {p.name for p in tmp_path.iterdir()} == {"model.dp", "other.dp"}


KILLED = """
import os, signal, sys
from dpa2.serialization import atomic
atomic.exchange = lambda *_: False  # as on a system without this call
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with atomic.replacing(sys.argv[1], why_keep=lambda path: "") as new:
    new.mkdir()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders")
def test_a_directory_whose_replacement_was_killed_comes_back_with_the_next_write(tmp_path):
    make_directory(tmp_path / "model.jax", "old")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "model.jax"], check=False)
    assert not (tmp_path / "model.jax").exists()
    write(dpa2.load(demo.MODEL).checkpoint(), tmp_path / "other.dp")
    assert (tmp_path / "model.jax" / "part").read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"model.jax", "other.dp"}


def make_directory(path, content: str):
    with replacing(path, why_keep=lambda path: "") as new:
        new.mkdir()
        (new / "part").write_text(content)


@pytest.fixture(params=["in one step", "in two steps"])
def way(request, monkeypatch):
    """Both ways in which a directory takes the place of another."""
    if request.param == "in two steps":
        monkeypatch.setattr("dpa2.serialization.atomic.exchange", lambda *_: False)


def test_a_directory_takes_the_place_of_a_directory_as_a_whole(way, tmp_path):
    target = tmp_path / "model.jax"
    make_directory(target, "old")
    (target / "surplus").write_text("")
    make_directory(target, "new")
    assert [(p.name, p.read_text()) for p in target.iterdir()] == [("part", "new")]
    assert [p.name for p in tmp_path.iterdir()] == ["model.jax"]


def test_an_old_directory_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "model.jax"
    make_directory(target, "old")

    def refuse(*_):
        raise OSError("no")

    monkeypatch.setattr("dpa2.serialization.atomic.exchange", lambda *_: False)
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(dpa2.WriteFailed):
        make_directory(target, "new")
    assert (target / "part").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.jax"]


def test_a_file_never_takes_the_place_of_a_directory(tmp_path):
    make_directory(tmp_path / "model.dp", "precious")
    with pytest.raises(dpa2.InputError, match="is a directory"):
        dpa2.save(dpa2.load(demo.MODEL), tmp_path / "model.dp")
    assert (tmp_path / "model.dp" / "part").read_text() == "precious"
