"""Directories of JAX models that are built: another script, or other descriptions and numbers of arrays."""

from __future__ import annotations

import json
from random import Random

from . import trees

Files = dict[str, bytes]  # contents by their paths in a directory
SCRIPT = "model_def_script/metadata"
STORE = "state/"


def directory(random: Random, genuine: Files) -> Files:
    """The genuine directory with another script, or with another description of an array.

    The library draws names and times for what it writes, so that the same call gives the same model in other bytes.
    """
    if random.random() < 0.4:
        return genuine | {SCRIPT: trees.json_text(random, trees.edited(random, json.loads(genuine[SCRIPT])))}
    return described(random, genuine)


def described(random: Random, genuine: Files) -> Files:
    """The directory with another value for one key of the store."""
    import tensorstore

    context = tensorstore.Context()  # of one memory for both
    memory = tensorstore.KvStore.open({"driver": "memory", "path": "x/"}, context=context).result()
    for path, content in genuine.items():
        memory.write(path, content).result()
    base = {"driver": "memory", "path": f"x/{STORE}"}
    store = tensorstore.KvStore.open({"driver": "ocdbt", "base": base}, context=context).result()
    return genuine | edited(random, memory, store)


def edited(random: Random, memory, store) -> Files:
    """The files of the memory after a change to the store."""
    keys = sorted(store.list().result())
    key = random.choice([key for key in keys if key.endswith(b".zarray")])
    if random.random() < 0.8:
        store.write(key, trees.json_text(random, trees.edited(random, json.loads(store[key])))).result()
    else:
        store.write(random.choice(keys), bytes(trees.count(random))).result()
    return {path.decode(): memory[path] for path in memory.list().result()}
