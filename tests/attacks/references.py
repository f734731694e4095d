"""Small files that ask for much: by references, by objects of a parser for each byte, and by settings without end."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator

import h5py
import numpy as np

from .archives import DEFLATED, Entry, archive, deflated, torch_archive
from .genuine import contents
from .pickles import START, call, dict_of, name, number, poisoned, text, tuple_of
from .tensors import packed, tensor

AGAIN = b"h\xc8"  # the value that was put there
ALIKE = 2**61 - 1  # whose multiples have one hash


def pickled() -> Iterator[tuple[str, bytes]]:
    """Values that the memo hands out again and again, each time copied, searched, or written out."""
    pairs = b"](" + b"".join(tuple_of(text(f"{k}"), b"N") for k in range(2000)) + b"e"
    ordered, long = name("collections", "OrderedDict"), text("x" * 100_000)
    yield "again-ordered", dict_of(a=memory_list(pairs, (ordered + AGAIN + b"\x85R") * 4000))
    yield "again-tuple", dict_of(a=memory_list(pairs, (name("builtins", "tuple") + AGAIN + b"\x85R") * 4000))
    yield "again-codecs", dict_of(a=memory_list(long, call("_codecs", "encode", AGAIN, text("latin1")) * 3000))
    whole = b"\x8b" + struct.pack("<i", 100_000) + bytes(99_999) + b"\x01"
    yield "keys-alike", b"}(" + b"".join(number(k * ALIKE) + b"N" for k in range(60_000)) + b"u"
    yield "again-long-numbers", dict_of(a=memory_list(whole, AGAIN * 10_000))


def shared() -> Iterator[tuple[str, bytes]]:
    """Whole checkpoints in which many entries are one value, which is searched for each of them."""
    state = b"}(" + b"".join(text(f"n{k}") + b"N" for k in range(10_000)) + b"u"
    many = b"".join(text(f"a{k}") + AGAIN for k in range(60_000))
    yield "states-again", b"}(" + text("a") + state + b"q\xc8" + many + b"u"
    names = b"](" + b"".join(text(f"n{k}") for k in range(10_000)) + b"e"
    first = text("h") + dict_of(model_branch_alias=names + b"q\xc8")
    heads = b"".join(text(f"h{k}") + dict_of(model_branch_alias=AGAIN) for k in range(20_000))
    script = dict_of(model_dict=b"}(" + first + heads + b"u")
    yield "aliases-again", dict_of(model=dict_of(_extra_state=dict_of(model_params=script)))


def memory_list(first: bytes, items: bytes) -> bytes:
    """A list of items that repeat the first."""
    return b"](" + first + b"q\xc8" + items + b"e"


def modules(depth: int = 45) -> bytes:
    """Modules within modules, each of which holds the one below twice."""
    make = name("__torch__.M", "M") + b")\x81"
    below = make
    for k in range(depth):
        again = text("b") + b"h" + bytes([k])
        below = make + b"}(" + text("a") + below + b"q" + bytes([k]) + again + b"ub"
    return below


def archives(genuine: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    entries = contents(genuine[".pt"])
    for what, payload in pickled():
        yield f"{what}.pt", torch_archive(entries | {"data.pkl": poisoned(entries["data.pkl"], payload)})
        yield f"{what}.pd", poisoned(genuine[".pd"], payload)
    for what, payload in shared():
        yield f"{what}.pd", START + payload + b"."
    script = b"}(" + text("model_def_script") + text("{}") + text("m") + modules() + b"ub."
    program = START + name("__torch__.Root", "Root") + b")\x81" + script
    yield "modules-that-double.pth", torch_archive({"data.pkl": program, "constants.pkl": b"\x80\x02)."})
    yield "entries-without-end.pt", archive(*(Entry(f"a/{k}", b"") for k in range(200_000)))
    half = 400 * 2**20
    noise = np.random.default_rng(0).bytes(9 * 2**20)
    inflated = Entry("archive/data.pkl", deflated(bytes(half)), DEFLATED, half, crc=zlib.crc32(bytes(half)))
    yield "zeros-within-the-ratio.pt", archive(inflated, Entry("archive/data/0", noise))


def headers() -> Iterator[tuple[str, bytes]]:
    notes = {"__metadata__": {"format": "dpa2", "version": "1", "config": "{}", "metadata": "{}", "digest": "sha256:"}}
    yield "tensors-a-million.safetensors", packed(notes | {f"t{k}": tensor([0], 16, 16) for k in range(1_000_000)})


def texts(genuine: bytes) -> Iterator[tuple[str, bytes]]:
    """Values of two or three bytes, of which each becomes an object."""
    tree = json.loads(genuine)
    tree["model"]["fitting"]["neuron"] = [1] * 1_000_000
    yield "widths-a-million.json", json.dumps(tree).encode()
    for what, item in {"lists": "[],", "dictionaries": "{a: b},", "words": "ab,", "deep-lists": "[[[[]]]],"}.items():
        yield f"short-{what}.yaml", ("model: [" + item * (3_000_000 // len(item)) + "]").encode()
    for what, item in {"lists": "[],", "dictionaries": "{},", "words": '"a",', "numbers": "1.,"}.items():
        yield f"short-{what}.json", ('{"model": [' + item.replace("1.", "1.5") * 1_000_000 + "1]}").encode()
    alike = ", ".join(f"{k * ALIKE}: 1" for k in range(40_000))
    yield "keys-alike.yaml", f"model: {{{alike}}}".encode()
    long = "x" * 200_000
    aliases = "model_def_script: {a: &a " + long + ", b: [" + "*a, " * 40_000 + "]}\n"
    yield "words-again.yaml", aliases.encode()
    yield "long-paths.json", (f'{{"{"k" * 30_000}":' * 90 + "1" + "}" * 90).encode()


def hdf5() -> Iterator[tuple[str, bytes]]:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        dataset = file.create_dataset("x", shape=(100_000,), dtype="f8", chunks=(1,), compression="gzip")
        dataset[:20_000] = 1.0
        file.attrs["json"] = json.dumps({"model": {"@variables": {"out_bias": "/x"}}})
    yield "chunks-without-end.dp", buffer.getvalue()


def files(genuine: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    yield from archives(genuine)
    yield from headers()
    yield from texts(genuine[".json"])
    yield from hdf5()
