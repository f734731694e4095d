"""From a configuration to a tree of modules: the one place that reads the switches (specification section 16).

`build_model` asks for every tensor by its name and shape. Who answers decides what comes out: weights from a file, or
places for numbers to be drawn. Terms of a repformer layer read their own switches (`descriptor/term.py`).
"""

from __future__ import annotations

import numpy as np

from ..config import ENERGY, DPA2Config, sections
from ..descriptor.descriptor import Descriptor, Repformer
from ..descriptor.environment import Environment
from ..descriptor.neighbor_attention import NeighborAttention
from ..descriptor.repformer import TERMS, RepformerLayer, count_updates
from ..descriptor.repinit import Repinit
from ..descriptor.tables import Tables
from ..descriptor.term import TermContext
from ..descriptor.three_body import ThreeBody
from ..descriptor.type_embedding import TypeEmbedding
from ..descriptor.weighting import Counted, Smooth
from ..errors import FormatError
from ..fitting.atomic_model import AtomicModel
from ..fitting.dipole import Dipoles
from ..fitting.invariants import Invariants
from ..fitting.net import FittingNet
from ..fitting.polarizability import Polarizabilities
from ..fitting.readout import Kind
from ..nn.building import Take, below
from ..nn.layers import Dense, EmbeddingNet, LayerNorm, Linear

Block = sections.Repinit | sections.ThreeBody | sections.Repformer  # the sections of blocks with a list of neighbours


def build_model(config: DPA2Config, take: Take) -> AtomicModel:
    """Return the model that `config` describes, its tensors given by `take(name, *shape)`."""
    return AtomicModel(
        descriptor=descriptor(config, below(take, "descriptor")),
        fitting=fitting(config, below(take, "fitting")),
        bias=take("bias", len(config.types), *config.bias_shape),
        deviation=take("deviation", len(config.types), *config.bias_shape),
        excluded_types=config.excluded_types,
        kind=kind(config),
    )


def descriptor(config: DPA2Config, take: Take) -> Descriptor:
    type_dim, atom_dim = config.repinit.type_dim, config.repformer.atom_dim
    reshaped, typed = config.repinit_dim != atom_dim, config.add_type_to_repinit
    shape_transform, type_transform = below(take, "shape_transform"), below(take, "type_transform")
    return Descriptor(
        type_embedding=type_embedding(config, below(take, "type_embedding")),
        repinit=repinit(config, below(take, "repinit")),
        three_body=three_body(config, config.three_body, below(take, "three_body")) if config.three_body else None,
        shape_transform=Linear.build(shape_transform, config.repinit_dim, atom_dim, bias=False) if reshaped else None,
        type_transform=Linear.build(type_transform, type_dim, atom_dim, bias=False) if typed else None,
        repformer=repformer(config, below(take, "repformer")),
        append_type=config.append_type,
    )


def type_embedding(config: DPA2Config, take: Take) -> TypeEmbedding:
    inputs, dim = (118 if config.electron_configuration else len(config.types)), config.repinit.type_dim
    return TypeEmbedding(
        weight=take("weight", inputs, dim),
        bias=take("bias", dim) if config.type_bias else None,
        elements=config.types if config.electron_configuration else None,
    )


def net(take: Take, fan_in: int, widths: tuple[int, ...], activation: str, timestep: bool) -> EmbeddingNet:
    """Return a net of dense layers; those whose width stays or doubles have a skip connection, and θ if asked for."""
    layers = []
    for k, width in enumerate(widths):
        layer, skips = below(take, "layers", str(k)), width in (fan_in, 2 * fan_in)
        layers.append(
            Dense(
                weight=layer("weight", fan_in, width),
                bias=layer("bias", width),
                timestep=layer("timestep", width) if timestep and skips else None,
                activation=activation,
            )
        )
        fan_in = width
    return EmbeddingNet(tuple(layers))


def environment(config: DPA2Config, take: Take, section: Block) -> Environment:
    mean = take("mean", len(config.types), 4)
    return Environment(
        mean=mean,
        std=take("std", len(config.types), 4),
        cutoff=float(section.cutoff),
        inner_cutoff=float(section.inner_cutoff),
        max_neighbors=section.max_neighbors,
        protection=float(config.protection),
        has_mean=bool((mean != 0).any()),
    )


def typed_nets(
    config: DPA2Config, take: Take, widths: tuple[int, ...], sides: int
) -> tuple[EmbeddingNet, EmbeddingNet | None]:
    """Return the embedding net of a block and, with `strip`, the net that gates it by the types."""
    settings, dim = config.repinit, sides * config.repinit.type_dim
    concat, rest = settings.type_input == "concat", (widths, settings.activation, settings.timestep)
    embedding = net(below(take, "embedding"), 1 + dim if concat else 1, *rest)
    return embedding, None if concat else net(below(take, "type_gate"), dim, *rest)


def repinit(config: DPA2Config, take: Take) -> Repinit:
    section = config.repinit
    embedding, gate = typed_nets(config, take, section.widths, 1 if section.one_sided else 2)
    return Repinit(
        environment=environment(config, below(take, "environment"), section),
        embedding=embedding,
        type_gate=gate,
        attention=neighbor_attention(config, section.attention, below(take, "attention")) if section.attention else (),
        axis=section.axis,
        smooth=config.smooth,
        tables=tables(config, section.compression, below(take, "tables")) if section.compression else None,
    )


