"""`FILE#HEAD`: one task head, wherever a model file is named."""

from __future__ import annotations

import shutil

import pytest

import dpa2
from dpa2 import demo
from dpa2.serialization import read


def test_a_head_is_named_behind_its_file_in_the_library(heads, tmp_path):
    digest = dpa2.load(demo.MODEL).checkpoint().digest()
    assert dpa2.load(f"{heads}#ice").checkpoint().digest() == digest
    assert read(f"{heads}#ice").digest() == digest
    assert dpa2.convert(f"{heads}#ice", tmp_path / "ice.dp") == digest
    assert dpa2.load(f"{heads}#ice", head="ice").checkpoint().digest() == digest


def test_two_heads_at_once_are_refused(heads):
    with pytest.raises(dpa2.InputError, match="another head") as refused:
        dpa2.load(f"{heads}#ice", head="water")
    assert refused.value.argument == "head"


def test_a_message_says_how_a_head_is_named(heads):
    for name in (heads, f"{heads}#steam"):
        with pytest.raises(dpa2.InputError, match=r"FILE#ice; choose one of: ice, water"):
            dpa2.load(name)


@pytest.mark.parametrize("name", ["a#b.dp", "#.dp", "a.dp#ice"])
def test_a_file_with_a_number_sign_in_its_own_name_opens(name, tmp_path):
    shutil.copy(demo.MODEL, tmp_path / "a.dp")
    shutil.copy(demo.MODEL, tmp_path / name)
    assert dpa2.load(tmp_path / name).type_map == ("O", "H")


def test_a_head_of_a_file_with_a_number_sign_in_its_name_is_found(heads, tmp_path):
    shutil.copy(heads, tmp_path / "a#b.pd")
    assert dpa2.load(f"{tmp_path / 'a#b.pd'}#ice").type_map == ("O", "H")


def test_a_file_that_is_not_there_is_named_as_it_was_given(tmp_path):
    with pytest.raises(dpa2.FileMissing, match=r"nowhere\.pt#ice: there is no such file"):
        dpa2.load(tmp_path / "nowhere.pt#ice")


@pytest.mark.parametrize("text", ["# Title: [x](y)\n\n*text*\n", "a: b: c\n", "- one\n  two: {\n"])
def test_a_text_that_is_no_yaml_by_its_name_is_no_damaged_yaml(text, tmp_path):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(dpa2.FormatError, match="is no model file: a text"):
        dpa2.load(tmp_path / "README.md")
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(dpa2.FormatError, match="YAML"):
        dpa2.load(tmp_path / "model.yaml")
