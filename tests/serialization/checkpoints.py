"""Models and trees that the tests of files share."""

from __future__ import annotations

import copy
import dataclasses
import json
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from dpa2 import config as c
from dpa2.serialization import Checkpoint, inventory, read
from dpa2.serialization.formats.hdf5 import read_hdf5, write_hdf5
from dpa2.serialization.formats.json import read_json, write_json
from dpa2.serialization.formats.yaml import read_yaml, write_yaml
from dpa2.serialization.tree.native_tree import checkpoint_to_tree

DATA = Path(__file__).parents[1] / "data"
SAMPLES = DATA / "samples"
CASES = sorted((DATA / "cases").glob("*.dp"))
GENUINE = [*CASES, *(path for path in sorted(SAMPLES.glob("*.dp")) if "compressed" not in path.name)]
SUFFIXES = (".dp", ".yaml", ".json", ".safetensors")
TREES = ((write_hdf5, read_hdf5), (write_yaml, read_yaml), (write_json, read_json))
ENCODERS = {".dp": write_hdf5, ".yaml": write_yaml, ".json": write_json}


def by_name(path: Path) -> str:
    return path.stem


known = lru_cache(read)  # genuine files, which nobody changes


def base() -> Checkpoint:
    return known(DATA / "cases" / "base.dp")


def base_tree() -> dict:
    return copy.deepcopy(checkpoint_to_tree(base()))


def random_checkpoint(config: c.DPA2Config, seed: int = 0) -> Checkpoint:
    """Every tensor of a configuration with random bits that its precision can hold."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, (shape, dtype) in inventory(config).items():
        array = generator.normal(size=shape).astype(dtype)
        coarse = "bfloat16" in (config.fitting.dtype if name.startswith("fitting.") else config.dtype,)
        weights[name] = (array.view("u4") & 0xFFFF0000).view("f4") if coarse and dtype == "float32" else array
    return Checkpoint(config, weights, {"min_distance": 0.875, "writer": "a test"})


def same_bits(a: Checkpoint, b: Checkpoint) -> bool:
    """Equality without the digest, which is itself under test."""
    same = a.config == b.config and a.weights.keys() == b.weights.keys()
    pairs = [(a.weights[name], b.weights[name]) for name in a.weights] if same else []
    return same and all(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in pairs)


def generic_load(path: Path) -> dict:
    """A `.dp` file read with nothing but h5py and json."""
    with h5py.File(path) as file:
        return attach(json.loads(file.attrs["json"]), file, False)


def attach(node, file, inside):
    if isinstance(node, dict):
        return {k: attach(v, file, inside or k == "@variables") for k, v in node.items()}
    if isinstance(node, list):
        return [attach(v, file, inside) for v in node]
    return file[node][()] if inside and isinstance(node, str) else node


def differences(a, b, path=""):
    """Where two trees differ in keys, values, types or bits."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() | b.keys():
            yield from differences(a.get(key, "absent"), b.get(key, "absent"), f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from differences(x, y, f"{path}.{k}")
    elif isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if (a.dtype, a.shape, a.tobytes()) != (b.dtype, b.shape, b.tobytes()):
            yield path
    elif type(a) is not type(b) or a != b:
        yield path


def save(tree: dict, path: Path) -> Path:
    path.write_bytes(ENCODERS[path.suffix](tree))
    return path


def legacy_checkpoint(type_bias: bool = True) -> Checkpoint:
    """A model as versions 1 and 2 of the descriptor could hold it."""
    config = read(DATA / "cases" / "no_out_both.dp").config
    repformer = dataclasses.replace(config.repformer, root_normalization=False)
    config = dataclasses.replace(config, repformer=repformer, three_body=None, type_bias=type_bias)
    return random_checkpoint(config)


def every_node(node):
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every_node(child)


def change(tree: dict, path: str, value) -> dict:
    *way, last = path.split(".")
    node = tree
    for key in way:
        node = node[int(key) if key.isdigit() else key]
    node[int(last) if last.isdigit() else last] = value
    return tree


LAYER = "model.descriptor.repformers_variable.repformer_layers.0"
