"""Damaged and misnamed files are refused by name."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from checkpoints import DATA, SUFFIXES, known
from drawn_configurations import flags
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpa2.errors import DPA2Error, FormatError, UnsupportedModel
from dpa2.serialization import read, write
from dpa2.serialization.tree.native_tree import checkpoint_to_tree, tree_to_checkpoint


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A small model in every container."""
    folder, checkpoint = tmp_path_factory.mktemp("files"), read(DATA / "cases" / "one_layer.dp")
    for suffix in SUFFIXES:
        write(checkpoint, folder / f"model{suffix}")
    return {suffix: (folder / f"model{suffix}").read_bytes() for suffix in SUFFIXES}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_named(suffix, files, tmp_path):
    path, data = tmp_path / f"model{suffix}", files[suffix]
    whole = len(data) if suffix != ".yaml" else data.index(b"\nmodel_def_script")  # only notes come behind
    cuts = {0, 1, 7, 8, 9, 100, *range(0, whole, whole // (8 if suffix == ".yaml" else 40)), whole - 1}
    for cut in cuts:
        path.write_bytes(data[:cut])
        with pytest.raises(FormatError) as caught:
            read(path)
        assert caught.value.file == str(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_garbage_is_named(tmp_path_factory, suffix, garbage):
    path = tmp_path_factory.mktemp("garbage") / f"model{suffix}"
    path.write_bytes(garbage)
    with pytest.raises(FormatError):
        read(path)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bytes_are_named_or_harmless(tmp_path_factory, files, suffix, data):
    damaged = bytearray(files[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / f"model{suffix}"
    path.write_bytes(damaged)
    try:
        read(path)
    except (FormatError, UnsupportedModel) as error:
        assert error.file == str(path)  # noqa: PT017 (it may as well be read)


scraps = st.recursive(
    st.none() | flags | st.integers() | st.floats() | st.text(max_size=5) | st.just(np.zeros((2, 2))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def ways(node, way=()):
    """The way to everything in a tree."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*way, key)
        yield from ways(child, (*way, key))


ONE_LAYER = checkpoint_to_tree(known(DATA / "cases" / "one_layer.dp"))


@given(st.sampled_from(list(ways(ONE_LAYER))), scraps)
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_tree_is_named_or_harmless(way, scrap):
    node = tree = copy.deepcopy(ONE_LAYER)
    for key in way[:-1]:
        node = node[key]
    node[way[-1]] = scrap
    try:
        tree_to_checkpoint(tree)
    except DPA2Error as error:
        assert str(error)  # noqa: PT017 (it may as well be read)


def test_name_and_content_must_agree(files, tmp_path):
    for suffix, other in ((".dp", ".yaml"), (".yaml", ".safetensors"), (".json", ".dp"), (".safetensors", ".json")):
        path = tmp_path / f"model{suffix}"
        path.write_bytes(files[other])
        with pytest.raises(FormatError, match="misnamed"):
            read(path)


def test_a_name_without_a_known_suffix_leaves_it_to_the_content(files, tmp_path):
    for suffix, data in files.items():
        path = tmp_path / f"model{suffix}.backup"
        path.write_bytes(data)
        assert read(path).digest() == read(DATA / "cases" / "one_layer.dp").digest()
