"""Formats that are never read: their weights are constants without names in a compiled program."""

from __future__ import annotations

from .container import Container

UNNAMED = "a TensorFlow program, in which weights are constants without names"
CONTAINERS = (
    Container(
        "a Paddle inference program",
        (".pdiparams",),
        why_not_read="parameters of a Paddle inference program, whose names are lost",
    ),
    Container("a TensorFlow graph", (".pb",), why_not_read="a TensorFlow graph, and no DPA-2 model is ever one"),
    Container("a TensorFlow program", (".savedmodel", ".savedmodeltf"), why_not_read=UNNAMED),
)
