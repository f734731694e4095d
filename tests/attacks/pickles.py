"""Hostile pickles, assembled opcode by opcode, as the three kinds of file that carry one."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator

from .archives import torch_archive
from .genuine import contents

CANARY = "canary"  # what a payload that runs would leave behind
COMMAND = f"touch {CANARY}"
START, MARK = b"\x80\x04", b"("


def text(words: str) -> bytes:
    return b"X" + struct.pack("<I", len(words.encode())) + words.encode()


def number(value: int) -> bytes:
    """LONG1, whatever the size."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    """GLOBAL"""
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    return MARK + b"".join(items) + b"t"


def dict_of(**items: bytes) -> bytes:
    return b"}" + MARK + b"".join(text(key) + value for key, value in items.items()) + b"u"


def plain(value) -> bytes:
    """Ordinary values, without the frame around them."""
    return pickle.dumps(value, protocol=2)[2:-1]


def call(module: str, attribute: str, *arguments: bytes) -> bytes:
    return name(module, attribute) + tuple_of(*arguments) + b"R"


def calls() -> Iterator[tuple[str, bytes]]:
    """Every opcode that makes a naive reader call something."""
    command, system = text(COMMAND), name("os", "system")
    yield "reduce", system + tuple_of(command) + b"R"
    yield "reduce-posix", call("posix", "system", command)
    yield "reduce-exec", call("builtins", "exec", text(f"open({CANARY!r}, 'w')"))
    yield "reduce-eval-python2", call("__builtin__", "eval", text(f"open({CANARY!r}, 'w')"))
    yield "reduce-open", call("io", "open", text(CANARY), text("w"))
    yield "reduce-subprocess", call("subprocess", "check_output", plain(["touch", CANARY]))
    yield "reduce-getattr", call("builtins", "getattr", call("builtins", "__import__", text("os")), text("system"))
    yield "reduce-partial", call("functools", "partial", system, command) + b")R"
    yield "reduce-pickle", call("pickle", "loads", plain(START + system + tuple_of(command) + b"R."))
    yield "reduce-socket", call("socket", "create_connection", plain(("127.0.0.1", 9)))
    yield "reduce-torch-load", call("torch.serialization", "load", command)
    yield "reduce-torch-hub", call("torch.hub", "load", command, command)
    yield "reduce-numpy-load", call("numpy", "load", command)
    yield "reduce-import", call("importlib", "import_module", text("antigravity"))
    yield "reduce-codecs", call("_codecs", "encode", text(COMMAND), text("rot13"))
    yield "reduce-type-tag", call("torch.jit._pickle", "restore_type_tag", call("os", "system", command), text("x"))
    yield "global-alone", name("os", "system")
    yield "global-dotted", name("collections", "OrderedDict.fromkeys") + tuple_of(command) + b"R"
    yield "stack-global", text("os") + text("system") + b"\x93" + tuple_of(command) + b"R"
    yield "stack-global-of-numbers", number(1) + number(2) + b"\x93"
    yield "inst", MARK + command + b"ios\nsystem\n"
    yield "obj", MARK + system + command + b"o"
    yield "newobj", name("subprocess", "Popen") + tuple_of(command) + b"\x81"
    yield "newobj-ex", name("subprocess", "Popen") + tuple_of(command) + dict_of(shell=b"\x88") + b"\x92"
    yield (
        "build-setstate",
        name("__torch__.Evil", "Evil") + b")\x81" + dict_of(__setstate__=system) + b"b" + plain(1) + b"b",
    )
    yield "build-class", name("collections", "OrderedDict") + b")R" + dict_of(__class__=system) + b"b"
    yield "build-slots", name("__torch__", "M") + b")\x81" + tuple_of(b"N", dict_of(__dict__=plain({"a": 1}))) + b"b"
    yield "reduce-inert-object", name("__torch__", "M") + b")\x81" + tuple_of(command) + b"R"
    yield "ext1", b"\x82\x01"
    yield "ext4", b"\x84\xff\xff\xff\x7f"
    yield "persistent-words", b"Pos.system\n"
    yield "persistent-number", number(3) + b"Q"
    yield "persistent-module", tuple_of(text("module"), system, text("a.py"), text(COMMAND)) + b"Q"
    yield (
        "persistent-storage-of-a-function",
        tuple_of(text("storage"), system, text("0"), text("cpu"), number(1)) + b"Q",
    )
    yield "persistent-storage-elsewhere", storage("../../../../etc/passwd", 1)
    yield "persistent-storage-nowhere", storage("99", 1)
    yield "persistent-storage-too-large", storage("0", 2**62)
    yield "persistent-storage-negative", storage("0", -1)


def storage(key: str, count: int, kind: str = "DoubleStorage") -> bytes:
    return tuple_of(text("storage"), name("torch", kind), text(key), text("cpu"), number(count)) + b"Q"


def lies() -> Iterator[tuple[str, bytes]]:
    """Lengths, counts and depths that are not there."""
    for opcode, width in ((b"\x8b", 4), (b"X", 4), (b"B", 4), (b"T", 4), (b"\x8d", 8), (b"\x8e", 8), (b"\x96", 8)):
        for what, length in (("huge", 2 ** (8 * width - 1) - 1), ("past", 2 ** (8 * width) - 1)):
            yield f"length-{what}-{opcode.hex()}", opcode + length.to_bytes(width, "little")
    yield "frame-huge", b"\x95" + (2**63).to_bytes(8, "little") + b"N"
    yield "memo-index-huge", b"Nr\xff\xff\xff\xff"
    yield "memo-never-put", b"h\x07"
    yield "pop-nothing", b"0"
    yield "mark-never-set", b"]e"
    yield "unhashable-key", b"}]Ns"
    yield "unknown-opcode", b"\xff"
    yield "odd-items", b"}" + MARK + text("a") + b"u"
    yield "append-to-number", number(1) + number(2) + b"a"
    yield "long-in-decimal", b"L" + b"9" * 100_000 + b"L\n"
    yield "float-of-words", b"Fabc\n"
    yield "text-not-utf8", b"X\x02\x00\x00\x00\xff\xff"
    yield "depth-of-tuples", b")" + b"\x85" * 200_000
    yield "depth-of-marks", MARK * 200_000
    yield "list-of-itself", b"]q\x00h\x00a"
    yield "dict-of-itself", b"}q\x00" + text("model") + b"h\x00s"
    yield "doubling", doubling(60)
    yield "doubling-settings", dict_of(model=dict_of(_extra_state=dict_of(model_params=doubling(60))))
    yield "doubling-tuples", b")" + b"q\x002h\x00\x86" * 60
    yield "no-stop-but-much", text("x" * 1000) * 1000
    yield "dup-bomb", text("x") + b"2" * 1_000_000 + b"0" * 1_000_000


def doubling(times: int) -> bytes:
    """[[...], [...]], where both are one list: short here, without end when written out."""
    return b"]" + b"".join(b"q\x000]h\x00ah\x00a" for _ in range(times))


def arrays() -> Iterator[tuple[str, bytes]]:
    """NumPy arrays, as Paddle's checkpoints have them, that are not what they seem."""
    huge, words = (2**40, 2**40), plain(b"12345678")
    for what, state in {
        "objects": state_of((1,), dtype("O8"), plain(["x"])),
        "shape-overflows": state_of(huge, dtype("f8"), words),
        "shape-negative": state_of((-1,), dtype("f8"), words),
        "too-short": state_of((100,), dtype("f8"), words),
        "no-bytes": state_of((1,), dtype("f8"), number(8)),
        "of-strings": state_of((1,), dtype("U2"), words),
        "of-nothing": state_of((2**62,), dtype("V0"), plain(b"")),
        "no-state": b"N",
        "dtype-calls": state_of((1,), call("os", "system", text(COMMAND)), words),
    }.items():
        array = call("numpy._core.multiarray", "_reconstruct", name("numpy", "ndarray"), plain((0,)), plain(b"b"))
        yield f"array-{what}", dict_of(model=dict_of(weight=array + state + b"b"))
    yield (
        "array-of-a-class",
        call("numpy._core.multiarray", "_reconstruct", name("os", "system"), plain(()), plain(b"b")),
    )
    yield "scalar-of-objects", call("numpy._core.multiarray", "scalar", dtype("O8"), plain(START + b"N."))


