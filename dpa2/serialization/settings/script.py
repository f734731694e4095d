"""The `model` section of an input script (`input.json`) as a configuration, and back.

Source: sections 11.1 to 11.3 of the description of formats.
"""

from __future__ import annotations

from ...config import DPA2Config
from ...errors import ConfigurationError, UnsupportedModel
from .native_only import require_spelled
from .plain import config_to_plain, shorten
from .spelling import (
    DESCRIPTOR,
    FITTING,
    MODEL,
    REPFORMER,
    REPINIT,
    THREE_BODY,
    Sections,
    config_of_sections,
    write_repinit,
    write_words,
)

PATHS = Sections(
    "model", "model.descriptor", "model.descriptor.repinit", "model.descriptor.repformer", "model.fitting_net"
)
ALIASES = {
    "descriptor": {"repformer_add_type_ebd_to_seq": "add_tebd_to_repinit_out"},
    "fitting_net": {"n_neuron": "neuron"},
}
TRAINING = {"data_stat_nbatch", "data_stat_protect", "data_bias_nsample", "finetune_head", "srtab_add_bias"}
NORMALIZED = {"model_branch_alias", "info", "bridging_r_inner", "bridging_r_outer"}  # left by a training run
OTHER_MODELS = {"compress", "spin", "modifier", "type_embedding", "use_srtab", "smin_alpha", "sw_rmin", "sw_rmax"}
OTHER_MODELS |= {"bridging_method", "layer_name"}
OFF: tuple = (None, False, "None", [], {})  # values with which a setting of another kind of model is not in use
KNOWN = Sections(
    set(MODEL) | TRAINING | NORMALIZED | OTHER_MODELS - {"layer_name"} | {"type", "descriptor", "fitting_net"},
    set(DESCRIPTOR) | {"type", "seed", "repinit", "repformer"},
    set(REPINIT) | set(THREE_BODY) | {"use_three_body"},
    set(REPFORMER),
    set(FITTING) | {"type", "seed", "layer_name"},
)
DEFAULT_TYPES = {PATHS.model: "standard", PATHS.fitting: "ener"}


def script_to_config(model_section: dict) -> DPA2Config:
    """The configuration that the `model` section of an input script describes.

    Keys that start with "_" are comments. `ConfigurationError` names an unknown, missing or wrong key;
    `UnsupportedModel` names a multi-task script, another kind of model, descriptor or fitting.

    >>> section = {
    ...     "type_map": ["O", "H"],
    ...     "descriptor": {
    ...         "type": "dpa2",
    ...         "repinit": {"rcut": 6.0, "rcut_smth": 0.5, "nsel": 120},
    ...         "repformer": {"rcut": 4.0, "rcut_smth": 3.5, "nsel": 48},
    ...     },
    ...     "fitting_net": {},
    ... }
    >>> script_to_config(section).repinit.max_neighbors
    120
    """
    model = read_section(model_section, PATHS.model)
    require_single_task(model)
    require_kind(model, "type", "standard", PATHS.model)
    descriptor = read_subsection(model, "descriptor", PATHS.descriptor)
    require_kind(descriptor, "type", "dpa2", PATHS.descriptor)
    repinit = read_subsection(descriptor, "repinit", PATHS.repinit)
    repformer = read_subsection(descriptor, "repformer", PATHS.repformer)
    fitting = read_subsection(model, "fitting_net", PATHS.fitting)
    require_kind(fitting, "type", "ener", PATHS.fitting)
    found = Sections(model, descriptor, repinit, repformer, fitting)
    for section, known, path in zip(found, KNOWN, PATHS, strict=True):
        require_known(section, known, path)
    return config_of_sections(found, PATHS)


def config_to_script(config: DPA2Config) -> dict:
    """The `model` section, every key written out; `UnsupportedModel` for what a script cannot say."""
    require_spelled(config)
    plain = config_to_plain(config)
    descriptor = {"type": "dpa2", "repinit": write_repinit(plain)}
    descriptor |= {"repformer": write_words(plain["repformer"], REPFORMER)} | write_words(plain, DESCRIPTOR)
    fitting = {"type": "ener"} | write_words(plain["fitting"], FITTING)
    return {"type": "standard"} | write_words(plain, MODEL) | {"descriptor": descriptor, "fitting_net": fitting}


def read_subsection(parent: dict, name: str, path: str) -> dict:
    """The section `name`, which must be there."""
    if name not in parent:
        raise ConfigurationError(f"{path} is missing", path=path, value=None)
    return read_section(parent[name], path, ALIASES.get(name, {}))


def read_section(section, path: str, aliases: dict[str, str] | None = None) -> dict:
    """A section without its comments, aliases replaced."""
    if not isinstance(section, dict):
        rule = "a section with keys and values is wanted"
        raise ConfigurationError(f"{path} = {shorten(section)}: {rule}", path=path, value=section)
    plain: dict = {}
    for key, value in section.items():
        name = (aliases or {}).get(key, str(key))
        if name in plain:
            raise ConfigurationError(f"{path}.{key} is given twice, as {name}", path=f"{path}.{key}", value=value)
        if not name.startswith("_"):
            plain[name] = value
    return plain


def require_single_task(model: dict):
    if "model_dict" in model or "shared_dict" in model:
        heads = ", ".join(model["model_dict"]) if isinstance(model.get("model_dict"), dict) else "?"
        hint = "hand over the section of one head, with the names of shared parts replaced by what they stand for"
        raise UnsupportedModel(f"multi-task script (heads: {heads}): {hint}", what="multi-task script", hint=hint)
    if "model" in model and "descriptor" not in model:
        hint = "hand over what is under its key `model`"
        raise ConfigurationError(f"model: this is a whole input script; {hint}", path="model", value=None, hint=hint)


def require_kind(section: dict, key: str, wanted: str, path: str):
    """Refuse, by name, whatever is not a DPA-2 energy model."""
    found = section.get(key, DEFAULT_TYPES.get(path))
    if found is None:
        raise ConfigurationError(f"{path}.{key} is missing; {wanted!r} is wanted", path=f"{path}.{key}", value=None)
    if found != wanted:
        what = f"{path}.{key} = {shorten(found)}"
        raise UnsupportedModel(f"{what}: only {wanted!r} is supported", what=what)


def require_known(section: dict, known: set[str], path: str):
    """Refuse unknown keys, and known ones that ask for another kind of model."""
    for key, value in section.items():
        if key not in known:
            rule = f"is no setting; known: {', '.join(sorted(known))}"
            raise ConfigurationError(f"{path}.{key} {rule}", path=f"{path}.{key}", value=value)
        if key in OTHER_MODELS and value not in OFF:
            what = f"{path}.{key} = {shorten(value)}"
            raise UnsupportedModel(f"{what}: belongs to a kind of model that is not supported", what=what)