def tables(config: DPA2Config, section: sections.Compression, take: Take) -> Tables:
    repinit, types = config.repinit, len(config.types) + 1
    intervals, channels = section.intervals, repinit.widths[-1]
    return Tables(
        types=take("types", types if repinit.one_sided else types * types, channels),
        coefficients=take("coefficients", intervals, 6 * channels) if intervals else None,
        grid=take("grid", 6) if intervals else None,
    )


def neighbor_attention(
    config: DPA2Config, section: sections.NeighborAttention, take: Take
) -> tuple[NeighborAttention, ...]:
    channels, layers = config.repinit.widths[-1], [below(take, str(k)) for k in range(section.layers)]
    return tuple(
        NeighborAttention(
            input=Linear.build(below(layer, "input"), channels, 3 * section.dim),
            output=Linear.build(below(layer, "output"), section.dim, channels),
            norm=LayerNorm.build(below(layer, "norm"), channels, section.norm_epsilon),
            scale=section.temperature or (section.dim * section.scaling) ** -0.5,
            normalize=section.normalize,
            angular_gate=section.angular_gate,
            weighting=weighting(config, config.repinit),
        )
        for layer in layers
    )


def weighting(config: DPA2Config, section: Block) -> Smooth | Counted:
    kind = Smooth if config.smooth else Counted
    return kind(max_neighbors=section.max_neighbors, root=config.repformer.root_normalization)


def three_body(config: DPA2Config, section: sections.ThreeBody, take: Take) -> ThreeBody:
    embedding, gate = typed_nets(config, take, section.widths, 2)
    return ThreeBody(environment(config, below(take, "environment"), section), embedding, gate, config.smooth)


def repformer(config: DPA2Config, take: Take) -> Repformer:
    s = config.repformer
    layers = [below(take, "layers", str(k)) for k in range(s.layers)]
    return Repformer(
        environment=environment(config, below(take, "environment"), s),
        pair_embedding=Linear.build(below(take, "pair_embedding"), 1, s.pair_dim),
        layers=tuple(repformer_layer(config, layer, k == s.layers - 1) for k, layer in enumerate(layers)),
        weighting=weighting(config, s),
        direct_distance=s.direct_distance,
        activation=s.activation,
    )


def repformer_layer(config: DPA2Config, take: Take, last: bool) -> RepformerLayer:
    """Return the terms that the settings ask for, with a trained scale for each of their updates if so wished."""
    s, neighbors = config.repformer, weighting(config, config.repformer)
    kinds = [kind for kind in TERMS if kind.exists(s, last)]
    width = sum(kind.width(s) for kind in kinds)
    terms = tuple(kind.build(TermContext(s, below(take, kind.name), neighbors, width)) for kind in kinds)
    counts = count_updates(terms) if s.residual == "trainable" else {}

    def scales(name: str, updated: str, width: int) -> tuple:
        return tuple(take(f"{name}.{k}", width) for k in range(counts.get(updated, 0)))

    return RepformerLayer(
        terms=terms,
        atom_scale=scales("atom_scale", "atom", s.atom_dim),
        pair_scale=scales("pair_scale", "pair", s.pair_dim),
        frame_scale=scales("frame_scale", "direction", 1),
        residual=s.residual,
    )


def kind(config: DPA2Config) -> Kind:
    """Return the settings of the head, with a number for each type where there is one."""
    head = config.fitting.polarizability
    if head is not None:
        scale, constant = (
            given or (value,) * len(config.types) for given, value in ((head.scale, 1.0), (head.constant, 0.0))
        )
        return Polarizabilities(head.diagonal, head.shifted, scale, constant)
    if config.fitting.dipole is not None:
        return Dipoles()
    return Invariants(alone=config.kind == ENERGY, scaled=config.fitting.property is not None)


def fitting(config: DPA2Config, take: Take) -> FittingNet:
    s, width, outputs = config.fitting, config.fitting_dim, config.net_outputs
    frame, atom = s.frame_parameters, s.atom_parameters
    return FittingNet(
        layers=net(take, width, s.widths, s.activation, s.timestep).layers,
        output=Linear.build(below(take, "output"), s.widths[-1] if s.widths else width, outputs),
        bias=take("bias", len(config.types), *config.net_bias_shape),
        frame_mean=take("frame_mean", frame) if frame else None,
        frame_scale=take("frame_scale", frame) if frame else None,
        atom_mean=take("atom_mean", atom) if atom else None,
        atom_scale=take("atom_scale", atom) if atom else None,
        case=take("case", s.case_dim) if s.case_dim else None,
        parameters_as_mask=s.parameters_as_mask,
        subtract_vacuum=any(e is not None for e in s.vacuum_energies),
    )


def skeleton(config: DPA2Config) -> AtomicModel:
    """Return the model with zeros that take no memory, for its names, shapes and roles."""
    return build_model(config, lambda name, *shape: np.broadcast_to(0.0, shape))


def load_weights(config: DPA2Config, weights: dict[str, np.ndarray], source: str = "") -> AtomicModel:
    """Return the model with given weights; every tensor must be there, in shape, and none left over."""
    left, where = dict(weights), f"{source}: " if source else ""

    def take(name: str, *shape: int) -> np.ndarray:
        if name not in left:
            raise FormatError(f"{where}tensor {name} {shape} is missing", file=source, tensor=name)
        array = left.pop(name)
        if tuple(array.shape) != shape:
            what = f"has shape {tuple(array.shape)}, the configuration asks for {shape}"
            raise FormatError(f"{where}tensor {name} {what}", file=source, tensor=name)
        return array

    model = build_model(config, take)
    if left:
        name = min(left)
        raise FormatError(f"{where}tensor {name} belongs to nothing in the configuration", file=source, tensor=name)
    return model
