"""Plain data of Python, NumPy and PyTorch that people keep beside a model: each name, and what takes its place.

Nothing here makes an object of the class that is named: a set becomes a list, a path a text, a device its name.
"""

from __future__ import annotations

from collections.abc import Callable

from ...dtypes import DTYPES
from .pickles import Name, refuse


def dictionary(*arguments) -> dict:
    """An ordered dictionary, empty or of pairs."""
    pairs = arguments[0] if arguments else []
    return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else refuse("an unusual dictionary")


def default_dictionary(factory=None, *_) -> dict:
    """A dictionary that makes missing values; its items follow, and what would make more of them is not used."""
    return {} if factory is None or isinstance(factory, Name) else refuse("an unusual dictionary")


def counts(items=None) -> dict:
    """The counts of a counter."""
    return dict(items) if isinstance(items, dict) else refuse("an unusual counter")


def tuple_of(items=()) -> tuple:
    """A tuple of the items of a list or tuple."""
    return tuple(items) if isinstance(items, (list, tuple)) else refuse("a tuple of something else than a list")


def list_of(items=()) -> list:
    """A list of the items of a list or tuple; also what becomes of a set, whose items are not compared here."""
    return list(items) if isinstance(items, (list, tuple)) else refuse("a collection of something else than a list")


def path_of(*parts) -> str:
    """The text of a path."""
    whole = all(isinstance(part, str) for part in parts) and sum(map(len, parts)) < 10_000
    return "/".join(parts).replace("//", "/") if whole else refuse("an unusual path")


def device_name(kind, index=0) -> str:
    """The name of a device of PyTorch, such as "cuda:0"."""
    plain = isinstance(kind, str) and isinstance(index, int)
    return f"{kind}:{index}" if plain else refuse("an unusual device")


def text_as_bytes(text: str, encoding: str) -> bytes:
    """Bytes from a text, in which old protocols hold them."""
    return text.encode("latin1") if encoding == "latin1" else refuse("an unusual encoding")


def no_bytes(*items) -> bytes:
    """Bytes of length 0, which old protocols make in this way."""
    return refuse("bytes made of something") if items else b""


def never_called(*_):
    refuse("a call of a name that only stands for itself")


PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath")
# Names of Python with the functions that take their places; Python 2 and protocol 2 call `builtins` `__builtin__`.
PYTHON: dict[str, Callable] = {"collections OrderedDict": dictionary, "collections defaultdict": default_dictionary}
PYTHON |= {"collections Counter": counts, "_codecs encode": text_as_bytes, "__builtin__ bytes": no_bytes}
for builtins in ("builtins", "__builtin__"):
    PYTHON |= {f"{builtins} {name}": list_of for name in ("set", "frozenset", "list")}
    PYTHON |= {f"{builtins} {name}": never_called for name in ("dict", "int", "float", "str", "bool")}
    PYTHON |= {f"{builtins} tuple": tuple_of}
PYTHON |= {f"{module} {name}": path_of for module in ("pathlib", "pathlib._local") for name in PATHS}
# Names of PyTorch for plain values.
TORCH: dict[str, Callable] = {"torch Size": tuple_of, "torch device": device_name}
TORCH |= {f"torch {name}": never_called for name in (*DTYPES, "int64", "int32", "int16", "int8", "uint8", "bool")}
