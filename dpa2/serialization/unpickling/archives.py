"""ZIP archives of PyTorch: an index that is checked before anything is read, then slices of the file.

Source: sections 3.4, 4.1 and 5.1 of the description of formats.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from ...errors import FormatError
from ..budget import spend
from ..contents import MOST_EXPANSION

MOST_ENTRIES = 1_000_000  # of an archive; a checkpoint has one for each tensor
INDEXED, ENTRY = b"PK\x01\x02", 800  # signature of an entry in the index, and bytes that the library takes for one
LOCAL_HEADER = 30  # bytes before the name of an entry


class Archive:
    """The entries of an archive by name, without the folder that all of them are in."""

    def __init__(self, data: bytes):
        self.data = memoryview(data)
        count = data.count(INDEXED)
        spend(ENTRY * count, 10 * count)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                self.entries = checked(file.infolist(), len(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError) as error:
            raise FormatError(f"damaged or truncated ZIP archive ({error})") from error

    def find(self, ending: str) -> str | None:
        """The entry of that name in the root folder, or None; two of them are refused."""
        found = [name for name in self.entries if name.partition("/")[2] == ending]
        if len(found) > 1:
            raise FormatError(f"the archive has two entries {ending}: {' and '.join(found[:2])}", key=ending)
        return found[0] if found else None

    def read(self, name: str) -> memoryview | bytes:
        """The content of an entry; a slice of the file where it is stored as it is."""
        entry = self.entries.get(name)
        if entry is None:
            raise FormatError(f"entry {name} is missing from the archive", key=name)
        start = self.start(entry)
        packed = self.data[start : start + entry.compress_size]
        if len(packed) != entry.compress_size:
            raise FormatError(f"entry {name} ends after the end of the file", key=name)
        content = packed if entry.compress_type == zipfile.ZIP_STORED else inflate(packed, entry)
        if zlib.crc32(content) != entry.CRC:
            raise FormatError(f"entry {name} is damaged: its checksum differs", key=name)
        return content

    def start(self, entry: zipfile.ZipInfo) -> int:
        """Position of the content, which follows a header of its own; that must name the same entry."""
        header = bytes(self.data[entry.header_offset : entry.header_offset + LOCAL_HEADER])
        if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise FormatError(
                f"entry {entry.filename} has no header at the position that the index says", key=entry.filename
            )
        name, extra = (int.from_bytes(header[k : k + 2], "little") for k in (26, 28))
        start = entry.header_offset + LOCAL_HEADER
        if bytes(self.data[start : start + name]) != entry.orig_filename.encode():
            raise FormatError(f"entry {entry.filename} has another name in its own header", key=entry.filename)
        return start + name + extra


def checked(entries: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    """The entries by name: each of them once, in its own part of the file, and all no larger than it can hold."""
    found = {entry.filename: entry for entry in entries}
    if len(found) != len(entries) or len(entries) > MOST_ENTRIES:
        raise FormatError("the archive lists an entry twice, or too many entries")
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise FormatError(f"entry {entry.filename} overlaps another entry", key=entry.filename)
        end = entry.header_offset + LOCAL_HEADER + entry.compress_size
        require_plain(entry)
    if end > size or sum(entry.file_size for entry in entries) > MOST_EXPANSION * size:
        raise FormatError("the archive claims more data than a file of this size can hold")
    return found


def require_plain(entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that is encrypted, packed in an unusual way, or not of the size that it claims."""
    stored, deflated = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    lies = entry.compress_type == stored and entry.file_size != entry.compress_size
    if entry.compress_type not in (stored, deflated) or entry.flag_bits & 1 or lies:
        raise FormatError(f"entry {entry.filename} is encrypted, or packed in an unusual way", key=entry.filename)


def inflate(packed: memoryview, entry: zipfile.ZipInfo) -> bytes:
    """The content of a deflated entry, of exactly the size that it claims."""
    spend(entry.file_size)
    try:
        content = zlib.decompressobj(-15).decompress(packed, entry.file_size + 1)
    except zlib.error as error:
        raise FormatError(f"entry {entry.filename} is damaged ({error})", key=entry.filename) from error
    if len(content) != entry.file_size:
        raise FormatError(f"entry {entry.filename} is not of the size that it claims", key=entry.filename)
    return content
