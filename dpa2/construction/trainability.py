"""Tensors that training may change, as the configuration says with `trainable` (specification section 15)."""

from __future__ import annotations

from ..config import DPA2Config
from ..errors import ConfigurationError
from ..nn.module import Leaf


def trainable(config: DPA2Config, leaf: Leaf) -> bool:
    """Return whether a tensor of the weights is a parameter that the configuration does not freeze.

    `trainable_norm` freezes nothing: the reference trains the norms of a descriptor all the same, and its checkpoints
    have an optimizer state for them.
    """
    if leaf.role.kind != "parameter":
        return False
    return all(trainable_layers(config)) if leaf.part == "fitting" else config.trainable


def trainable_layers(config: DPA2Config) -> list[bool]:
    """Return one flag for each layer of the fitting net, its last included, as files have them.

    The net is trained as a whole if all of them are true, and not at all otherwise, as by the reference.
    """
    given, count = config.fitting.trainable, len(config.fitting.widths) + 1
    flags = [given] * count if isinstance(given, bool) else list(given)
    if len(flags) != count:
        rule = f"must be one flag, or one for each of {count} layers"
        raise ConfigurationError(f"fitting.trainable = {given}: {rule}", path="fitting.trainable", value=given)
    return flags
