"""Conversion of native trees of older versions to the newest.

Source: section 10.1 of the description of formats.
"""

from __future__ import annotations

RESIDUALS = ("g1_residual", "g2_residual", "h2_residual")  # lists of residual vectors in a layer
# Options that came with version 3 of the descriptor.
NOT_YET = ("use_sqrt_nnei", "g1_out_conv", "g1_out_mlp")


def modernize(descriptor: dict) -> dict:
    """The descriptor node with the options that versions 1 and 2 lack; a malformed node is left for later checks."""
    version, variables = descriptor.get("@version"), descriptor.get("repformers_variable")
    if version in (1, 2):
        descriptor = descriptor | {"repformer_args": without_later_options(descriptor.get("repformer_args"))}
    if version == 1 or is_version_1(descriptor.get("type_embedding")):
        descriptor = {"use_tebd_bias": True} | descriptor
    if isinstance(variables, dict) and isinstance(variables.get("repformer_layers"), list):
        layers = [gather_residuals(layer) for layer in variables["repformer_layers"]]
        descriptor = descriptor | {"repformers_variable": variables | {"repformer_layers": layers}}
    return descriptor


def is_version_1(node) -> bool:
    return isinstance(node, dict) and node.get("@version") == 1


def without_later_options(repformer_args):
    """The settings with the later options turned off, whatever they say."""
    return repformer_args | dict.fromkeys(NOT_YET, False) if isinstance(repformer_args, dict) else repformer_args


def gather_residuals(layer):
    """The layer with its residual vectors in `@variables`; version 1 has them beside it."""
    if not is_version_1(layer):
        return layer
    beside = {key: layer[key] for key in RESIDUALS if key in layer}
    inside = layer.get("@variables") if isinstance(layer.get("@variables"), dict) else {}
    rest = {key: value for key, value in layer.items() if key not in RESIDUALS}
    return rest | ({"@variables": inside | beside} if inside or beside else {})
