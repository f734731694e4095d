"""A format is known by what it declares, wherever it stands in the table."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpa2.errors import FormatError, InputError, UnsupportedModel
from dpa2.serialization import Checkpoint, contents, convert, read, write
from dpa2.serialization.contents import Contents
from dpa2.serialization.formats import table
from dpa2.serialization.formats.container import Container, no_reader, no_writer

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
TINY = sorted(SAMPLES.glob("dpa2_tiny.*"))
MAGIC = b"MADE UP\n"
KNOWN = table.CONTAINERS


def write_made_up(checkpoint: Checkpoint, path: Path):
    """A format whose file says the name of another one."""
    write(checkpoint, path.with_suffix(".safetensors"))
    path.write_bytes(MAGIC + path.with_suffix(".safetensors").read_bytes())


def read_made_up(path: Path) -> Contents:
    inside = path.with_name("inside.safetensors")
    inside.write_bytes(path.read_bytes().removeprefix(MAGIC))
    return Contents.single("made up", read(inside))


MADE_UP = Container(
    "made up",
    (".made",),
    lambda data: data.startswith(MAGIC),
    read=read_made_up,
    write=write_made_up,
    written=(".made",),
)


def shuffled(seed: int) -> tuple[Container, ...]:
    return tuple(random.Random(seed).sample([*KNOWN, MADE_UP], len(KNOWN) + 1))


TABLES = {
    "as it is": KNOWN,
    "turned round": KNOWN[::-1],
    "one more at the end": (*KNOWN, MADE_UP),
    "one more at the front": (MADE_UP, *KNOWN),
    **{f"shuffled {seed}": shuffled(seed) for seed in range(3)},
}


@pytest.fixture(params=TABLES)
def formats(request, monkeypatch) -> tuple[Container, ...]:
    """The table in some order, with or without one more format."""
    monkeypatch.setattr(table, "CONTAINERS", TABLES[request.param])
    return TABLES[request.param]


def test_every_format_is_read_in_any_order(formats):
    digest = read(SAMPLES / "dpa2_tiny.dp").digest()
    for path in TINY:
        if path.suffix != ".jax" or has_tensorstore():
            assert read(path).digest() == digest, path.name


def has_tensorstore() -> bool:
    from importlib.util import find_spec

    return find_spec("tensorstore") is not None


def test_every_format_is_written_in_any_order(formats, tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    for container in formats:
        for suffix in container.written:
            if suffix != ".jax" or has_tensorstore():
                write(checkpoint, tmp_path / f"model{suffix}")
                found = contents(tmp_path / f"model{suffix}")
                assert found.model(None).digest() == checkpoint.digest(), suffix


def test_every_refusal_is_the_same_in_any_order(formats, tmp_path):
    for container in KNOWN:
        for suffix, command in container.made_by.items():
            with pytest.raises(InputError, match=command):
                convert(SAMPLES / "dpa2_tiny.dp", tmp_path / f"model{suffix}")
        for suffix in container.suffixes if container.why_not_read else ():
            with pytest.raises(UnsupportedModel, match=container.why_not_read):
                read(tmp_path / f"model{suffix}")


def test_one_more_format_is_read_and_written(monkeypatch, tmp_path):
    monkeypatch.setattr(table, "CONTAINERS", (*KNOWN, MADE_UP))
    digest = convert(SAMPLES / "dpa2_tiny.dp", tmp_path / "model.made")
    assert contents(tmp_path / "model.made").format == "made up"
    (tmp_path / "model.made").rename(tmp_path / "model")  # the content alone says it, though it is a text too
    assert read(tmp_path / "model").digest() == digest


def test_content_of_two_formats_is_refused_unless_the_name_decides(monkeypatch, tmp_path):
    other = Container("another", (".other",), MADE_UP.recognize, read=read_made_up)
    monkeypatch.setattr(table, "CONTAINERS", (other, *KNOWN, MADE_UP))
    write(read(SAMPLES / "dpa2_tiny.dp"), tmp_path / "model.made")
    assert contents(tmp_path / "model.made").format == "made up"
    (tmp_path / "model.made").rename(tmp_path / "model")
    with pytest.raises(FormatError, match="another and made up"):
        read(tmp_path / "model")


def test_no_suffix_belongs_to_two_formats():
    suffixes = [suffix for container in KNOWN for suffix in container.suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize("container", KNOWN, ids=lambda c: c.name)
def test_every_suffix_is_written_or_its_absence_is_explained(container):
    explained = set(container.written) | set(container.made_by)
    assert explained == (set() if container.why_not_read else set(container.suffixes))
    assert bool(container.why_not_read) == (container.read is no_reader)
    assert bool(container.written) == (container.write is not no_writer)


def beginnings():
    """Bytes with which some format begins, and any others behind them."""
    starts = (b"", b"{", b" {", b"\x80\x02", b"\x80\x04\x95", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n")
    lengths = st.integers(0, 2**32).map(lambda n: n.to_bytes(8, "little") + b"{")
    return st.tuples(st.sampled_from(starts) | lengths, st.binary(max_size=20)).map(b"".join)


@given(beginnings())
@example((0x017B).to_bytes(8, "little") + b"{")  # a header of safetensors, whose length begins with a brace
@example((0x0280).to_bytes(8, "little") + b"{")  # and one whose length begins like a pickle
@example(int.from_bytes(b"PK\x03\x04", "little").to_bytes(8, "little") + b"{")  # and like an archive
def test_no_content_looks_like_two_formats(data):
    strict = [c for c in KNOWN if not c.directory and not c.last_resort]
    assert not [(a.name, b.name) for a, b in combinations(strict, 2) if a.recognize(data) and b.recognize(data)]


@pytest.mark.parametrize("length", [0x01007B, 0x010280])
def test_a_header_whose_length_begins_like_another_format_is_read_by_its_content(length, tmp_path):
    """With the byte of a brace, as JSON, or with those of a pickle."""
    write(read(SAMPLES / "dpa2_tiny.dp"), tmp_path / "model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    (tmp_path / "model").write_bytes(length.to_bytes(8, "little") + data[8:end].ljust(length) + data[end:])
    assert read(tmp_path / "model").digest() == read(SAMPLES / "dpa2_tiny.dp").digest()
