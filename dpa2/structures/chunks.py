"""Limits of the chunks of an HDF5 dataset: a compressed one can unpack to far more than the dataset holds."""

from __future__ import annotations

import math
import zlib

from ..errors import FormatError


def count_of_chunks(dataset) -> int:
    """Return how many chunks a dataset has, stored or not; 0 for one that is not in chunks."""
    sizes = zip(dataset.shape, dataset.chunks or (), strict=False)
    return math.prod(-(-n // step) for n, step in sizes) if dataset.chunks else 0


def require_chunks_fit(dataset, name: str, most: int) -> None:
    """Refuse chunks of more than `most` bytes, or that hold more numbers than the dataset; they are unpacked to see."""
    from h5py import h5z

    if dataset.chunks is None:
        return
    settings, size = dataset.id.get_create_plist(), dataset.dtype.itemsize * math.prod(dataset.chunks)
    filters = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
    known = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
    if size > most or not set(filters) <= known or len(filters) > len(set(filters)):
        raise FormatError(
            f"dataset {name} has chunks that are too large for the file, or packed in an unusual way", key=name
        )
    for place in places_of_chunks(dataset) if h5z.FILTER_DEFLATE in filters else ():
        _, packed = dataset.id.read_direct_chunk(place)
        if len(unpack(packed, name, size + 5)) > size + 4:  # four bytes of checksum
            raise FormatError(f"dataset {name} has a chunk that unpacks to more than its size", key=name)


def places_of_chunks(dataset) -> list[tuple]:
    """The positions of all chunks that are stored, found in one pass: the library looks for each from the first on."""
    found: list[tuple] = []
    dataset.id.chunk_iter(lambda info: found.append(info.chunk_offset))
    return found


def unpack(packed: bytes, name: str, limit: int) -> bytes:
    """At most `limit` bytes of the unpacked content."""
    try:
        return zlib.decompressobj().decompress(packed, limit)
    except zlib.error as error:
        raise FormatError(f"dataset {name} has a damaged chunk ({error})", key=name) from error
