"""A model in words, with everything that tells it apart from another one of the same architecture.

Settings are called as in `docs/configuration.md`, which has DeePMD-kit's names beside them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..config import ENERGY, DPA2Config
from ..config.parsing import Section, required
from ..evaluation.evaluate import in_words
from ..serialization import Checkpoint, places

IN_WORDS = {  # settings that the rows of the blocks show
    "types", "dtype", "repinit.compression", "repinit.widths", "three_body", "repformer.layers", "repformer.atom_dim",
    "repformer.pair_dim", "fitting.widths", "fitting.dtype",
}  # fmt: skip
KINDS = {"parameter": "parameters", "statistic": "statistics", "constant": "constants"}  # of tensors


def changed_settings(section: Section, path: str = "", everything: bool = False) -> dict[str, Any]:
    """Return the settings that differ from their defaults, by their paths; all of a section that is none by default.

    Those that the rows of the blocks show are left out, and those without a default too.
    """
    found: dict[str, Any] = {}
    for field in dataclasses.fields(section):  # type: ignore[arg-type]  # every section is a dataclass
        name, value = f"{path}{field.name}", getattr(section, field.name)
        if name in IN_WORDS:
            continue
        if isinstance(value, Section):
            found |= changed_settings(value, f"{name}.", everything=field.default is None)
        elif everything or not (required(field) or value == default(field)):
            found[name] = value
    return found


def default(field: dataclasses.Field) -> Any:
    """Return the default of a setting that has one."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def facts(checkpoint: Checkpoint, path: str) -> dict[str, Any]:
    """Return plain facts about one model in a file, for JSON and for `rows`."""
    config, weights = checkpoint.config, checkpoint.weights
    tensors = places(config)
    counts = {
        words: sum(weights[n].size for n, t in tensors.items() if t.kind == kind) for kind, words in KINDS.items()
    }
    return {
        "writer": checkpoint.metadata.get("writer"),
        "predicts": config.kind,
        "types": list(config.types),
        "dtype": config.dtype,
        **counts,
        "bytes": sum(w.nbytes for w in weights.values()),
        "file_bytes": size(Path(path)),
        "min_distance": checkpoint.metadata.get("min_distance"),
        "bias": dict(zip(config.types, weights["bias"].tolist(), strict=True)),
        "settings": changed_settings(config),
        "digest": checkpoint.digest(),
    }


def size(path: Path) -> int:
    """Number of bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def rows(facts: dict[str, Any], checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Yield a name and words for each fact and each block of a model."""
    config = checkpoint.config
    yield "types", ", ".join(config.types)
    yield "numbers", ", ".join(f"{facts[words]} {words}" for words in KINDS.values() if facts[words])
    yield "size", f"{facts['file_bytes']} bytes, numbers alone {facts['bytes']}"
    yield from blocks(config)
    yield from zip(["settings"] + [""] * len(facts["settings"]), map(setting, facts["settings"].items()), strict=False)
    yield "statistics", "; ".join(environments(checkpoint.weights))
    unit = " / eV" if config.kind == ENERGY else ""
    yield f"bias{unit}", ", ".join(f"{name} {numbers(value)}" for name, value in facts["bias"].items())
    if facts["min_distance"] is not None:
        yield "min_distance", f"{facts['min_distance']:.4g} Å"


def numbers(bias: float | list[float]) -> str:
    """The bias of a type in words: a number, or the first three components."""
    if isinstance(bias, float):
        return f"{bias:.6g}"
    return f"[{', '.join(f'{b:.4g}' for b in bias[:3])}{', ...' if len(bias) > 3 else ''}]"


def setting(item: tuple[str, Any]) -> str:
    """A setting that differs from its default."""
    path, value = item
    return f"{path} = {value!r}"


def blocks(config: DPA2Config) -> Iterator[tuple[str, str]]:
    """Names of the parts of a model, each with its settings in words."""
    if config.repinit.compression:
        yield "compressed", tables(config.repinit.compression)
    for name, section in (("repinit", config.repinit), ("three_body", config.three_body)):
        if section is not None:
            yield name, f"{cutoffs(section)}, widths {list(section.widths)}"
    former = config.repformer
    dims = f"atom_dim {former.atom_dim}, pair_dim {former.pair_dim}"
    yield "repformer", f"{cutoffs(former)}, {former.layers} layers, {dims}"
    yield "fitting", f"widths {list(config.fitting.widths)}, {config.fitting.dtype}"
    yield "predicts", in_words(config)
    yield "descriptor", f"{config.descriptor_dim} numbers per atom, {config.dtype}"


def tables(compression) -> str:
    """Names of the nets that are tables in a compressed model."""
    geometry = f", the embedding net of repinit ({compression.intervals} intervals)" if compression.intervals else ""
    return f"the type gate of repinit{geometry}"


def cutoffs(section) -> str:
    """Cutoffs and max_neighbors of a block in words."""
    return f"{section.inner_cutoff:g} … {section.cutoff:g} Å, at most {section.max_neighbors} neighbours"


def environments(weights: dict[str, np.ndarray]) -> Iterator[str]:
    """Yield the range of the means and of the deviations of each block's environments, in words."""
    for block in ("repinit", "three_body", "repformer"):
        mean, std = (weights.get(f"descriptor.{block}.environment.{name}") for name in ("mean", "std"))
        if mean is not None and std is not None:
            yield f"{block} mean {span(mean)}, std {span(std)}"


def span(numbers: np.ndarray) -> str:
    """The smallest and the largest of numbers."""
    low, high = f"{numbers.min():.3g}", f"{numbers.max():.3g}"
    return low if low == high else f"{low} … {high}"
