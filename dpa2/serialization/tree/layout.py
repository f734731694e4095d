"""The layout of a model's native tree, with a `TreeArray` in place of each array; for reading and for writing.

Source: section 2 of the description of formats.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ...config import DPA2Config
from ...construction.trainability import trainable_layers
from ...dtypes import NAMES
from ..inventory import inventory
from ..settings.heads import ARRAYS, words_of, write_head
from ..settings.spelling import DESCRIPTOR, FITTING, MODEL, REPFORMER, thaw, write_repinit, write_words
from .nodes import Nodes, collection
from .packing import TreeArray, plain, reshaped, setting, statistics
from .repformer_layout import layer_node

ROTATING = ("dipole", "polarizability")  # kinds whose nodes lack what only invariant values have


def model_layout(config: DPA2Config) -> dict:
    """The `model` node of the tree."""
    shape = len(config.types), *config.bias_shape
    names = {"out_bias": "bias", "out_std": "deviation"}
    middle = {key: reshaped(name, (1, shape[0], math.prod(shape[1:])), shape) for key, name in names.items()}
    return {
        "@class": "Model",
        "@version": 2,
        "type": "standard",
        **write_words(config.to_dict(), MODEL),
        "rcond": config.fitting.bias_cutoff,
        "@variables": middle,
        "descriptor": descriptor_node(config),
        "fitting": fitting_node(config),
    }


def descriptor_node(config: DPA2Config) -> dict:
    settings = config.to_dict()
    node = {
        "@class": "Descriptor",
        "@version": 4 if config.repinit.compression else 3,
        "type": "dpa2",
        "ntypes": len(config.types),
        "type_map": list(config.types),
        "repinit_args": write_repinit(settings),
        "repformer_args": write_words(settings["repformer"], REPFORMER),
        **write_words(settings, DESCRIPTOR),
        "type_embedding": type_embedding_node(config),
        "g1_shape_tranform": shape_transform_node(config),
        "repinit_variable": repinit_node(config),
        "repformers_variable": repformer_node(config),
    }
    if config.three_body:
        node["repinit_three_body_variable"] = three_body_node(config)
    if config.add_type_to_repinit:
        ends = config.repinit.type_dim, config.repformer.atom_dim
        node["tebd_transform"] = nodes(config).linear("descriptor.type_transform", *ends, bias=False)
    return node


def nodes(config: DPA2Config) -> Nodes:
    """The maker of the descriptor's nodes."""
    return Nodes(config.dtype, config.trainable)


def type_embedding_node(config: DPA2Config) -> dict:
    name, dim, bias = "descriptor.type_embedding", config.repinit.type_dim, config.type_bias
    inputs = 118 if config.electron_configuration else len(config.types)
    layer = nodes(config).hidden(name, inputs, dim, "Linear", timestep=False, bias=bias)
    return {
        "@class": "TypeEmbedNet",
        "@version": 2,
        "ntypes": len(config.types),
        "neuron": [dim],
        "resnet_dt": False,
        "precision": config.dtype,
        "activation_function": "Linear",
        "trainable": config.trainable,
        "padding": True,
        "use_econf_tebd": config.electron_configuration,
        "use_tebd_bias": bias,
        "type_map": list(config.types),
        "embedding": nodes(config).network(inputs, [dim], "Linear", False, [layer], bias),
    }


def shape_transform_node(config: DPA2Config) -> dict:
    if config.repinit_dim == config.repformer.atom_dim:
        return {"@class": "Identity", "@version": 1}
    ends = config.repinit_dim, config.repformer.atom_dim
    return nodes(config).linear("descriptor.shape_transform", *ends, bias=False)


def repinit_node(config: DPA2Config) -> dict:
    width = config.repinit.type_dim * (1 if config.repinit.one_sided else 2)
    node = block_node("descriptor.repinit", config, config.repinit, width)
    tables = config.repinit.compression
    return node | ({"compress": tables_node(config, tables.intervals)} if tables else {})


def tables_node(config: DPA2Config, intervals: int) -> dict:
    """The tables of a compressed model."""
    name, tensors = "descriptor.repinit.tables.", inventory(config)

    def array(part: str) -> TreeArray:
        return plain(f"{name}{part}", tensors[f"{name}{part}"].shape).of(config.dtype)

    geometry = {"compress_data": "coefficients", "compress_info": "grid"}
    arrays: dict = {key: [array(part)] if intervals else [] for key, part in geometry.items()}
    return {"@variables": {"type_embd_data": array("types")} | arrays, "geo_compress": intervals > 0}


def three_body_node(config: DPA2Config) -> dict:
    return block_node("descriptor.three_body", config, config.three_body, 2 * config.repinit.type_dim)


def block_node(name: str, config: DPA2Config, block, type_width: int) -> dict:
    """The node of repinit or three-body; `type_width` is the width of the type features that a network takes."""
    strip, types, rest = config.repinit.type_input == "strip", len(config.types), (block.widths, *repinit_style(config))
    embedding = nodes(config).embedding(f"{name}.embedding", 1 if strip else 1 + type_width, *rest)
    node = {"embeddings": collection(embedding, types, "embedding_network")} | environment(name, config, block)
    if strip:
        gate = nodes(config).embedding(f"{name}.type_gate", type_width, *rest)
        node["embeddings_strip"] = collection(gate, types, "embedding_network")
    return node


