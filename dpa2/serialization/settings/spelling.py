"""Translation of settings between DeePMD-kit's words and those of `dpa2.config`.

One table for each section; the input script and the native tree use the same words.
"""

from __future__ import annotations

import dataclasses
from typing import Generic, NamedTuple, NoReturn, TypeVar

from ...config import Compression, DPA2Config, Fitting, ThreeBody
from ...dtypes import NAMES
from ...errors import ConfigurationError, shorten
from .heads import HEADS, read_head, words_of, write_head

# The words of each section: DeePMD-kit's key, and the field of `dpa2.config`.
REPINIT = {
    "rcut": "cutoff",
    "rcut_smth": "inner_cutoff",
    "nsel": "max_neighbors",
    "neuron": "widths",
    "axis_neuron": "axis",
    "tebd_dim": "type_dim",
    "tebd_input_mode": "type_input",
    "set_davg_zero": "zero_mean",
    "activation_function": "activation",
    "resnet_dt": "timestep",
    "type_one_side": "one_sided",
}
THREE_BODY = {
    "three_body_neuron": "widths",
    "three_body_sel": "max_neighbors",
    "three_body_rcut": "cutoff",
    "three_body_rcut_smth": "inner_cutoff",
}
REPFORMER = {
    "rcut": "cutoff",
    "rcut_smth": "inner_cutoff",
    "nsel": "max_neighbors",
    "nlayers": "layers",
    "g1_dim": "atom_dim",
    "g2_dim": "pair_dim",
    "axis_neuron": "axis",
    "direct_dist": "direct_distance",
    "update_g1_has_conv": "convolution",
    "update_g1_has_drrd": "neighbor_symmetrization",
    "update_g1_has_grrg": "pair_symmetrization",
    "update_g1_has_attn": "local_attention",
    "update_g2_has_g1g1": "pair_product",
    "update_g2_has_attn": "pair_attention",
    "update_h2": "frame_attention",
    "attn1_hidden": "attention_dim",
    "attn1_nhead": "attention_heads",
    "attn2_hidden": "pair_attention_dim",
    "attn2_nhead": "pair_attention_heads",
    "attn2_has_gate": "pair_attention_gate",
    "activation_function": "activation",
    "update_style": "residual",
    "update_residual": "residual_scale",
    "update_residual_init": "residual_init",
    "set_davg_zero": "zero_mean",
    "trainable_ln": "trainable_norm",
    "use_sqrt_nnei": "root_normalization",
    "g1_out_conv": "separate_convolution",
    "g1_out_mlp": "separate_mlp",
    "ln_eps": "norm_epsilon",
}
DESCRIPTOR = {
    "concat_output_tebd": "append_type",
    "precision": "dtype",
    "smooth": "smooth",
    "exclude_types": "excluded_pairs",
    "env_protection": "protection",
    "trainable": "trainable",
    "add_tebd_to_repinit_out": "add_type_to_repinit",
    "use_econf_tebd": "electron_configuration",
    "use_tebd_bias": "type_bias",
}
FITTING = {
    "neuron": "widths",
    "resnet_dt": "timestep",
    "numb_fparam": "frame_parameters",
    "numb_aparam": "atom_parameters",
    "dim_case_embd": "case_dim",
    "default_fparam": "default_frame_parameters",
    "activation_function": "activation",
    "precision": "dtype",
    "trainable": "trainable",
    "rcond": "bias_cutoff",
    "atom_ener": "vacuum_energies",
    "use_aparam_as_mask": "parameters_as_mask",
}
MODEL = {
    "type_map": "types",
    "pair_exclude_types": "model_excluded_pairs",
    "atom_exclude_types": "excluded_types",
    "preset_out_bias": "preset_bias",
}

WORDS = {  # values that have other words, by DeePMD-kit's key
    "update_style": {"res_avg": "average", "res_incr": "increment", "res_residual": "trainable"},
    "update_residual_init": {"norm": "normal", "const": "constant"},
    "precision": {name: name for name in NAMES},
}
ACTIVATIONS = {  # the activations that DeePMD-kit has, by the same names (specification section 3.3)
    "tanh", "relu", "relu6", "gelu", "gelu_tf", "softplus", "sigmoid", "silu", "none", "linear", "silut", "custom_silu",
}  # fmt: skip
SYNONYMS = {
    "default": "float64",
    "double": "float64",
    "single": "float32",
    "half": "float16",
}  # other words for precisions
# Settings for which null means the default.
NULL_IS_DEFAULT = ("ln_eps", "atom_ener", "exclude_types", "pair_exclude_types", "atom_exclude_types")


T = TypeVar("T")


class Sections(NamedTuple, Generic[T]):
    """One item for each of the five sections of settings, such as its path in a file."""

    model: T
    descriptor: T
    repinit: T
    repformer: T
    fitting: T


