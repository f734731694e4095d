"""Random damage to the bytes of a file: bits, lengths, and parts that are cut out, repeated or put elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

MOST = 500_000  # bytes that a mutation may make a file grow to
NUMBERS = (0, 1, 2, 127, 128, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)
DIGITS = re.compile(rb"\d+")


def mutate(random: Random, data: bytes) -> bytes:
    """The file with one to four kinds of damage."""
    for _ in range(random.randint(1, 4)):
        data = random.choice(MUTATIONS)(random, data) if data else data
    return data


def slice_of(random: Random, data: bytes) -> tuple[int, int]:
    """Start and end of a part, most often a short one."""
    start = random.randrange(len(data))
    return start, min(len(data), start + int(2 ** random.uniform(0, 14)))


def with_bits(random: Random, data: bytes) -> bytes:
    """A few bits are the other way round."""
    found = bytearray(data)
    for _ in range(int(2 ** random.uniform(0, 6))):
        found[random.randrange(len(found))] ^= 1 << random.randrange(8)
    return bytes(found)


def with_bytes(random: Random, data: bytes) -> bytes:
    """One byte is another."""
    place = random.randrange(len(data))
    return (
        data[:place] + bytes([random.choice((0, 1, 0x20, 0x7F, 0x80, 0xFF, random.randrange(256)))]) + data[place + 1 :]
    )


def with_length(random: Random, data: bytes) -> bytes:
    """Bytes that may be a length or a position say another number."""
    width, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
    place = random.randrange(len(data))
    number = random.choice((*NUMBERS, len(data), random.randrange(len(data)))) % 256**width
    return data[:place] + number.to_bytes(width, order) + data[place + width :]


def with_number(random: Random, data: bytes) -> bytes:
    """A number in digits is another one."""
    found = list(DIGITS.finditer(data, random.randrange(len(data))))[:1]
    place = found[0].span() if found else slice_of(random, data)
    number = random.choice((*NUMBERS, -1, 10**12, 10**400, 1e999, float("nan")))
    return data[: place[0]] + str(number).encode() + data[place[1] :]


def truncated(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def without_part(random: Random, data: bytes) -> bytes:
    start, end = slice_of(random, data)
    return data[:start] + data[end:]


def repeated(random: Random, data: bytes) -> bytes:
    """A part occurs many times."""
    start, end = slice_of(random, data)
    most = max(1, (MOST - len(data)) // (end - start))
    return data[:end] + data[start:end] * min(most, int(2 ** random.uniform(0, 17))) + data[end:]


def spliced(random: Random, data: bytes) -> bytes:
    """A part stands in the place of another."""
    start, end = slice_of(random, data)
    place = random.randrange(len(data))
    return data[:place] + data[start:end] + data[place + end - start :]


def exchanged(random: Random, data: bytes) -> bytes:
    """Two parts have changed places."""
    one, two, three = sorted(random.randrange(len(data)) for _ in range(3))
    return data[:one] + data[two:three] + data[one:two] + data[three:]


MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (
    with_bits, with_bytes, with_length, with_number, truncated, without_part, repeated, spliced, exchanged,
)  # fmt: skip
