"""The folder of compiled functions is used only where nobody else can write to it."""

from __future__ import annotations

import os
import stat
import warnings

import pytest

from dpa2.backends.kept import UntrustedFolderWarning, kept_folder

SOMEBODY = 12345  # the number of another user

needs_owners = pytest.mark.skipif(not hasattr(os, "chown"), reason="this system has no owners of files")
needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache of ours, with DPA2_CACHE pointing into it."""
    base = tmp_path / "cache" / "dpa2"
    monkeypatch.setenv("DPA2_CACHE", str(base))
    return base


def made(base):
    """The folder as the first process makes it."""
    folder = kept_folder()
    assert folder == base / "jax"
    return folder


@needs_owners
def test_a_fresh_folder_is_closed_to_others_whatever_the_umask(home):
    before = os.umask(0)
    try:
        folder = made(home)
    finally:
        os.umask(before)
    for path in (folder, home, home.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@needs_owners
def test_a_folder_of_ours_is_used_again_without_a_warning(home):
    (made(home) / "entry").write_text("")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept_folder() == home / "jax"


@needs_owners
@pytest.mark.parametrize("bit", [stat.S_IWGRP, stat.S_IWOTH])
@pytest.mark.parametrize("which", ["jax", ".", ".."])
def test_a_folder_that_others_may_write_to_is_refused(home, which, bit):
    made(home)
    (home / which).chmod(0o700 | bit)
    with pytest.warns(UntrustedFolderWarning, match="other users may write to .*DPA2_CACHE"):
        assert kept_folder() is None


@needs_owners
def test_a_sticky_folder_is_allowed_above_ours_and_not_as_ours(home):
    made(home)
    home.parent.chmod(0o1777)
    made(home)
    (home / "jax").chmod(0o1777)
    with pytest.warns(UntrustedFolderWarning, match="other users may write to"):
        assert kept_folder() is None


@needs_root
@pytest.mark.parametrize("which", ["jax/entry", "jax", ".", ".."])
def test_what_belongs_to_somebody_else_is_refused(home, which):
    (made(home) / "entry").write_text("machine code")
    os.chown(home / which, SOMEBODY, SOMEBODY)
    with pytest.warns(UntrustedFolderWarning, match="belongs to another user"):
        assert kept_folder() is None


@needs_owners
@pytest.mark.parametrize("which", ["jax/entry", "jax", "."])
def test_links_are_refused(home, which, tmp_path):
    folder, elsewhere = made(home), tmp_path / "elsewhere"
    (folder / "entry").write_text("machine code")
    (home / which).resolve().rename(elsewhere)
    (home if which == "." else home / which).symlink_to(elsewhere)
    with pytest.warns(UntrustedFolderWarning, match="link"):
        assert kept_folder() is None


def test_a_folder_that_cannot_be_made_is_reported_and_done_without(home):
    home.parent.parent.mkdir(exist_ok=True)
    home.parent.write_text("a file where the folder should be")
    with pytest.warns(UntrustedFolderWarning, match="cannot be made"):
        assert kept_folder() is None


def test_off_keeps_nothing(monkeypatch):
    monkeypatch.setenv("DPA2_CACHE", "off")
    assert kept_folder() is None


def test_without_a_home_nothing_is_kept_and_a_warning_says_so(monkeypatch):
    import pwd

    def unknown(number):
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME", "DPA2_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)  # as in a container whose user has a number and no name
    with pytest.warns(UntrustedFolderWarning, match="no home directory"):
        assert kept_folder() is None