def config_of_sections(found: Sections[dict], paths: Sections[str]) -> DPA2Config:
    """The configuration that DeePMD-kit's five sections describe; errors name the setting as the file does."""
    plain = read_words(found.model, MODEL, paths.model) | read_words(found.descriptor, DESCRIPTOR, paths.descriptor)
    plain["repinit"] = read_words(found.repinit, REPINIT, paths.repinit)
    if has_three_body(found.repinit, paths.repinit):
        plain["three_body"] = read_words(found.repinit, THREE_BODY, paths.repinit)
    plain["repformer"] = read_words(found.repformer, REPFORMER, paths.repformer)
    plain["fitting"] = read_words(found.fitting, FITTING, paths.fitting)
    plain["fitting"] |= read_head(found.fitting, found.model.get("type_map"))
    try:
        return DPA2Config.from_dict(plain)
    except ConfigurationError as error:
        path = deepmd_path(error.facts["path"], paths)
        raise ConfigurationError(f"{path} ({error})", path=path, value=error.facts["value"]) from error


def compressed(config: DPA2Config, intervals: int) -> DPA2Config:
    """The same settings with tables of so many intervals, which a script does not mention."""
    tables = Compression(intervals=intervals)
    return dataclasses.replace(config, repinit=dataclasses.replace(config.repinit, compression=tables))


def refuse(path: str, value, rule: str, **facts) -> NoReturn:
    raise ConfigurationError(f"{path} = {shorten(value)}: {rule}", path=path, value=value, **facts)


def read_words(section: dict, table: dict[str, str], path: str) -> dict:
    """The settings of `section` that are in `table`, in the words of `dpa2.config`."""
    given = {key: section[key] for key in table if key in section}
    given = {key: value for key, value in given.items() if not (value is None and key in NULL_IS_DEFAULT)}
    return {table[key]: read_word(value, key, f"{path}.{key}") for key, value in given.items()}


def read_word(value, key: str, path: str):
    """One value in the words of `dpa2.config`."""
    if key == "preset_out_bias" and value is not None:
        return read_preset(value, path)
    if key in ("nsel", "three_body_sel") and isinstance(value, str) and value.startswith("auto"):
        hint = "give a number: the largest count of neighbours within the cutoff in your data, with a margin"
        refuse(path, value, f"cannot be found without data; {hint}", hint=hint)
    if key not in WORDS:
        return value
    word = SYNONYMS.get(value, value) if key == "precision" and isinstance(value, str) else value
    if not isinstance(word, str) or word not in WORDS[key]:
        refuse(path, value, f"must be one of {', '.join(WORDS[key])}")
    return WORDS[key][word]


def read_preset(value, path: str) -> list:
    """{"energy": [...]} with a number, a list of one number, or null for each type."""
    if not isinstance(value, dict) or list(value) != ["energy"] or not isinstance(value["energy"], list):
        refuse(path, value, 'must be {"energy": [a number or null for each type]}')
    return [v[0] if isinstance(v, list) and len(v) == 1 else v for v in value["energy"]]


def has_three_body(repinit: dict, path: str) -> bool:
    """Return whether the three-body settings of `repinit` are in use."""
    given = repinit.get("use_three_body", False)
    return given if isinstance(given, bool) else refuse(f"{path}.use_three_body", given, "must be true or false")


def write_words(plain: dict, table: dict[str, str]) -> dict:
    """The inverse of `read_words`."""
    return {key: write_word(key, plain[ours]) for key, ours in table.items()}


def write_word(key: str, value):
    if key == "preset_out_bias" and value is not None:
        return {"energy": list(value)}
    if key in WORDS:
        return {ours: theirs for theirs, ours in WORDS[key].items()}[value]
    return thaw(value)


def thaw(value):
    """Tuples as lists, at any depth."""
    return [thaw(v) for v in value] if isinstance(value, (list, tuple)) else value


def write_fitting(config: DPA2Config) -> dict:
    """The settings of the fitting net and of its head, without those that scripts of its type do not have.

    A setting that is in use is written all the same, since native trees have a place for it.
    """
    ours = config.to_dict()["fitting"]
    unused = {key for key in words_of(config).lacks if ours[FITTING[key]] == getattr(Fitting(), FITTING[key])}
    return write_head(config) | {k: v for k, v in write_words(ours, FITTING).items() if k not in unused}


def write_repinit(plain: dict) -> dict:
    """The settings of repinit and of the three-body block, which has default settings where there is none."""
    three = plain["three_body"] or vars(ThreeBody())
    used = {"use_three_body": plain["three_body"] is not None}
    return write_words(plain["repinit"], REPINIT) | used | write_words(three, THREE_BODY)


def deepmd_path(path: str, paths: Sections[str]) -> str:
    """The path of a setting in a file, such as `model.descriptor.repinit.nsel` for `repinit.max_neighbors`."""
    section, _, name = path.rpartition(".")
    places = {
        "repinit": (paths.repinit, REPINIT),
        "three_body": (paths.repinit, THREE_BODY),
        "repformer": (paths.repformer, REPFORMER),
        "fitting": (paths.fitting, FITTING),
        **{f"fitting.{head.ours}": (paths.fitting, head.words) for head in HEADS},
        "": (paths.descriptor, DESCRIPTOR) if name in DESCRIPTOR.values() else (paths.model, MODEL),
    }
    place, table = places.get(section, (paths.model, MODEL))
    theirs = {ours: theirs for theirs, ours in table.items()}
    return f"{place}.{theirs.get(name, name)}"
