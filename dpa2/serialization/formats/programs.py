"""Formats that are never read: their weights are constants without names in a compiled program."""

from __future__ import annotations

from .container import Container

# Noun phrase for two suffixes of TensorFlow.
UNNAMED = "a TensorFlow program, in which weights are constants without names"
CONTAINERS = (
    Container(
        "a Paddle inference program",
        (".pdiparams",),
        why_not_read="parameters of a Paddle inference program, whose names are lost",
    ),
    Container("a TensorFlow graph", (".pb",), why_not_read="a TensorFlow graph, as which no DPA-2 model is saved"),
    Container("a TensorFlow program", (".savedmodel", ".savedmodeltf"), why_not_read=UNNAMED),
)
