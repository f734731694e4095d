"""A grammar of plain values: random ones, genuine trees with random changes, and texts of JSON and YAML."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

MOST = 500_000  # signs of a text
INTEGERS = (0, 1, -1, 2, 3, 7, 100, 2**31, 2**53, 2**63, -(2**63), 10**12, 10**30)
REALS = (0.0, -0.0, 0.5, 1e-300, 5e-324, 1e308, float("inf"), float("nan"))
WORDS = (
    "",
    "a",
    "energy",
    "float64",
    "bfloat16",
    "O",
    "np.ndarray",
    "tanh",
    "\x1b[2J",
    "\0",
    "é",
    "../../x",
    "os.system",
)
KEYS = ("@class", "@variables", "@version", "dtype", "value", "type", "w", "b", "0", "model", "descriptor", "__class__")
TAGS = ("!!python/object/apply:os.system", "!!binary", "!!set", "!!omap", "!!float", "!!int", "!!str", "!x", "&a", "&b")


def scalar(random: Random):
    return random.choice((None, True, False, random.choice(INTEGERS), random.choice(REALS), random.choice(WORDS)))


def value(random: Random, depth: int = 3):
    """A random value."""
    if depth == 0 or random.random() < 0.4:
        return scalar(random)
    inside = [value(random, depth - 1) for _ in range(random.randrange(4))]
    if random.random() < 0.5:
        return inside * random.choice((1, 1, 1, count(random, 3) if depth == 1 else 3))
    return {random.choice(KEYS): item for item in inside}


def count(random: Random, least: int = 1) -> int:
    """How often something is repeated: mostly a few times, now and then a hundred thousand times."""
    return int(2 ** random.uniform(least, 17))


def edited(random: Random, tree):
    """A genuine tree with one to four changes."""
    for _ in range(random.randint(1, 4)):
        tree = changed(random, tree)
    return tree


def changed(random: Random, tree, deeper: float = 0.85):
    """A copy of a tree that is another one at one place."""
    if not isinstance(tree, (dict, list)) or not tree or random.random() > deeper:
        return random.choice(CHANGES)(random, tree)
    copy = tree.copy()
    key = random.choice(list(tree)) if isinstance(tree, dict) else random.randrange(len(tree))
    copy[key] = changed(random, tree[key], deeper)
    return copy


def repeated(random: Random, tree):
    """Many times the same in a list or a dictionary."""
    times = min(count(random), 1 + MOST // (20 + size(tree)))
    return [tree] * times if random.random() < 0.5 else {f"k{k}": tree for k in range(times)}


def nested(random: Random, tree):
    """The value inside of many lists or dictionaries."""
    for _ in range(int(2 ** random.uniform(0, 6.7))):
        tree = [tree] if random.random() < 0.5 else {random.choice(KEYS): tree}
    return tree


def without_part(random: Random, tree):
    """A list or dictionary without its last items, or with one under another name."""
    if isinstance(tree, list):
        return tree[: len(tree) // 2]
    return dict(list(tree.items())[:-1]) | {random.choice(KEYS): None} if isinstance(tree, dict) else None


def longer(random: Random, tree):
    """A word, a number or a list that is longer."""
    if isinstance(tree, (str, list)):
        more = tree or ("x" if isinstance(tree, str) else [1])
        return more * min(count(random), 1 + MOST // (1 + size(more)))
    return 10 ** min(count(random), 4000)


def size(tree) -> int:
    """About how many signs a tree has as a text."""
    if isinstance(tree, dict):
        return sum(len(key) + 6 + size(item) for key, item in tree.items())
    if isinstance(tree, (str, int)):
        return len(tree) + 2 if isinstance(tree, str) else 2 + tree.bit_length() // 3
    return 2 + sum(map(size, tree)) if isinstance(tree, list) else 6


CHANGES: tuple[Callable, ...] = (lambda random, _: value(random), repeated, nested, without_part, longer)


def json_text(random: Random, tree) -> bytes:
    """A text of JSON, sometimes with a key twice or with what other readers than ours allow."""
    return with_words(random, json.dumps(tree), ('"a": 1, "a": 2', "NaN", "-", "[]", "/*x*/", "1e999999", '"\\ud800"'))


def yaml_text(random: Random, tree) -> bytes:
    """A text of YAML in one line, as JSON, with tags, anchors and references here and there."""
    return with_words(
        random, json.dumps(tree), (*(f"{tag} " for tag in TAGS), "*a", "*b", "<<: *a", "? ", "- ", "\n---\n")
    )


def with_words(random: Random, text: str, words: tuple[str, ...]) -> bytes:
    """A text with some words of a grammar put in between others, often none."""
    for _ in range(random.choice((0, 0, 1, 2, 3, 10))):
        place = random.randrange(len(text) + 1)
        place = max(text.find(sign, place) for sign in "[{, :") + random.randrange(2)
        word, left = random.choice(words), max(1, MOST - len(text))
        times = random.choice((1, 1, 1, 1, min(count(random), 1 + left // len(word))))
        text = text[:place] + word * times + text[place:]
    return text.encode(errors="surrogatepass")
