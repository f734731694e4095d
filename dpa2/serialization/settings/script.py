"""Conversion between the `model` section of an input script (`input.json`) and a configuration.

Source: sections 11.1 to 11.3 of the description of formats.
"""

from __future__ import annotations

from ...config import DPA2Config
from ...errors import ConfigurationError, UnsupportedModel, meant_perhaps, shorten
from .heads import DEFAULT, TYPES
from .multitask import is_multitask, section_of_head
from .native_only import require_spelled
from .spelling import (
    DESCRIPTOR,
    FITTING,
    MODEL,
    REPFORMER,
    REPINIT,
    THREE_BODY,
    Sections,
    config_of_sections,
    write_fitting,
    write_repinit,
    write_words,
)

PATHS = Sections(  # paths of the sections in a script
    "model", "model.descriptor", "model.descriptor.repinit", "model.descriptor.repformer", "model.fitting_net"
)
ALIASES = {  # other names of keys, by section
    "descriptor": {"repformer_add_type_ebd_to_seq": "add_tebd_to_repinit_out"},
    "fitting_net": {"n_neuron": "neuron"},
}
# Keys that concern training only.
TRAINING = {"data_stat_nbatch", "data_stat_protect", "data_bias_nsample", "finetune_head", "srtab_add_bias"}
NORMALIZED = {"model_branch_alias", "info", "bridging_r_inner", "bridging_r_outer"}  # keys that a training adds
# Keys of other kinds of models, refused where they are in use.
OTHER_MODELS = {"compress", "spin", "modifier", "type_embedding", "use_srtab", "smin_alpha", "sw_rmin", "sw_rmax"}
OTHER_MODELS |= {"bridging_method", "layer_name"}
# What models are that have such a key in use; the first that fits is named, as later keys stand beside earlier ones.
KINDS = {
    "spin": "a model with spins",
    "use_srtab": "a model that goes over to a table of pair energies (ZBL)",
    "bridging_method": "a model that goes over to a pair potential (ZBL)",
    "modifier": "a model with a term beside the network",
    "type_embedding": "a model with a type embedding outside of its descriptor",
    "compress": "a compressed model of an older kind",
}
# What can be done with such a model.
HINT = "if it holds a DPA-2 descriptor, dpa2.load_descriptor reads that from a .dp, which `dp convert-backend` makes"
OFF: tuple = (None, False, "None", [], {})  # values with which a setting of another kind of model is not in use
KNOWN = Sections(  # all keys of each section
    set(MODEL) | TRAINING | NORMALIZED | OTHER_MODELS - {"layer_name"} | {"type", "descriptor", "fitting_net"},
    set(DESCRIPTOR) | {"type", "seed", "repinit", "repformer"},
    set(REPINIT) | set(THREE_BODY) | {"use_three_body"},
    set(REPFORMER),
    set(FITTING) | {"type", "seed", "layer_name"},
)
# Kinds of sections that need not name their kind.
DEFAULT_TYPES = {PATHS.model: "standard", PATHS.fitting: DEFAULT}


