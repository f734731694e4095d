"""A file is written as a whole or not at all."""

from __future__ import annotations

import dataclasses
import os

import pytest
from checkpoints import DATA, base, legacy_checkpoint

from dpa2.errors import FormatError
from dpa2.serialization import Checkpoint, convert, read, write


def broken(*_, **__):
    raise OSError("no space left on device")


def half_written(path, data):
    with open(path, "wb") as file:
        file.write(data[: len(data) // 2])
    broken()


FAILURES = {"os.replace": broken, "os.fsync": broken, "pathlib.Path.write_bytes": half_written}


@pytest.mark.parametrize("suffix", [".dp", ".safetensors"])
@pytest.mark.parametrize("where", FAILURES)
def test_an_error_while_writing_leaves_the_old_file(where, suffix, tmp_path, monkeypatch):
    path = tmp_path / f"model{suffix}"
    write(base(), path)
    before = path.read_bytes()
    monkeypatch.setattr(where, FAILURES[where])
    for attempt in (
        lambda: write(legacy_checkpoint(), path),
        lambda: convert(DATA / "cases" / "strip.dp", path, overwrite=True),
    ):
        with pytest.raises(OSError, match="no space"):
            attempt()
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_error_while_encoding_touches_nothing(tmp_path):
    path = tmp_path / "model.dp"
    path.write_bytes(b"precious")
    with pytest.raises(FormatError):
        write(Checkpoint(base().config, {}), path)
    assert path.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["model.dp"]


def test_a_conversion_that_changes_the_model_never_takes_place(tmp_path, monkeypatch):
    real = read(DATA / "cases" / "base.dp")
    other = dataclasses.replace(real, weights=real.weights | {"bias": real.weights["bias"] + 1})
    monkeypatch.setattr("dpa2.serialization.files.read", lambda *_: other)  # what the written file reads back as
    with pytest.raises(FormatError, match="read back"):
        convert(DATA / "cases" / "base.dp", tmp_path / "model.yaml")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_a_written_file_has_ordinary_permissions(tmp_path):
    (tmp_path / "ordinary").touch()
    write(base(), tmp_path / "model.dp")
    assert (tmp_path / "model.dp").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