def state_of(shape: tuple, kind: bytes, content: bytes) -> bytes:
    return tuple_of(number(1), plain(shape), kind, b"\x89", content)


def dtype(kind: str) -> bytes:
    return call("numpy", "dtype", text(kind), b"\x89", b"\x88")


def tensors(key: str) -> Iterator[tuple[str, bytes]]:
    """Views of a storage that it does not have room for, or that grow beyond it."""
    for what, (offset, shape, stride) in {
        "offset-past-the-end": (10**6, (2, 7), (7, 1)),
        "offset-negative": (-8, (2, 7), (7, 1)),
        "shape-past-the-end": (0, (2, 8), (8, 1)),
        "shape-negative": (0, (-2, -7), (7, 1)),
        "shape-overflows": (0, (2**32, 2**32), (2**32, 1)),
        "shape-overflows-to-nothing": (0, (2**63, 2), (2, 1)),
        "shape-of-many": (0, (1,) * 100, (1,) * 100),
        "stride-past-the-end": (0, (2, 7), (10**6, 1)),
        "stride-negative": (13, (2, 7), (-7, -1)),
        "stride-overflows": (0, (2, 7), (2**62, 1)),
        "stride-of-nothing": (0, (10**6, 10**6), (0, 0)),
        "strides-too-few": (0, (2, 7), (7,)),
    }.items():
        yield what, tensor(storage(key, 14), number(offset), ints(shape), ints(stride))
    words = tuple_of(text("2"), text("7"))
    yield "shape-of-words", tensor(storage(key, 14), number(0), words, words)
    yield "offset-of-words", tensor(storage(key, 14), text("0"), ints((2, 7)), ints((7, 1)))
    yield "storage-of-truths", tensor(storage(key, 14, "BoolStorage"), number(0), ints((2, 7)), ints((7, 1)))
    yield "storage-of-nobody", tensor(b"N", number(0), ints((2, 7)), ints((7, 1)))
    yield "storage-that-is-short", tensor(storage(key, 13), number(0), ints((2, 7)), ints((7, 1)))
    yield "no-arguments", name("torch._utils", "_rebuild_tensor_v2") + b")R"
    yield "a-number", number(3)
    yield "a-list-of-lists", plain([[0.0] * 7] * 2)