def script_to_config(model_section: dict, head: str | None = None) -> DPA2Config:
    """Return the configuration that the `model` section of an input script describes.

    Parameters
    ----------
    model_section
        The section as a dictionary; keys that start with "_" are comments.
    head
        The head of a multi-task script, whose names of shared parts are replaced by their contents.

    Returns
    -------
    DPA2Config
        The settings, with the defaults of input scripts.

    Raises
    ------
    ConfigurationError
        A key is unknown or missing, or its value is wrong (facts: path, value).
    InputError
        A head that the script does not have, or none for a multi-task script (facts: argument, heads).
    UnsupportedModel
        Another kind of model, descriptor or fitting (facts: what).

    Examples
    --------
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
    if head is not None or is_multitask(model):
        model = read_section(section_of_head(model, head), PATHS.model)
    require_model_section(model)
    require_kind(model, "type", "standard", PATHS.model)
    require_no_other_model(model)
    descriptor = read_subsection(model, "descriptor", PATHS.descriptor)
    require_kind(descriptor, "type", "dpa2", PATHS.descriptor)
    require_sections(descriptor)
    repinit = read_subsection(descriptor, "repinit", PATHS.repinit)
    repformer = read_subsection(descriptor, "repformer", PATHS.repformer)
    fitting = read_subsection(model, "fitting_net", PATHS.fitting)
    require_head(fitting)
    found = Sections(model, descriptor, repinit, repformer, fitting)
    known_here = KNOWN._replace(fitting=KNOWN.fitting | TYPES[fitting.get("type", DEFAULT)].in_scripts)
    for section, known, path in zip(found, known_here, PATHS, strict=True):
        require_known(section, known, path)
    return config_of_sections(found, PATHS)


def config_to_script(config: DPA2Config) -> dict:
    """Return the `model` section of an input script that describes a configuration.

    Parameters
    ----------
    config
        The settings of a model.

    Returns
    -------
    dict
        The section, with every key written out.

    Raises
    ------
    UnsupportedModel
        A setting is in use that DeePMD-kit does not have (facts: what).
    """
    require_spelled(config)
    plain = config.to_dict()
    descriptor = {"type": "dpa2", "repinit": write_repinit(plain)}
    descriptor |= {"repformer": write_words(plain["repformer"], REPFORMER)} | write_words(plain, DESCRIPTOR)
    whole = {"type": "standard"} | write_words(plain, MODEL)
    return whole | {"descriptor": descriptor, "fitting_net": write_fitting(config)}


def read_subsection(parent: dict, name: str, path: str) -> dict:
    """The subsection `name`; a missing one is refused."""
    if name not in parent:
        raise ConfigurationError(f"{path} is missing", path=path, value=None)
    return read_section(parent[name], path, ALIASES.get(name, {}))


def read_section(section, path: str, aliases: dict[str, str] | None = None) -> dict:
    """The section without its comments, with aliases replaced by the usual keys."""
    if not isinstance(section, dict):
        rule = "must be a section with keys and values"
        raise ConfigurationError(f"{path} = {shorten(section)}: {rule}", path=path, value=section)
    plain: dict = {}
    for key, value in section.items():
        name = (aliases or {}).get(key, str(key))
        if name in plain:
            raise ConfigurationError(f"{path}.{key} is given twice, as {name}", path=f"{path}.{key}", value=value)
        if not name.startswith("_"):
            plain[name] = value
    return plain


def require_model_section(model: dict):
    """Refuse a whole script."""
    if "model" in model and "descriptor" not in model:
        hint = "hand over its section `model`"
        raise ConfigurationError(f"model: this is a whole input script; {hint}", path="model", value=None, hint=hint)


def require_no_other_model(model: dict):
    """Refuse a model of another kind by what makes it one, which is one key of several that it may have."""
    for key, kind in KINDS.items():
        if model.get(key) is not None and model[key] not in OFF:
            what = f"{PATHS.model}.{key} = {shorten(model[key])}"
            raise UnsupportedModel(f"{what}: {kind}, which is not supported; {HINT}", what=what, hint=HINT)


def require_sections(descriptor: dict):
    """Refuse a descriptor that has its settings in one list, as the first release with DPA-2 had them."""
    flat = [
        key for key in descriptor if key.startswith(("repinit_", "repformer_")) and key not in ALIASES["descriptor"]
    ]
    if flat and not {"repinit", "repformer"} & set(descriptor):
        what = f"{PATHS.descriptor}.{flat[0]}"
        found = "the settings are written by DeePMD-kit 3.0.0a0, which only that release reads"
        raise UnsupportedModel(f"{what}: {found}; train the model again with a later one", what=what)


def require_head(fitting: dict):
    """Refuse a fitting net of another type than those that are known."""
    found = fitting.get("type", DEFAULT)
    if not isinstance(found, str) or found not in TYPES:
        what = f"{PATHS.fitting}.type = {shorten(found)}"
        raise UnsupportedModel(f"{what}: must be one of {', '.join(TYPES)}", what=what)


def require_kind(section: dict, key: str, wanted: str, path: str):
    """Refuse a section of another kind of model, descriptor or fitting."""
    found = section.get(key, DEFAULT_TYPES.get(path))
    if found is None:
        raise ConfigurationError(f"{path}.{key} is missing; it must be {wanted!r}", path=f"{path}.{key}", value=None)
    if found != wanted:
        what = f"{path}.{key} = {shorten(found)}"
        raise UnsupportedModel(f"{what}: only {wanted!r} is supported; {HINT}", what=what, hint=HINT)


def require_known(section: dict, known: set[str], path: str):
    """Refuse unknown keys, and known ones that ask for another kind of model."""
    for key, value in section.items():
        if key not in known:
            rule = f"is no setting{meant_perhaps(key, known) or ';'} known are {', '.join(sorted(known))}"
            raise ConfigurationError(f"{path}.{key} {rule}", path=f"{path}.{key}", value=value)
        if key in OTHER_MODELS and value not in OFF:
            what = f"{path}.{key} = {shorten(value)}"
            raise UnsupportedModel(f"{what}: belongs to a kind of model that is not supported", what=what)
