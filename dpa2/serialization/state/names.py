"""Names of arrays in state dictionaries, beside their places in the native tree.

Source: section 6 of the description of formats, whose table this is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..tree.packing import TreeArray

# Places in the native tree; what they begin with in PyTorch and Paddle; in JAX and PyTorch's exportable dialect.
PLACES = (
    ("descriptor.type_embedding.embedding.", "descriptor.type_embedding.embedding.embedding_net.",
     "descriptor.type_embedding.embedding_net."),
    ("descriptor.repinit_variable.embeddings.networks.", "descriptor.repinit.filter_layers.networks.",
     "descriptor.repinit.embeddings._networks."),
    ("descriptor.repinit_variable.embeddings_strip.networks.", "descriptor.repinit.filter_layers_strip.networks.",
     "descriptor.repinit.embeddings_strip._networks."),
    ("descriptor.repinit_variable.compress.", "descriptor.repinit.", "descriptor.repinit."),
    ("descriptor.repinit_variable.", "descriptor.repinit.", "descriptor.repinit."),
    ("descriptor.repinit_three_body_variable.embeddings.networks.",
     "descriptor.repinit_three_body.filter_layers.networks.", "descriptor.repinit_three_body.embeddings._networks."),
    ("descriptor.repinit_three_body_variable.embeddings_strip.networks.",
     "descriptor.repinit_three_body.filter_layers_strip.networks.",
     "descriptor.repinit_three_body.embeddings_strip._networks."),
    ("descriptor.repinit_three_body_variable.", "descriptor.repinit_three_body.", "descriptor.repinit_three_body."),
    ("descriptor.repformers_variable.repformer_layers.", "descriptor.repformers.layers.",
     "descriptor.repformers.layers."),
    ("descriptor.repformers_variable.", "descriptor.repformers.", "descriptor.repformers."),
    ("fitting.nets.networks.", "fitting_net.filter_layers.networks.", "fitting_net.nets._networks."),
    ("fitting.", "fitting_net.", "fitting_net."),
)  # fmt: skip
# Last parts of the places, and of the names in the two dialects.
LEAVES = {"davg": ("mean", "mean"), "dstd": ("stddev", "stddev"), "w": ("matrix", "w"), "b": ("bias", "b")}
IGNORED = re.compile(  # names of aliases, of placeholders, and of arrays that follow from the settings
    r"\._networks\.|\._module_networks\.|(^|\.)(emask|atom_excl|pair_excl)\.type_mask$|default_fparam_tensor$|graph_lower_disabled$"
    r"|(^|\.)buffer_|(^|\.)econf_tebd(_|$)"
)
TABLES = re.compile(
    r"\.(compress_info|compress_data)\.\d+$|\.type_embd_data$"
)  # names of the tables of a compressed model


@dataclass(frozen=True)
class Dialect:
    """The names of arrays in one family of programs: a column of the tables above."""

    column: int

    def name(self, place: str) -> str:
        """The name of the array at a place in the native tree."""
        ours, *theirs = next((row for row in PLACES if place.startswith(row[0])), ("", "", ""))
        head, _, leaf = (theirs[self.column] + place.removeprefix(ours)).replace("@variables.", "").rpartition(".")
        leaf = LEAVES[leaf][self.column] if leaf in LEAVES else leaf
        return f"{head}.{leaf}" if head else leaf


PYTORCH, EXPORTABLE = Dialect(0), Dialect(1)


def dialect_of(names) -> Dialect:
    """The dialect of the names in a state dictionary."""
    return PYTORCH if any(name.endswith(".matrix") for name in names) else EXPORTABLE


def tree_arrays(layout, place: str = "") -> Iterator[tuple[str, TreeArray]]:
    """The arrays in the layout of a native tree, with their places in it, but those of settings."""
    if isinstance(layout, TreeArray) and layout.names:
        yield place, layout
    children = layout.items() if isinstance(layout, dict) else enumerate(layout) if isinstance(layout, list) else ()
    for key, child in children:
        yield from tree_arrays(child, f"{place}.{key}" if place else str(key))