def tensor(stored: bytes, offset: bytes, shape: bytes, stride: bytes) -> bytes:
    hooks = name("collections", "OrderedDict") + b")R"
    return name("torch._utils", "_rebuild_tensor_v2") + tuple_of(stored, offset, shape, stride, b"\x89", hooks) + b"R"


def ints(values: tuple) -> bytes:
    return tuple_of(*map(number, values))


def poisoned(data: bytes, payload: bytes) -> bytes:
    """A genuine pickle of a dictionary, or of an object with attributes, in which something has been hidden."""
    hidden = text("hidden") + payload
    if data[-8:-6] == b"ub":  # items, state, and a place in the memory
        return data[:-8] + hidden + data[-8:]
    return data[:-1] + MARK + hidden + b"u."


def with_tensor(data: bytes, replacement: bytes) -> bytes:
    """A genuine pickle of ours with another value for one tensor, of shape (2, 7)."""
    start = data.index(text(WEIGHT)) + len(text(WEIGHT))
    end = data.index(b")RtR", start) + 4
    return data[:start] + replacement + data[end:]


def key_of_tensor(data: bytes) -> str:
    """Where that tensor's numbers are."""
    start = data.index(b"Storage\n", data.index(text(WEIGHT))) + len(b"Storage\nX")
    return data[start + 4 : start + 4 + data[start]].decode()


WEIGHT = "model.Default.atomic_model.descriptor.type_embedding.embedding.embedding_net.layers.0.matrix"


def files(genuine: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Each payload in a PyTorch checkpoint, a TorchScript archive, and a Paddle checkpoint, all of them genuine."""
    payloads = [*calls(), *lies()]
    for suffix in (".pt", ".pth"):
        entries = contents(genuine[suffix]) if suffix in genuine else {}
        for what, payload in payloads if entries else ():
            hidden = {"data.pkl": poisoned(entries["data.pkl"], payload), "code/__torch__.py": COMMAND.encode()}
            yield f"{what}{suffix}", torch_archive(entries | hidden)
    for what, payload in [*payloads, *arrays()]:
        yield f"{what}.pd", poisoned(genuine[".pd"], payload)
    for what, payload in lies():
        yield f"bare-{what}.pd", START + payload + b"."
    entries = contents(genuine[".pt"])
    for what, payload in tensors(key_of_tensor(entries["data.pkl"])):
        changed = with_tensor(entries["data.pkl"], payload)
        yield f"tensor-{what}.pt", torch_archive(entries | {"data.pkl": changed})
