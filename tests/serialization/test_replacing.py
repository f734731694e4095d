"""Replacing a file loses nothing else: foreign entries, other people's folders, permissions, what a link leads to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time

import pytest

import dpa2
from dpa2 import demo
from dpa2.errors import InputError
from dpa2.serialization import read, write
from dpa2.serialization.temporary import NAME, temporary_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions, locks and links are those of POSIX")


@pytest.fixture(scope="module")
def model():
    return dpa2.load(demo.MODEL).checkpoint()


# Directories: only a model, and nothing else with it.


def foreign_file(folder):
    (folder / "thesis.txt").write_text("precious")


def foreign_file_within(folder):
    (folder / "state" / "d" / "thesis.txt").write_text("precious")


def foreign_folder(folder):
    (folder / "state" / "mine").mkdir()


def foreign_link(folder):
    (folder / "commit_success.txt").symlink_to("/etc/hostname")


@pytest.mark.parametrize("add", [foreign_file, foreign_file_within, foreign_folder, foreign_link])
def test_a_model_directory_with_foreign_entries_is_not_replaced(add, model, tmp_path):
    write(model, tmp_path / "my.jax")
    add(tmp_path / "my.jax")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="no part of a JAX model"):
        write(model, tmp_path / "my.jax")
    with pytest.raises(InputError, match="no part of a JAX model"):
        dpa2.convert(demo.MODEL, tmp_path / "my.jax", overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_that_is_no_model_is_not_replaced(model, tmp_path):
    (tmp_path / "my.jax").mkdir()
    (tmp_path / "my.jax" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not one of a JAX model"):
        write(model, tmp_path / "my.jax")
    assert (tmp_path / "my.jax" / "thesis.txt").read_text() == "precious"
    (tmp_path / "file.jax").write_text("precious")
    with pytest.raises(InputError, match="is no directory"):
        write(model, tmp_path / "file.jax")
    assert (tmp_path / "file.jax").read_text() == "precious"


def test_a_pipe_is_not_replaced_by_a_file(model, tmp_path):
    os.mkfifo(tmp_path / "pipe.dp")
    with pytest.raises(InputError, match="is no regular file"):
        write(model, tmp_path / "pipe.dp")
    assert stat.S_ISFIFO((tmp_path / "pipe.dp").stat().st_mode)


# Leftovers: only folders that this program made.

TOKEN = ".dpa2-" + "0" * 32


def look_alike(folder, mark=True, mode=0o700):
    """A folder with something precious in it, which looks like one of ours."""
    folder.mkdir()
    (folder / "old").mkdir()
    (folder / "old" / "secret").write_text("precious")
    if mark:
        (folder / folder.name).touch()
    folder.chmod(mode)


@pytest.mark.parametrize("name", [".dpa2-mine", ".dpa2-", TOKEN + "0"])
def test_a_folder_of_another_name_is_left_alone(name, model, tmp_path):
    look_alike(tmp_path / name)
    write(model, tmp_path / "model.dp")
    assert (tmp_path / name / "old" / "secret").read_text() == "precious"
    assert not (tmp_path / "secret").exists()


@pytest.mark.parametrize("change", [
    {"mark": False}, {"mode": 0o755},
], ids=["no mark", "open to others"])  # fmt: skip
def test_a_folder_without_our_mark_is_left_alone(change, model, tmp_path):
    look_alike(tmp_path / TOKEN, **change)
    write(model, tmp_path / "model.dp")
    assert (tmp_path / TOKEN / "old" / "secret").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes files of others")
def test_a_folder_of_another_user_is_left_alone(model, tmp_path):
    look_alike(tmp_path / TOKEN)
    os.chown(tmp_path / TOKEN, 65534, 65534)
    write(model, tmp_path / "model.dp")
    assert (tmp_path / TOKEN / "old" / "secret").read_text() == "precious"


def test_no_link_is_followed_out_of_a_leftover(model, tmp_path):
    home, shared = tmp_path / "home", tmp_path / "shared"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("private")
    shared.mkdir()
    for name in (TOKEN, ".dpa2-x"):
        folder = shared / name
        folder.mkdir(mode=0o700)
        (folder / name).touch()
        for inside in ("old", "aside"):
            (folder / inside).symlink_to(home)
    (shared / (".dpa2-" + "1" * 32)).symlink_to(home)
    write(model, shared / "model.dp")
    assert (home / ".ssh" / "id").read_text() == "private"
    assert not (shared / ".ssh").exists()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(model, tmp_path):
    look_alike(tmp_path / TOKEN)
    (tmp_path / ("." + TOKEN)).mkdir()
    (tmp_path / (".dpa2-" + "2" * 32)).mkdir(mode=0o700)  # killed before it made the mark
    with temporary_folder(tmp_path) as used:
        write(model, tmp_path / "model.dp")
        assert NAME.fullmatch(used.name)
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["." + TOKEN, used.name, "model.dp", "secret"])
    assert (tmp_path / "secret").read_text() == "precious", "what was moved aside comes back"


# Permissions, owner, links.


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_replaced_file_keeps_its_permissions(mode, model, tmp_path):
    write(model, tmp_path / "model.dp")
    (tmp_path / "model.dp").chmod(mode)
    write(model, tmp_path / "model.dp")
    assert stat.S_IMODE((tmp_path / "model.dp").stat().st_mode) == mode


def test_a_replaced_directory_keeps_its_permissions(model, tmp_path):
    write(model, tmp_path / "model.jax")
    (tmp_path / "model.jax").chmod(0o750)
    write(model, tmp_path / "model.jax")
    modes = {p.is_dir(): stat.S_IMODE(p.stat().st_mode) for p in [tmp_path / "model.jax", *tmp_path.rglob("*")]}
    assert modes == {True: 0o750, False: 0o640}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("suffix", [".dp", ".jax"])
def test_a_replaced_file_keeps_its_owner(suffix, model, tmp_path):
    path = tmp_path / f"model{suffix}"
    write(model, path)
    os.chown(path, 65534, 65533)
    write(model, path)
    assert {(p.stat().st_uid, p.stat().st_gid) for p in [path, *path.rglob("*")]} == {(65534, 65533)}


@pytest.mark.parametrize("suffix", [".dp", ".jax"])
def test_a_link_is_followed(suffix, model, tmp_path):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / f"real{suffix}", tmp_path / f"link{suffix}"
    link.symlink_to(f"far/real{suffix}")
    write(model, link)  # there is nothing yet where it leads to
    write(model, link)
    assert link.is_symlink()
    assert read(real).digest() == read(link).digest() == model.digest()
    assert {p.name for p in tmp_path.iterdir()} == {"far", link.name}
    with pytest.raises(InputError, match="exists already"):
        write(model, link, overwrite=False)


def test_links_in_a_circle_are_refused(model, tmp_path):
    (tmp_path / "one.dp").symlink_to("two.dp")
    (tmp_path / "two.dp").symlink_to("one.dp")
    with pytest.raises(InputError, match="circle"):
        write(model, tmp_path / "one.dp")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes links of others")
def test_a_link_of_somebody_else_in_a_place_open_to_all_is_not_followed(model, tmp_path):
    (tmp_path / "private").write_text("private")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "model.dp").symlink_to(tmp_path / "private")
    os.lchown(shared / "model.dp", 65534, 65534)
    with pytest.raises(InputError, match="another user"):
        write(model, shared / "model.dp")
    assert (tmp_path / "private").read_text() == "private"


# A disk that is full, a write that is interrupted.

LIMITED = """
import resource, sys
from dpa2.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
main()
"""


@pytest.mark.parametrize("suffix", [".dp", ".yaml", ".json", ".safetensors", ".pt", ".jax"])
def test_a_disk_that_takes_no_more_is_told_in_one_line(suffix, tmp_path):
    target = tmp_path / f"model{suffix}"
    command = [sys.executable, "-c", LIMITED, "convert", demo.MODEL, target]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (8, 1), done.stderr
    assert str(target) in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_reader_sees_the_old_directory_or_the_new_one(model, tmp_path):
    path, found, stop = tmp_path / "model.jax", set(), threading.Event()
    other = dpa2.build(model.config, seed=1).checkpoint()
    write(model, path)

    def read_on():
        while not stop.is_set():
            try:
                found.add(read(path).digest())
            except Exception as error:
                found.add(repr(error))

    reader = threading.Thread(target=read_on)
    reader.start()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for one in (other, model):
            write(one, path)
    stop.set()
    reader.join()
    assert found <= {model.digest(), other.digest()}
    assert len(found) == 2


def test_the_same_holds_where_directories_do_not_change_places(model, tmp_path, monkeypatch):
    monkeypatch.setattr("dpa2.serialization.atomic.exchange", lambda *_: False)
    test_a_reader_sees_the_old_directory_or_the_new_one(model, tmp_path)
