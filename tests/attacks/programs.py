"""A grammar of pickles: random programs of the operations that readers know, and of some that they must refuse."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from dpa2.serialization.unpickling.plain_data import PYTHON, TORCH
from dpa2.serialization.unpickling.tensors import NUMPY, SCRIPT, STORAGES, TENSORS

from .pickles import MARK, dtype, ints, name, number, state_of, storage, tensor, text, tuple_of
from .trees import INTEGERS, REALS, WORDS, count

MOST = 400_000  # bytes of a program
FOREIGN = ("os system", "builtins eval", "subprocess Popen", "torch.hub load", "__torch__.M M", "__torch__ x", "a b")
NAMES = (*PYTHON, *TORCH, *NUMPY, *SCRIPT, *TENSORS, *STORAGES, *FOREIGN, "__torch__.A.B C", "__torch__.M M")
OPERATIONS = bytes(range(256))
PLACES = 6  # of the memo


def value(random: Random, depth: int = 4) -> bytes:
    """Operations that put one value on the stack, if all goes well."""
    made = random.choice(SCALARS if depth <= 0 or random.random() < 0.3 else MAKERS)(random, depth)
    return made if random.random() < 0.6 else made + b"q" + bytes([random.randrange(PLACES)])


def constant(random: Random, depth: int) -> bytes:
    real = b"G" + struct.pack(">d", random.choice(REALS))
    return random.choice((b"N", b"\x88", b"\x89", b")", b"]", b"}", number(random.choice(INTEGERS)), real))


def word(random: Random, depth: int) -> bytes:
    long = "x" * random.choice((1, 10, count(random)))
    return random.choice((text(random.choice(WORDS)), text(long), b"B" + struct.pack("<I", len(long)) + long.encode()))


def recalled(random: Random, depth: int) -> bytes:
    return b"h" + bytes([random.randrange(PLACES)])


def named(random: Random, depth: int) -> bytes:
    return name(*random.choice(NAMES).split(" "))


def collection(random: Random, depth: int) -> bytes:
    """A list, tuple, set or dictionary."""
    items = b"".join(value(random, depth - 1) for _ in range(random.choice((0, 2, 2, 4))))
    begin, end = random.choice(
        ((b"](", b"e"), (b"(", b"t"), (b"(", b"l"), (b"\x8f(", b"\x90"), (b"(", b"\x91"), (b"}(", b"u"))
    )
    return begin + items + end


def many(random: Random, depth: int) -> bytes:
    """A list in which a value, or what the memo has, occurs many times."""
    item = random.choice((recalled, value, called))(random, max(0, depth - 2))
    return b"](" + item * min(count(random), MOST // 4 // len(item)) + b"e"


def doubled(random: Random, depth: int) -> bytes:
    """A list that holds a list twice, which holds a list twice, and so on."""
    again = random.choice((b"q\x000]h\x00ah\x00a", b"q\x000h\x00h\x00\x86", b"q\x000}" + text("a") + b"h\x00s"))
    return value(random, depth - 2 if depth > 1 else 0) + again * random.choice((3, 20, 60))


def called(random: Random, depth: int) -> bytes:
    """A name that is called with arguments."""
    arguments = tuple_of(*(value(random, max(0, depth - 1)) for _ in range(random.choice((0, 1, 1, 2, 3)))))
    return named(random, 0) + arguments + random.choice((b"R", b"\x81"))


def built(random: Random, depth: int) -> bytes:
    """An object that takes attributes or a state."""
    attributes = MARK + text("a") + value(random, depth - 1) + text("training") + value(random, depth - 1) + b"u"
    return called(random, 0) + random.choice((b"}" + attributes, value(random, depth - 1))) + b"b"


def array(random: Random, depth: int) -> bytes:
    """An array of NumPy, whole or with a lie in its state."""
    shape = tuple(random.choice((0, 1, 2, 3, -1, 2**40)) for _ in range(random.randrange(4)))
    kind = dtype(random.choice(("f8", "f4", "f2", "V2", "O8", "i8", "b1", "U4", "f8,O")))
    content = b"C" + bytes([size := random.choice((0, 8, 16, 24))]) + bytes(size)
    made = (
        name("numpy._core.multiarray", "_reconstruct")
        + tuple_of(name("numpy", "ndarray"), ints((0,)), b"C\x01b")
        + b"R"
    )
    return made + state_of(shape, kind, content) + b"b"


def stored(random: Random, depth: int) -> bytes:
    """A tensor of PyTorch with any shape and strides."""
    sizes = (0, 1, 2, 3, 7, 10**6, 2**31, 2**62, -1)
    shape = tuple(random.choice(sizes) for _ in range(random.randrange(4)))
    stride = tuple(random.choice(sizes) for _ in shape)
    kept = storage(
        str(random.randrange(12)), random.choice((0, 1, 14, 2**40)), random.choice(("DoubleStorage", "BoolStorage"))
    )
    return tensor(kept, number(random.choice(sizes)), ints(shape), ints(stride))


def anything(random: Random, depth: int) -> bytes:
    """A few bytes of any meaning."""
    return bytes(random.choice(OPERATIONS) for _ in range(random.randint(1, 6)))


SCALARS: tuple[Callable[[Random, int], bytes], ...] = (constant, word, recalled, named)
MAKERS = (*SCALARS, collection, collection, many, doubled, called, called, built, array, stored, anything)
