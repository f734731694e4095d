"""Hostile ZIP archives, of which every field can be a lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from .genuine import contents

STORED, DEFLATED, LZMA = 0, 8, 14
BOMB = 256 * 2**20  # more than a small file may take in memory


@dataclass(frozen=True)
class Entry:
    """One file of an archive; what is None is told truthfully."""

    name: str
    content: bytes
    method: int = STORED
    size: int | None = None
    packed: int | None = None
    crc: int | None = None
    offset: int | None = None  # of the local header
    local_name: str | None = None
    flags: int = 0
    attributes: int = 0


def archive(*entries: Entry, count: int | None = None, directory: int | None = None) -> bytes:
    """The bytes of an archive of those entries, in order."""
    body, listing = bytearray(), bytearray()
    for entry in entries:
        offset = len(body) if entry.offset is None else entry.offset
        body += header(entry, b"PK\x03\x04", entry.local_name or entry.name) + entry.content
        listing += header(entry, b"PK\x01\x02", entry.name, offset)
    start = len(body) if directory is None else directory
    number = min(len(entries) if count is None else count, 0xFFFF)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, number, number, len(listing), start, 0)
    return bytes(body + listing + end)


def header(entry: Entry, magic: bytes, name: str, offset: int | None = None) -> bytes:
    """The local header, or with an offset that of the directory."""
    encoded = name.encode()
    size = len(entry.content) if entry.size is None else entry.size
    packed = len(entry.content) if entry.packed is None else entry.packed
    crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
    common = struct.pack("<HHHHHIII", 20, entry.flags, entry.method, 0, 33, crc, packed, size)
    if offset is None:
        return magic + common + struct.pack("<HH", len(encoded), 0) + encoded
    rest = struct.pack("<HHHHHII", len(encoded), 0, 0, 0, 0, entry.attributes, offset)
    return magic + struct.pack("<H", 20) + common + rest + encoded


def torch_archive(contents: dict[str, bytes], root: str = "archive") -> bytes:
    """An archive as PyTorch writes them."""
    return archive(*(Entry(f"{root}/{name}", content) for name, content in contents.items()))


def bomb(name: str) -> Entry:
    """Zeros, a thousand times smaller."""
    content, crc = packed_zeros()
    return Entry(name, content, DEFLATED, BOMB, crc=crc)


@cache
def packed_zeros() -> tuple[bytes, int]:
    """A deflated stream of zeros, and their checksum."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (BOMB // 2**20) + packer.flush(), zlib.crc32(bytes(BOMB))


def deflated(content: bytes, level: int = 9) -> bytes:
    """A deflated stream."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def parts(genuine: bytes) -> tuple[Entry, list[Entry]]:
    """A checkpoint that can be read: its pickle, and the other entries, of which the first is a storage."""
    found = {name: Entry(f"archive/{name}", content) for name, content in contents(genuine).items()}
    pickle, first = found.pop("data.pkl"), found.pop("data/3")
    return pickle, [first, *found.values()]


def variants(genuine: bytes) -> Iterator[tuple[str, bytes]]:
    pickle, (record, *rest) = parts(genuine)

    def changed(**changes) -> bytes:
        return archive(replace(pickle, **changes), record, *rest)

    yield "empty", b"PK\x05\x06" + bytes(18)
    yield "bomb-in-pickle", archive(bomb(pickle.name), record, *rest)
    yield "bomb-in-storage", archive(pickle, bomb(record.name), *rest)
    yield "bomb-beside", archive(pickle, record, *rest, bomb("archive/data/99"))
    yield "bomb-that-says-it-is-small", archive(replace(bomb(pickle.name), size=100), record, *rest)
    yield "stored-and-said-to-be-huge", changed(size=2**31)
    yield "packed-size-past-the-end", changed(packed=2**31, size=2**31)
    yield "wrong-checksum", changed(crc=1)
    yield "twice-the-same-name", archive(pickle, replace(pickle, content=b"\x80\x02}."), record, *rest)
    yield "two-roots", archive(pickle, record, *rest, Entry("other/data.pkl", b"\x80\x02}."))
    yield "two-roots-of-one-length", archive(pickle, record, *rest, Entry("brchive/data.pkl", b"\x80\x02}."))
    yield "two-entries-of-one-place", archive(pickle, replace(record, offset=0), *rest)
    yield "entries-that-overlap", archive(pickle, replace(record, size=200, packed=200), *rest)
    yield "entry-inside-another", quoted(pickle, record, rest)
    yield "offset-past-the-end", changed(offset=2**31)
    yield "directory-past-the-end", archive(pickle, record, *rest, directory=2**31)
    yield "directory-at-the-start", archive(pickle, record, *rest, directory=0)
    yield "counts-more-than-there-are", archive(pickle, record, *rest, count=60_000)
    yield "local-name-differs", changed(local_name="archive/data.pk2")
    yield "encrypted", changed(flags=1)
    yield "unknown-method", changed(method=99)
    yield "lzma", changed(method=LZMA)
    yield "deflated-garbage", changed(method=DEFLATED)
    yield "symbolic-link", changed(attributes=0o120777 << 16, content=b"/etc/passwd")
    for what, name in {
        "parent": "../../canary", "absolute": "/etc/passwd", "backslash": "..\\canary", "drive": "C:\\canary",
        "nul": "archive/data/3\0.txt", "empty": "", "folder": "archive/data/3/",
    }.items():  # fmt: skip
        yield f"named-{what}", archive(pickle, replace(record, name=name), *rest)
    yield "named-parent-beside", archive(pickle, record, *rest, Entry("../../canary", b"x"))
    yield "many-entries", archive(pickle, record, *rest, *(Entry(f"archive/more/{k}", b"") for k in range(60_000)))
    yield "byteorder-of-nobody", torch_archive(contents(genuine) | {"byteorder": b"middle"})
    yield "no-pickle", archive(record, *rest)
    yield "storage-too-short", archive(pickle, replace(record, content=record.content[:-1]), *rest)
    yield "storage-missing", archive(pickle, *rest)


def quoted(pickle: Entry, record: Entry, rest: list[Entry]) -> bytes:
    """An entry's content is another entry, header and all."""
    outer = Entry("archive/more", header(record, b"PK\x03\x04", record.name) + record.content)
    return archive(outer, replace(record, offset=len(header(outer, b"PK\x03\x04", outer.name))), pickle, *rest)


def exported() -> Iterator[tuple[str, bytes]]:
    """Archives with a tree in JSON."""
    name = "model/extra/model.json"
    yield "json-bomb", archive(bomb(name))
    yield "json-twice", archive(Entry(name, b"{}"), Entry(name, b'{"model": {}}'))
    yield "json-in-two-places", archive(Entry(name, b"{}"), Entry("other/extra/model.json", b"{}"))
    yield "json-deep", archive(Entry(name, b'{"model":' + b"[" * 200_000))
    yield "json-elsewhere", archive(Entry("../extra/model.json", b"{}"))
    yield "json-damaged", archive(Entry(name, b"{"))


def files(genuine: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for what, content in variants(genuine[".pt"]):
        yield f"zip-{what}.pt", content
    for what, content in exported():
        for suffix in (".pt2", ".pte"):
            yield f"zip-{what}{suffix}", content