def repinit_style(config: DPA2Config) -> tuple[str, bool]:
    return config.repinit.activation, config.repinit.timestep


def environment(name: str, config: DPA2Config, block) -> dict:
    """The environment matrix of a block: a note of the cutoffs, and the statistics."""
    note = {"rcut": block.cutoff, "rcut_smth": block.inner_cutoff}
    arrays = {
        key: statistics(f"{name}.environment.{part}", len(config.types), block.max_neighbors).of(config.dtype)
        for key, part in (("davg", "mean"), ("dstd", "std"))
    }
    return {"env_mat": note | {"protection": 0.0, "use_exp_switch": False}, "@variables": arrays}


def repformer_node(config: DPA2Config) -> dict:
    name, repformer, tensors = "descriptor.repformer", config.repformer, inventory(config)
    return {
        "g2_embd": nodes(config).linear(f"{name}.pair_embedding", 1, repformer.pair_dim),
        "repformer_layers": [layer_node(config, k, tensors) for k in range(repformer.layers)],
        **environment(name, config, repformer),
    }


def fitting_node(config: DPA2Config) -> dict:
    types, ours = len(config.types), config.to_dict()["fitting"]
    words = {key: name for key, name in FITTING.items() if key != "atom_ener" or config.kind not in ROTATING}
    head = head_node(config)
    node = {
        "@class": "Fitting",
        "@version": words_of(config).versions[-1],
        "ntypes": types,
        "type_map": list(config.types),
        "dim_descrpt": config.descriptor_dim,
        "mixed_types": True,
        **write_words(ours, words),
        "trainable": trainable_layers(config),
        "exclude_types": thaw(config.excluded_types),
        "nets": collection(fitting_network(config), types, "fitting_network"),
        "tot_ener_zero": False,
        "layer_name": None,
        "spin": None,
    }
    return node | head | {"@variables": fitting_arrays(config) | head.get("@variables", {})}


def fitting_arrays(config: DPA2Config) -> dict:
    """The arrays that the fitting net of every head has beside its layers."""
    bias = (len(config.types), config.net_outputs), (len(config.types), *config.net_bias_shape)
    arrays = {key: array and array.of(config.fitting.dtype) for key, array in fitting_inputs(config).items()}
    return arrays | {"bias_atom_e": replace(reshaped("fitting.bias", *bias), also=NAMES)}


def head_node(config: DPA2Config) -> dict:
    """The entries of a fitting net's node that depend on its head; all invariant values have the same ones."""
    head, outputs = words_of(config), config.net_outputs
    settings = {head.in_trees.get(key, key): value for key, value in write_head(config).items() if key not in ARRAYS}
    if config.kind not in ROTATING:
        name = {"ener": "energy"}.get(head.theirs, head.theirs)
        return {"var_name": name, "dim_out": outputs} | settings
    node = {"var_name": head.theirs, "embedding_width": config.repformer.pair_dim} | settings
    section = config.fitting.polarizability
    if section is None:
        return node | {"r_differentiable": True, "c_differentiable": True}
    types = len(config.types)
    scale, constant = section.scale or (1.0,) * types, section.constant or (0.0,) * types
    return node | {"@variables": {"scale": setting(scale, (types, 1)), "constant_matrix": setting(constant, (types,))}}


def fitting_inputs(config: DPA2Config) -> dict:
    """Statistics of frame and atom parameters, and the case vector; null where there are none."""
    fit = config.fitting
    vectors = {"case_embd": ("fitting.case", fit.case_dim)}
    for key, part, count in (("f", "frame", fit.frame_parameters), ("a", "atom", fit.atom_parameters)):
        vectors |= {
            f"{key}param_avg": (f"fitting.{part}_mean", count),
            f"{key}param_inv_std": (f"fitting.{part}_scale", count),
        }
    return {key: plain(name, (count,)) if count else None for key, (name, count) in vectors.items()}


def fitting_network(config: DPA2Config) -> dict:
    fit, widths = config.fitting, [config.fitting_dim, *config.fitting.widths]
    makers = [Nodes(fit.dtype, trainable) for trainable in trainable_layers(config)]
    layers = [
        make.hidden(f"fitting.layers.{k}", widths[k], widths[k + 1], fit.activation, fit.timestep)
        for k, make in enumerate(makers[:-1])
    ]
    return {
        "@class": "FittingNetwork",
        "@version": 1,
        "in_dim": config.fitting_dim,
        "out_dim": config.net_outputs,
        "neuron": list(fit.widths),
        "activation_function": fit.activation,
        "resnet_dt": fit.timestep,
        "precision": fit.dtype,
        "bias_out": True,
        "layers": [*layers, makers[-1].linear("fitting.output", widths[-1], config.net_outputs)],
    }
