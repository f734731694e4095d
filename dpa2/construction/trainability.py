"""Tensors that training may change, as the configuration says with `trainable` (specification section 15)."""

from __future__ import annotations

from ..config import DPA2Config
from ..errors import ConfigurationError
from ..nn.layers import LayerNorm
from ..nn.module import Leaf


def trainable(config: DPA2Config, leaf: Leaf) -> bool:
    """Return whether a tensor of the weights is a parameter that the configuration does not freeze."""
    if leaf.role.kind != "parameter":
        return False
    if leaf.part == "fitting":
        return trainable_layers(config)[fitting_layer(config, leaf.path)]
    norm_frozen = isinstance(leaf.owner, LayerNorm) and not config.repformer.trainable_norm
    return config.trainable and not (norm_frozen and ".repformer." in leaf.path)


def trainable_layers(config: DPA2Config) -> list[bool]:
    """Return one flag for each layer of the fitting net, its last included."""
    given, count = config.fitting.trainable, len(config.fitting.widths) + 1
    flags = [given] * count if isinstance(given, bool) else list(given)
    if len(flags) != count:
        rule = f"must be one flag, or one for each of {count} layers"
        raise ConfigurationError(f"fitting.trainable = {given}: {rule}", path="fitting.trainable", value=given)
    return flags


def fitting_layer(config: DPA2Config, path: str) -> int:
    """Return the number of the fitting net's layer to which a tensor belongs."""
    words = path.split(".")
    return int(words[2]) if words[1] == "layers" else len(config.fitting.widths)
