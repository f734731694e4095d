"""Hostile YAML and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from .pickles import CANARY, COMMAND


def yaml() -> Iterator[tuple[str, str]]:
    yield "tag-apply", f"model: !!python/object/apply:os.system ['{COMMAND}']"
    yield "tag-new", f"model: !!python/object/new:subprocess.Popen ['{COMMAND}']"
    yield "tag-name", "model: !!python/name:os.system"
    yield "tag-module", "model: !!python/module:antigravity"
    yield "tag-eval", f"model: !!python/object/apply:builtins.eval [\"open('{CANARY}', 'w')\"]"
    yield "tag-unknown", "model: !evil {}"
    yield "tag-as-key", "!!python/name:os.system : model"
    yield "tag-directive", f"%TAG ! tag:yaml.org,2002:python/\n---\nmodel: !object/apply:os.system ['{COMMAND}']"
    yield "anchor-bomb", anchors("[" + ", ".join(["*a{}"] * 9) + "]")
    yield "anchor-bomb-of-mappings", anchors("{{" + ", ".join(f"k{k}: *a{{}}" for k in range(9)) + "}}")
    yield "anchor-bomb-by-merging", anchors("{{<<: [" + ", ".join(["*a{}"] * 9) + "], k{}: 1}}", "{x: 1}")
    yield "anchor-of-itself", "model: &a [*a, *a]"
    yield "anchor-of-its-mapping", "model: &a {descriptor: *a, fitting: *a}"
    yield "anchor-never-set", "model: *a"
    yield "deep-list", "model: " + "[" * 50_000
    yield "deep-mapping", "model: " + "{a: " * 50_000
    yield "deep-indented", "\n".join(" " * k + "a:" for k in range(3000))
    yield "number-in-base-60", "model: " + ":".join(["1"] * 20_000)
    yield "number-without-end", "model: " + "9" * 100_000
    yield "number-in-hex", "model: 0x" + "f" * 1_000_000
    yield "date-that-is-none", "model: 2020-13-45"
    yield "binary-that-is-none", "model: !!binary '###'"
    yield "unhashable-key", "? [a, b]\n: 1\n? {a: 1}\n: 2"
    yield "two-documents", "model: {}\n---\nmodel: {}"
    yield "no-mapping", "- model"
    yield "nothing", "# nothing\n"
    yield "control-characters", "model: '\x07\x1b[2J'"
    yield "lone-surrogate", 'model: "\\ud800"'


def anchors(pattern: str, first: str = "[x, x]") -> str:
    """Lists of lists of lists, nine times each."""
    lines = [f"a0: &a0 {first}"]
    for k in range(1, 12):
        lines.append(f"a{k}: &a{k} " + pattern.format(*[k - 1] * 10))
    return "\n".join([*lines, "model: *a11"])


def json_texts() -> Iterator[tuple[str, str]]:
    yield "deep-list", '{"model":' + "[" * 200_000
    yield "deep-mapping", '{"model":' * 200_000
    yield "deep-and-complete", '{"model":' * 50_000 + "1" + "}" * 50_000
    yield "number-without-end", '{"model": ' + "9" * 100_000 + "}"
    yield "exponent-without-end", '{"model": 1e' + "9" * 100_000 + "}"
    yield "twice-the-same-key", '{"model": {}, "model": {"descriptor": {}}}'
    yield "not-a-number", '{"model": NaN}'
    yield "list", "{}[]"
    yield "lone-surrogate", '{"model": "\\ud800"}'
    yield "truncated-escape", '{"model": "\\u12'
    yield "empty-object", "{}"
    yield "class-of-its-own", '{"model": {"__class__": "os.system", "__reduce__": ["os.system", ["' + COMMAND + '"]]}}'


Tree = Callable[[dict], None]


def edited(genuine: dict) -> Iterator[tuple[str, dict]]:
    """A genuine tree in which one array or setting is not what it should be."""
    weight = ["model", "descriptor", "type_embedding", "embedding", "layers", 0, "@variables", "w"]
    for what, value in {
        "objects": {"dtype": "object", "value": [None]},
        "code": {"dtype": "float64", "value": f"__import__('os').system({COMMAND!r})"},
        "ragged": {"dtype": "float64", "value": [[1.0], [1.0, 2.0]]},
        "dimensions": {"dtype": "float64", "value": nested(60)},
        "dimensions-beyond-numpy": {"dtype": "float64", "value": nested(80)},
        "empty-lists": {"dtype": "float64", "value": [[]] * 10_000},
        "huge-numbers": {"dtype": "float64", "value": [[10**400]]},
        "strings": {"dtype": "float64", "value": [["0x10"] * 2]},
        "long-strings": {"dtype": "float64", "value": ["1"] * 2000 + ["1" * 100_000]},
        "dates": {"dtype": "datetime64[s]", "value": [1]},
        "records": {"dtype": "f8,O", "value": [1]},
        "no-dtype": {"value": [1.0]},
        "dtype-of-lists": {"dtype": ["f8"], "value": [1.0]},
        "truths": {"dtype": "float64", "value": [[True]]},
    }.items():
        yield f"array-{what}", with_value(genuine, weight, {"@class": "np.ndarray", "@is_variable": True} | value)
    args = ["model", "descriptor", "repformer_args"]
    for what, key, value in (
        ("layers-without-end", "nlayers", 10**15), ("layers-negative", "nlayers", -1), ("wide", "g1_dim", 10**15),
        ("capacity", "nsel", 10**30), ("cutoff", "rcut", float("inf")), ("words", "nlayers", "2; import os"),
    ):  # fmt: skip
        yield f"setting-{what}", with_value(genuine, [*args, key], value)
    yield "types-without-end", with_value(genuine, ["model", "type_map"], [f"X{k}" for k in range(100_000)])


def nested(depth: int):
    value: object = 1.0
    for _ in range(depth):
        value = [value]
    return value


def with_value(tree, path: list, value):
    """A copy with another value at one place."""
    if not path:
        return value
    key, *rest = path
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[key] = with_value(tree[key], rest, value)
    return copy


def files(genuine: bytes) -> Iterator[tuple[str, bytes]]:
    """Texts, and changes to a genuine `.json`."""
    for what, words in yaml():
        yield f"{what}.yaml", words.encode()
    yield "utf16.yaml", "model: {}".encode("utf-16")
    yield "not-utf8.yaml", b"model: \xff\xfe\xfd"
    for what, words in json_texts():
        yield f"{what}.json", words.encode()
    yield "not-utf8.json", b'{"model": "\xff"}'
    for what, tree in edited(json.loads(genuine)):
        yield f"{what}.json", json.dumps(tree).encode()
