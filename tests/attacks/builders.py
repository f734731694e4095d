"""Files that are built, one function for each format: a genuine model in which a part comes from a grammar."""

from __future__ import annotations

import io
import json
import pickle
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import h5py
import numpy as np

from dpa2.serialization.unpickling.old_archives import MAGIC, VERSION

from . import hdf5, programs, trees
from .archives import DEFLATED, LZMA, STORED, Entry, archive, deflated
from .genuine import contents
from .pickles import START, poisoned
from .tensors import packed

Genuine = dict[str, bytes]  # one model by suffix
FIELDS = ("size", "packed", "crc", "offset", "flags", "method", "content", "name")


def tree_of(data: bytes) -> dict:
    """The genuine tree in JSON."""
    return json.loads(data)


def json_file(random: Random, genuine: Genuine) -> bytes:
    return trees.json_text(random, trees.edited(random, tree_of(genuine[".json"])))


def yaml_file(random: Random, genuine: Genuine) -> bytes:
    return trees.yaml_text(random, trees.edited(random, tree_of(genuine[".json"])))


def exported(random: Random, genuine: Genuine) -> bytes:
    """An archive with a tree in JSON."""
    return entries_of(random, {"extra/model.json": json_file(random, genuine)})


def checkpoint(random: Random, genuine: Genuine, suffix: str = ".pt") -> bytes:
    """An archive of PyTorch with a value in its pickle, or with entries that lie."""
    if random.random() < 0.1:
        return old_checkpoint(random)
    found = contents(genuine[suffix])
    if random.random() < 0.7:
        found["data.pkl"] = program(random, found["data.pkl"])
    return entries_of(random, found)


def script(random: Random, genuine: Genuine) -> bytes:
    return checkpoint(random, genuine, ".pth")


def program(random: Random, genuine: bytes) -> bytes:
    """A pickle of random values, alone or hidden in a genuine one."""
    payload = programs.value(random)
    return poisoned(genuine, payload) if random.random() < 0.7 else START + payload + b"."


def paddle(random: Random, genuine: Genuine) -> bytes:
    return program(random, genuine[".pd"])


def old_checkpoint(random: Random) -> bytes:
    """A checkpoint of the time before archives: pickles one after another."""
    keys = [str(k) for k in range(random.randrange(3))]
    parts = (MAGIC, VERSION, {"little_endian": True}, None, keys)
    texts = [part if isinstance(part, bytes) else pickle.dumps(part, 2) for part in parts]
    texts[0] = b"\x80\x02" + MAGIC
    texts[3] = b"\x80\x02" + programs.value(random) + b"."
    return b"".join(texts) + (2).to_bytes(8, "little") + bytes(16)


def entries_of(random: Random, found: dict[str, bytes]) -> bytes:
    """An archive, in which now and then an entry lies about itself, is packed, or occurs often."""
    entries = [Entry(f"archive/{name}", content) for name, content in found.items()]
    if random.random() < 0.5:
        for _ in range(random.randint(1, 3)):
            place = random.randrange(len(entries))
            entries[place] = lying(random, entries[place])
    if random.random() < 0.2:
        entries += [Entry(f"archive/data/{k}x", b"") for k in range(trees.count(random) // 4)]
    number = random.choice((0, 1, 10**4)) if random.random() < 0.05 else None
    return archive(*entries, count=number)


def lying(random: Random, entry: Entry) -> Entry:
    """An entry that is packed, with other content, or with one wrong field."""
    if random.random() < 0.3:
        whole = (entry.content * random.choice((1, 10, 3 * 10**7 // (1 + len(entry.content)))))[
            : random.choice((10**6, 3 * 10**7))
        ]
        return replace(entry, content=deflated(whole, 1), method=DEFLATED, size=len(whole), crc=zlib.crc32(whole))
    numbers = (0, 1, 100, 2**16, 2**31, 2**32 - 1, len(entry.content))
    values = {
        "method": random.choice((STORED, DEFLATED, LZMA, 99)),
        "content": entry.content * random.choice((0, 2)),
        "flags": random.choice((1, 2, 8, 2**11)),
    }
    values["name"] = f"archive/{random.choice(('', '../x', 'data.pkl', 'data/1', 'constants.pkl', 'version'))}"
    field = random.choice(FIELDS)
    return replace(entry, **{field: values.get(field, random.choice(numbers))})


def native(random: Random, genuine: Genuine) -> bytes:
    """A safetensors file with other entries in its header, or with other notes."""
    data = genuine[".safetensors"]
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    if random.random() < 0.1:
        return packed(header, data[end:])  # the same in another spacing
    if random.random() < 0.5:
        notes, key = header["__metadata__"], random.choice(("config", "metadata"))
        notes[key] = trees.json_text(random, trees.edited(random, json.loads(notes[key]))).decode(errors="replace")
    else:
        header = trees.edited(random, header)
    if random.random() < 0.2 and isinstance(header, dict):
        header |= {f"t{k}": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]} for k in range(trees.count(random))}
    length = random.choice((0, 7, 2**20, 2**63)) if random.random() < 0.1 else None
    return packed(trees.json_text(random, header), data[end:], length)


def native_hdf5(random: Random, genuine: Genuine) -> bytes:
    """An HDF5 file with another tree in its attribute, or with another dataset."""
    buffer = io.BytesIO(genuine[".dp"])
    with h5py.File(buffer, "r+") as file:
        if random.random() < 0.5:
            text = trees.json_text(random, trees.edited(random, json.loads(file.attrs["json"])))
            file.attrs["json"] = text.decode(errors="replace").replace("\0", "")
        else:
            with_dataset(random, file, random.choice(list(file)))
    return buffer.getvalue()


def with_dataset(random: Random, file, name: str) -> None:
    """Put another dataset in the place of one."""
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    if random.random() < 0.4:
        return random.choice(list(hdf5.DATASETS.values()))(file, f"/{name}", Path("nowhere"))
    shape = random.choice((shape, (), (0,), (1, *shape), tuple(trees.count(random) for _ in range(2))))
    chunks = tuple(min(n, int(2 ** random.uniform(0, 12))) or 1 for n in shape) if shape and 0 not in shape else None
    pack = random.choice((None, "gzip", "lzf")) if chunks else None
    kind = random.choice((dtype, "f8", "f4", "f2", "i4", "S3", "V2", "?", ">f8"))
    made = file.create_dataset(
        name, shape, kind, chunks=chunks, compression=pack, shuffle=chunks and random.random() < 0.2
    )
    if made.size < 10**5 and made.dtype.kind == "f":
        made[...] = np.full(shape, random.choice(trees.REALS))


BUILDERS: dict[str, Callable[[Random, Genuine], bytes]] = {
    ".dp": native_hdf5,
    ".hlo": native_hdf5,
    ".yaml": yaml_file,
    ".json": json_file,
    ".pt": checkpoint,
    ".pth": script,
    ".pt2": exported,
    ".pd": paddle,
    ".safetensors": native,
}
