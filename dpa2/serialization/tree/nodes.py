"""The nodes of the native tree that hold one layer or one network.

Source: section 2.4 of the description of formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .packing import TreeArray, plain


@dataclass(frozen=True)
class Nodes:
    """A maker of nodes of one precision; `trainable` is noted in each of them."""

    precision: str
    trainable: bool = True

    def layer(self, weight: TreeArray, bias: TreeArray | None = None) -> dict:
        """A linear map without activation or skip connection."""
        return self.dense(weight, bias, None, "none", resnet=False)

    def dense(
        self, weight: TreeArray, bias: TreeArray | None, timestep: TreeArray | None, activation: str, resnet: bool
    ) -> dict:
        return {
            "@class": "Layer",
            "@version": 2,
            "bias": bias is not None,
            "use_timestep": timestep is not None,
            "activation_function": activation,
            "resnet": resnet,
            "precision": self.precision,
            "trainable": self.trainable,
            "@variables": {"w": self.typed(weight), "b": self.typed(bias), "idt": self.typed(timestep)},
        }

    def typed(self, array: TreeArray | None) -> TreeArray | None:
        return array and array.of(self.precision)

    def linear(self, name: str, fan_in: int, fan_out: int, bias: bool = True) -> dict:
        weight = plain(f"{name}.weight", (fan_in, fan_out))
        return self.layer(weight, plain(f"{name}.bias", (fan_out,)) if bias else None)

    def hidden(self, name: str, fan_in: int, fan_out: int, activation: str, timestep: bool, bias: bool = True) -> dict:
        """A dense layer; its timestep goes with a skip connection."""
        weight = plain(f"{name}.weight", (fan_in, fan_out))
        skips = timestep and fan_out in (fan_in, 2 * fan_in)
        offset = plain(f"{name}.bias", (fan_out,)) if bias else None
        return self.dense(weight, offset, plain(f"{name}.timestep", (fan_out,)) if skips else None, activation, True)

    def embedding(self, name: str, fan_in: int, widths, activation: str, timestep: bool) -> dict:
        """A chain of dense layers."""
        ends = pairwise([fan_in, *widths])
        layers = [self.hidden(f"{name}.layers.{k}", *e, activation, timestep) for k, e in enumerate(ends)]
        return self.network(fan_in, widths, activation, timestep, layers)

    def network(self, fan_in: int, widths, activation: str, timestep: bool, layers: list, bias: bool = True) -> dict:
        return {
            "@class": "EmbeddingNetwork",
            "@version": 2,
            "in_dim": fan_in,
            "neuron": list(widths),
            "activation_function": activation,
            "resnet_dt": timestep,
            "bias": bias,
            "precision": self.precision,
            "layers": layers,
        }

    def norm(self, name: str, channels: int, epsilon: float, trainable: bool) -> dict:
        arrays = {key: self.typed(plain(f"{name}.{n}", (channels,))) for key, n in (("w", "weight"), ("b", "bias"))}
        return {
            "@class": "LayerNorm",
            "@version": 1,
            "eps": epsilon,
            "trainable": trainable,
            "precision": self.precision,
            "@variables": arrays,
        }


def collection(network: dict, types: int, kind: str) -> dict:
    """The one network that all types share."""
    return {
        "@class": "NetworkCollection",
        "@version": 1,
        "ndim": 0,
        "ntypes": types,
        "network_type": kind,
        "networks": [network],
    }
