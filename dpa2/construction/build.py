"""From a configuration to a tree of modules: the one place that reads the switches (specification section 16).

`build_model` asks for every tensor by its name and shape. Who answers decides what comes out: weights from a file, or
fresh ones drawn from the initial distributions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..config import DPA2Config, Repformer
from ..descriptor.convolution import Convolution, NarrowConvolution
from ..descriptor.descriptor import Descriptor
from ..descriptor.descriptor import Repformer as RepformerWeights
from ..descriptor.environment import Environment
from ..descriptor.local_attention import LocalAttention
from ..descriptor.neighbor_attention import NeighborAttention
from ..descriptor.pair_attention import PairAttention
from ..descriptor.repformer import RepformerLayer
from ..descriptor.repinit import Repinit
from ..descriptor.tables import Tables
from ..descriptor.three_body import ThreeBody
from ..descriptor.type_embedding import TypeEmbedding
from ..descriptor.weighting import Counted, Smooth
from ..errors import FormatError
from ..fitting.energy import EnergyModel
from ..fitting.net import FittingNet
from ..nn.layers import Dense, EmbeddingNet, LayerNorm, Linear

Take = Callable[..., np.ndarray]  # take(name, *shape) -> array


def build_model(config: DPA2Config, take: Take) -> EnergyModel:
    """The model that `config` describes, its tensors given by `take(name, *shape)`."""
    return EnergyModel(
        descriptor=descriptor(config, take),
        fitting=fitting(config, take),
        bias=take("bias", len(config.types)),
        deviation=take("deviation", len(config.types)),
        excluded_types=config.excluded_types,
    )


def descriptor(config: DPA2Config, take: Take) -> Descriptor:
    inputs, dim = (118 if config.electron_configuration else len(config.types)), config.repinit.type_dim
    atom_dim = config.repformer.atom_dim
    reshaped = config.repinit_dim != atom_dim
    return Descriptor(
        type_embedding=TypeEmbedding(
            weight=take("descriptor.type_embedding.weight", inputs, dim),
            bias=take("descriptor.type_embedding.bias", dim) if config.type_bias else None,
            elements=config.types if config.electron_configuration else None,
        ),
        repinit=repinit(config, take),
        three_body=three_body(config, take) if config.three_body else None,
        shape_transform=linear(take, "descriptor.shape_transform", config.repinit_dim, atom_dim, bias=False)
        if reshaped
        else None,
        type_transform=linear(take, "descriptor.type_transform", dim, atom_dim, bias=False)
        if config.add_type_to_repinit
        else None,
        repformer=repformer(config, take),
        append_type=config.append_type,
    )


def linear(take: Take, name: str, fan_in: int, fan_out: int, *, bias: bool) -> Linear:
    return Linear(take(f"{name}.weight", fan_in, fan_out), take(f"{name}.bias", fan_out) if bias else None)


def net(take: Take, name: str, fan_in: int, widths, activation: str, timestep: bool) -> EmbeddingNet:
    """An embedding net; layers whose width stays or doubles have a skip connection, and θ if asked for."""
    layers = []
    for k, width in enumerate(widths):
        path, skips = f"{name}.layers.{k}", width in (fan_in, 2 * fan_in)
        layers.append(
            Dense(
                weight=take(f"{path}.weight", fan_in, width),
                bias=take(f"{path}.bias", width),
                timestep=take(f"{path}.timestep", width) if timestep and skips else None,
                activation=activation,
            )
        )
        fan_in = width
    return EmbeddingNet(tuple(layers))


def environment(config: DPA2Config, take: Take, name: str, section) -> Environment:
    mean = take(f"{name}.environment.mean", len(config.types), 4)
    return Environment(
        mean=mean,
        std=take(f"{name}.environment.std", len(config.types), 4),
        cutoff=float(section.cutoff),
        inner_cutoff=float(section.inner_cutoff),
        max_neighbors=section.max_neighbors,
        protection=float(config.protection),
        has_mean=bool(np.any(np.asarray(mean) != 0)),
    )


def typed_nets(config: DPA2Config, take: Take, name: str, widths, sides: int):
    """The embedding net of a block and, with `strip`, the net that gates it by the types."""
    settings, dim = config.repinit, sides * config.repinit.type_dim
    concat = settings.type_input == "concat"
    embedding = net(take, f"{name}.embedding", 1 + dim if concat else 1, widths, settings.activation, settings.timestep)
    if concat:
        return embedding, None
    return embedding, net(take, f"{name}.type_gate", dim, widths, settings.activation, settings.timestep)


def repinit(config: DPA2Config, take: Take) -> Repinit:
    name, section = "descriptor.repinit", config.repinit
    embedding, gate = typed_nets(config, take, name, section.widths, 1 if section.one_sided else 2)
    return Repinit(
        environment=environment(config, take, name, section),
        embedding=embedding,
        type_gate=gate,
        attention=neighbor_attention(config, take) if section.attention else (),
        axis=section.axis,
        smooth=config.smooth,
        tables=tables(config, take) if section.compression else None,
    )


def tables(config: DPA2Config, take: Take) -> Tables:
    name, section, types = "descriptor.repinit.tables", config.repinit, len(config.types) + 1
    intervals, channels = section.compression.intervals, section.widths[-1]
    return Tables(
        types=take(f"{name}.types", types if section.one_sided else types * types, channels),
        coefficients=take(f"{name}.coefficients", intervals, 6 * channels) if intervals else None,
        grid=take(f"{name}.grid", 6) if intervals else None,
    )


def neighbor_attention(config: DPA2Config, take: Take) -> tuple[NeighborAttention, ...]:
    settings, channels = config.repinit.attention, config.repinit.widths[-1]
    scale = settings.temperature or (settings.dim * settings.scaling) ** -0.5
    layers = []
    for k in range(settings.layers):
        name = f"descriptor.repinit.attention.{k}"
        layers.append(
            NeighborAttention(
                input=linear(take, f"{name}.input", channels, 3 * settings.dim, bias=True),
                output=linear(take, f"{name}.output", settings.dim, channels, bias=True),
                norm=layer_norm(take, f"{name}.norm", channels, settings.norm_epsilon),
                scale=scale,
                normalize=settings.normalize,
                angular_gate=settings.angular_gate,
                weighting=weighting(config, config.repinit),
            )
        )
    return tuple(layers)


def layer_norm(take: Take, name: str, width: int, epsilon: float) -> LayerNorm:
    return LayerNorm(take(f"{name}.weight", width), take(f"{name}.bias", width), epsilon)


def weighting(config: DPA2Config, section) -> Smooth | Counted:
    kind = Smooth if config.smooth else Counted
    return kind(max_neighbors=section.max_neighbors, root=config.repformer.root_normalization)


def three_body(config: DPA2Config, take: Take) -> ThreeBody:
    name, section = "descriptor.three_body", config.three_body
    embedding, gate = typed_nets(config, take, name, section.widths, 2)
    return ThreeBody(environment(config, take, name, section), embedding, gate, config.smooth)


def repformer(config: DPA2Config, take: Take) -> RepformerWeights:
    name, section = "descriptor.repformer", config.repformer
    count = section.layers
    return RepformerWeights(
        environment=environment(config, take, name, section),
        pair_embedding=linear(take, f"{name}.pair_embedding", 1, section.pair_dim, bias=True),
        layers=tuple(repformer_layer(config, take, f"{name}.layers.{k}", k == count - 1) for k in range(count)),
        weighting=weighting(config, section),
        direct_distance=section.direct_distance,
        activation=section.activation,
    )


def repformer_layer(config: DPA2Config, take: Take, name: str, last: bool) -> RepformerLayer:
    """One layer; the last does not update g and h, and has no weights for that (section 8.2)."""
    s = config.repformer
    f, g = s.atom_dim, s.pair_dim
    trained = s.residual == "trainable"
    counts = (0, 0, 0) if not trained else update_counts(s, last)
    return RepformerLayer(
        mlp=linear(take, f"{name}.mlp", f, f, bias=True) if s.separate_mlp else None,
        convolution=convolution(s, take, f"{name}.convolution") if s.convolution else None,
        merge=linear(take, f"{name}.merge", merged_dim(s), f, bias=True),
        local_attention=local_attention(config, take, f"{name}.local_attention") if s.local_attention else None,
        pair_mlp=None if last else linear(take, f"{name}.pair_mlp", g, g, bias=True),
        pair_product=linear(take, f"{name}.pair_product", f, g, bias=False) if s.pair_product and not last else None,
        pair_attention=None if last else pair_attention(config, take, f"{name}.pair_attention"),
        atom_scale=tuple(take(f"{name}.atom_scale.{k}", f) for k in range(counts[0])),
        pair_scale=tuple(take(f"{name}.pair_scale.{k}", g) for k in range(counts[1])),
        frame_scale=tuple(take(f"{name}.frame_scale.{k}", 1) for k in range(counts[2])),
        residual=s.residual,
        activation=s.activation,
        pair_axis=s.axis if s.pair_symmetrization else None,
        neighbor_axis=s.axis if s.neighbor_symmetrization else None,
    )


def update_counts(s: Repformer, last: bool) -> tuple[int, int, int]:
    """How many updates f, g and h have (section 8.2)."""
    atom = 1 + s.separate_mlp + (s.convolution and s.separate_convolution) + s.local_attention
    return (atom, 0, 0) if last else (atom, 1 + s.pair_product + s.pair_attention, int(s.frame_attention))


def merged_dim(s: Repformer) -> int:
    """Width of what the merged update of f sees (section 8.5)."""
    width = 0 if s.separate_mlp else s.atom_dim
    width += s.pair_dim if s.convolution and not s.separate_convolution else 0
    width += s.axis * s.pair_dim if s.pair_symmetrization else 0
    return width + (s.axis * s.atom_dim if s.neighbor_symmetrization else 0)


def convolution(s: Repformer, take: Take, name: str) -> Convolution | NarrowConvolution:
    if s.separate_convolution:
        return Convolution(linear(take, f"{name}.project", s.pair_dim, s.atom_dim, bias=False))
    return NarrowConvolution(linear(take, f"{name}.project", s.atom_dim, s.pair_dim, bias=False))


def local_attention(config: DPA2Config, take: Take, name: str) -> LocalAttention:
    s = config.repformer
    heads, f, dim = s.attention_heads, s.atom_dim, s.attention_dim
    return LocalAttention(
        query=take(f"{name}.query", heads, f, dim),
        key=take(f"{name}.key", heads, f, dim),
        value=take(f"{name}.value", heads, f, f),
        output=take(f"{name}.output", heads, f, f),
        bias=take(f"{name}.bias", f),
        weighting=weighting(config, s),
    )


def pair_attention(config: DPA2Config, take: Take, name: str) -> PairAttention | None:
    s = config.repformer
    if not (s.pair_attention or s.frame_attention):
        return None
    heads, g, dim, reads = s.pair_attention_heads, s.pair_dim, s.pair_attention_dim, s.pair_attention
    return PairAttention(
        query=take(f"{name}.query", heads, g, dim),
        key=take(f"{name}.key", heads, g, dim),
        value=take(f"{name}.value", heads, g, g) if reads else None,
        output=take(f"{name}.output", heads, g, g) if reads else None,
        bias=take(f"{name}.bias", g) if reads else None,
        norm=layer_norm(take, f"{name}.norm", g, s.norm_epsilon) if reads else None,
        mix=take(f"{name}.mix", heads) if s.frame_attention else None,
        gate=s.pair_attention_gate,
        weighting=weighting(config, s),
    )


def fitting(config: DPA2Config, take: Take) -> FittingNet:
    s, width = config.fitting, config.fitting_dim
    hidden = net(take, "fitting", width, s.widths, s.activation, s.timestep)
    last = s.widths[-1] if s.widths else width
    frame, atom = s.frame_parameters, s.atom_parameters
    return FittingNet(
        layers=hidden.layers,
        output=linear(take, "fitting.output", last, 1, bias=True),
        bias=take("fitting.bias", len(config.types)),
        frame_mean=take("fitting.frame_mean", frame) if frame else None,
        frame_scale=take("fitting.frame_scale", frame) if frame else None,
        atom_mean=take("fitting.atom_mean", atom) if atom else None,
        atom_scale=take("fitting.atom_scale", atom) if atom else None,
        case=take("fitting.case", s.case_dim) if s.case_dim else None,
        parameters_as_mask=s.parameters_as_mask,
        subtract_vacuum=any(e is not None for e in s.vacuum_energies),
    )


def load_weights(config: DPA2Config, weights: dict[str, np.ndarray], source: str = "") -> EnergyModel:
    """The model with given weights; every tensor must be there, in shape, and none left over."""
    left = dict(weights)

    def take(name: str, *shape: int) -> np.ndarray:
        if name not in left:
            raise FormatError(f"{source}: tensor {name} {shape} is missing", file=source, tensor=name)
        array = left.pop(name)
        if tuple(array.shape) != shape:
            what = f"has shape {tuple(array.shape)}, the configuration asks for {shape}"
            raise FormatError(f"{source}: tensor {name} {what}", file=source, tensor=name)
        return array

    model = build_model(config, take)
    if left:
        name = min(left)
        raise FormatError(f"{source}: tensor {name} belongs to nothing in the configuration", file=source, tensor=name)
    return model
