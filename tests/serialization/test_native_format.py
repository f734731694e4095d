"""The native format is what its description says, to the byte."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from checkpoints import DATA, SAMPLES, SUFFIXES, base, known

from dpa2 import config as c
from dpa2.errors import FormatError, InputError, UnsupportedModel
from dpa2.serialization import Checkpoint, read, write


def native(tmp_path: Path, edit=lambda header: None, checkpoint: Checkpoint | None = None) -> Path:
    """A native file with an edited header."""
    path = tmp_path / "model.safetensors"
    write(checkpoint or base(), path)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    edit(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
    return path


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path):
    for suffix in SUFFIXES:
        for name in ("a", "b"):
            write(base(), tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_the_order_of_tensors_and_notes_does_not_matter(tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    turned = [dict(reversed(d.items())) for d in (checkpoint.weights, checkpoint.metadata)]
    write(checkpoint, tmp_path / "a.safetensors")
    write(Checkpoint(checkpoint.config, *turned), tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_any_safetensors_library_reads_the_tensors(tmp_path):
    from safetensors.numpy import load_file

    write(base(), tmp_path / "model.safetensors")
    loaded = load_file(tmp_path / "model.safetensors")
    assert loaded.keys() == base().weights.keys()
    for name, array in base().weights.items():
        assert loaded[name].tobytes() == array.tobytes()


def test_the_reader_in_the_description_works(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "native-format.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], names)
    for case in ("base", "float32"):
        checkpoint = known(DATA / "cases" / f"{case}.dp")
        write(checkpoint, tmp_path / "model.safetensors")
        config, tensors = names["load"](tmp_path / "model.safetensors")
        assert c.DPA2Config.from_dict(config) == checkpoint.config
        assert tensors.keys() == checkpoint.weights.keys()


def test_the_description_names_every_setting():
    page = (Path(__file__).parents[2] / "docs" / "native-format.md").read_text()
    for section in (c.DPA2Config, c.Repinit, c.Compression, c.NeighborAttention, c.ThreeBody, c.Repformer, c.Fitting,
                    c.Property, c.Dos, c.Polarizability):  # fmt: skip
        for field in dataclasses.fields(section):
            assert f"`{field.name}`" in page


def test_a_native_file_with_other_numbers_is_refused(tmp_path):
    path = native(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="digest"):
        read(path)


NATIVE_EDITS = {
    "is newer": lambda h: h["__metadata__"].update(version="2"),
    "is not a version number": lambda h: h["__metadata__"].update(version="one"),
    "does not say format = dpa2": lambda h: h["__metadata__"].update(format="pt"),
    "of something else": lambda h: h.pop("__metadata__"),
    "digest": lambda h: h["__metadata__"].pop("digest"),
    "config is missing": lambda h: h["__metadata__"].pop("config"),
    "not valid JSON": lambda h: h["__metadata__"].update(config="{"),
    "not a JSON object": lambda h: h["__metadata__"].update(metadata="[]"),
    "types": lambda h: h["__metadata__"].update(config="{}"),
    "belongs to no part": lambda h: h.update({"surplus": h.pop("bias")}),
    "F64": lambda h: h["bias"].update(dtype="I64"),
    "too few": lambda h: edit_config(h, layers=1000),
    "must lie in": lambda h: edit_config(h, layers=1001),
    "whole number": lambda h: edit_config(h, layers="3"),
    "is no setting": lambda h: edit_config(h, levels=3),
}


def edit_config(header: dict, **repformer):
    config = json.loads(header["__metadata__"]["config"])
    config["repformer"].update(repformer)
    header["__metadata__"]["config"] = json.dumps(config)


@pytest.mark.parametrize("message", NATIVE_EDITS)
def test_a_native_file_is_refused_that(message, tmp_path):
    path = native(tmp_path, NATIVE_EDITS[message])
    with pytest.raises((FormatError, UnsupportedModel), match=message) as caught:
        read(path)
    assert caught.value.file == str(path)


def test_newer_and_foreign_native_files_are_genuine_but_unsupported(tmp_path):
    for message in ("is newer", "of something else"):
        with pytest.raises(UnsupportedModel):
            read(native(tmp_path, NATIVE_EDITS[message]))


def test_notes_must_be_plain_json(tmp_path):
    for notes in ({"when": np.float64}, {"x": float("nan")}):
        with pytest.raises(InputError, match="metadata"):
            write(dataclasses.replace(base(), metadata=notes), tmp_path / "model.safetensors")
