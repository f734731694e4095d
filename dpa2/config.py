"""What a DPA-2 model is made of, apart from its weights: a checked, immutable description.

Every setting of section 15 of the specification, in the field's words. The spellings of DeePMD-kit's `input.json`
are translated in `dpa2.serialization`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .errors import ConfigurationError
from .nn.activations import activation

DTYPES = ("float64", "float32", "float16", "bfloat16")


def refuse(path: str, value, rule: str):
    raise ConfigurationError(f"{path} = {value!r}: {rule}", path=path, value=value)


def check(condition: bool, path: str, value, rule: str):
    if not condition:
        refuse(path, value, rule)


def check_range(section, path: str):
    """The cutoffs and the number of neighbours of one block."""
    check(section.cutoff > 0, f"{path}.cutoff", section.cutoff, "a cutoff is a positive length in Å")
    inner = section.inner_cutoff
    check(0 <= inner < section.cutoff, f"{path}.inner_cutoff", inner, f"must lie in [0, cutoff = {section.cutoff})")
    check(section.max_neighbors > 0, f"{path}.max_neighbors", section.max_neighbors, "must be a positive number")


def check_widths(widths, path: str):
    check(len(widths) > 0 and all(w > 0 for w in widths), path, widths, "a network needs layers of positive width")


def check_activation(name: str, path: str):
    check(isinstance(name, str), path, name, "the name of an activation is wanted")
    try:
        activation(name)
    except ValueError as error:
        refuse(path, name, str(error))


def check_pairs(pairs, types, path: str):
    for pair in pairs:
        ok = len(pair) == 2 and all(0 <= t < len(types) for t in pair)
        check(ok, path, pair, f"a pair of type indices below {len(types)} is wanted")


@dataclass(frozen=True, kw_only=True)
class NeighborAttention:
    """Gated self-attention among the neighbours inside repinit (specification section 17)."""

    layers: int
    dim: int = 128
    angular_gate: bool = True
    normalize: bool = True
    temperature: float | None = None
    scaling: float = 1.0
    norm_epsilon: float = 1e-5

    def __post_init__(self):
        check(self.layers > 0, "repinit.attention.layers", self.layers, "leave `attention` out for no layers")
        check(self.dim > 0, "repinit.attention.dim", self.dim, "must be positive")


@dataclass(frozen=True, kw_only=True)
class Compression:
    """Tables in place of repinit's nets: of the gate, and, with `intervals`, of the embedding net (section 13)."""

    intervals: int = 0

    def __post_init__(self):
        check(self.intervals >= 0, "repinit.compression.intervals", self.intervals, "must not be negative")


@dataclass(frozen=True, kw_only=True)
class Repinit:
    """The two-body block that makes an atom's first representation (section 5)."""

    cutoff: float
    inner_cutoff: float
    max_neighbors: int
    widths: tuple[int, ...] = (25, 50, 100)
    axis: int = 16
    type_dim: int = 8
    type_input: str = "concat"
    one_sided: bool = False
    activation: str = "tanh"
    timestep: bool = False
    zero_mean: bool = True
    attention: NeighborAttention | None = None
    compression: Compression | None = None

    def __post_init__(self):
        check_range(self, "repinit")
        check_widths(self.widths, "repinit.widths")
        check_activation(self.activation, "repinit.activation")
        check(0 < self.axis <= self.widths[-1], "repinit.axis", self.axis, "must lie in 1 ... the last of widths")
        check(self.type_dim > 0, "repinit.type_dim", self.type_dim, "must be positive")
        check(self.type_input in ("concat", "strip"), "repinit.type_input", self.type_input, "is 'concat' or 'strip'")
        possible = self.compression is None or (self.type_input == "strip" and not self.timestep)
        check(possible, "repinit.compression", self.compression, "needs type_input = 'strip' and no timestep")


@dataclass(frozen=True, kw_only=True)
class ThreeBody:
    """The optional three-body block beside repinit; shares its activation and type input (section 6)."""

    cutoff: float = 4.0
    inner_cutoff: float = 0.5
    max_neighbors: int = 40
    widths: tuple[int, ...] = (2, 4, 8)

    def __post_init__(self):
        check_range(self, "three_body")
        check_widths(self.widths, "three_body.widths")


@dataclass(frozen=True, kw_only=True)
class Repformer:
    """The message-passing layers (section 8)."""

    cutoff: float
    inner_cutoff: float
    max_neighbors: int
    layers: int = 3
    atom_dim: int = 128
    pair_dim: int = 16
    axis: int = 4
    direct_distance: bool = False
    convolution: bool = True
    pair_symmetrization: bool = True
    neighbor_symmetrization: bool = True
    local_attention: bool = True
    pair_product: bool = True
    pair_attention: bool = True
    frame_attention: bool = False
    separate_convolution: bool = True
    separate_mlp: bool = True
    attention_dim: int = 64
    attention_heads: int = 4
    pair_attention_dim: int = 16
    pair_attention_heads: int = 4
    pair_attention_gate: bool = False
    activation: str = "tanh"
    residual: str = "average"
    residual_scale: float = 0.001
    residual_init: str = "normal"
    zero_mean: bool = True
    trainable_norm: bool = True
    norm_epsilon: float = 1e-5
    root_normalization: bool = True

    def __post_init__(self):
        check_range(self, "repformer")
        check_activation(self.activation, "repformer.activation")
        for name in ("layers", "atom_dim", "pair_dim", "axis"):
            check(getattr(self, name) > 0, f"repformer.{name}", getattr(self, name), "must be positive")
        for name in ("attention_dim", "attention_heads", "pair_attention_dim", "pair_attention_heads"):
            check(getattr(self, name) > 0, f"repformer.{name}", getattr(self, name), "must be positive")
        kinds = ("average", "increment", "trainable")
        check(self.residual in kinds, "repformer.residual", self.residual, f"is one of {kinds}")
        kinds = ("normal", "constant")
        check(self.residual_init in kinds, "repformer.residual_init", self.residual_init, f"is one of {kinds}")
        if self.pair_symmetrization:
            check(self.axis <= self.pair_dim, "repformer.axis", self.axis, "must not exceed pair_dim")
        if self.neighbor_symmetrization:
            check(self.axis <= self.atom_dim, "repformer.axis", self.axis, "must not exceed atom_dim")
        merged = (not self.separate_mlp) or (self.convolution and not self.separate_convolution)
        merged = merged or self.pair_symmetrization or self.neighbor_symmetrization
        check(merged, "repformer", "no input", "the merged update of g needs at least one input (section 8.5)")


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """The network from an atom's descriptor to its energy (section 11)."""

    widths: tuple[int, ...] = (120, 120, 120)
    activation: str = "tanh"
    timestep: bool = True
    dtype: str = "float64"
    frame_parameters: int = 0
    atom_parameters: int = 0
    default_frame_parameters: tuple[float, ...] | None = None
    case_dim: int = 0
    parameters_as_mask: bool = False
    vacuum_energies: tuple[float | None, ...] = ()
    trainable: bool | tuple[bool, ...] = True
    bias_cutoff: float | None = None

    def __post_init__(self):
        if self.widths:
            check_widths(self.widths, "fitting.widths")
        check_activation(self.activation, "fitting.activation")
        check(self.dtype in DTYPES, "fitting.dtype", self.dtype, f"is one of {DTYPES}")
        given = self.default_frame_parameters
        if given is not None:
            right = len(given) == self.frame_parameters
            check(right, "fitting.default_frame_parameters", given, f"{self.frame_parameters} numbers are wanted")


@dataclass(frozen=True, kw_only=True)
class DPA2Config:
    """A DPA-2 energy model: its blocks, its types, and what is left out of it.

    Raises `ConfigurationError` naming the setting, its value and the rule, for anything that describes no model.

    Source: sections 1.5 and 15 of the specification.

    >>> from dpa2 import config
    >>> water = config.DPA2Config(
    ...     types=("O", "H"),
    ...     repinit=config.Repinit(cutoff=6.0, inner_cutoff=0.5, max_neighbors=120),
    ...     repformer=config.Repformer(cutoff=4.0, inner_cutoff=3.5, max_neighbors=48),
    ... )
    >>> water.descriptor_dim
    136
    """

    types: tuple[str, ...]
    repinit: Repinit
    repformer: Repformer
    three_body: ThreeBody | None = None
    fitting: Fitting = Fitting()
    smooth: bool = True
    append_type: bool = True
    add_type_to_repinit: bool = False
    electron_configuration: bool = False
    type_bias: bool = False
    excluded_pairs: tuple[tuple[int, int], ...] = ()
    protection: float = 0.0
    dtype: str = "float64"
    trainable: bool = True
    model_excluded_pairs: tuple[tuple[int, int], ...] = ()
    excluded_types: tuple[int, ...] = ()
    preset_bias: tuple[float | None, ...] | None = None

    def __post_init__(self):
        check(len(self.types) > 0, "types", self.types, "a model needs at least one type")
        check(len(set(self.types)) == len(self.types), "types", self.types, "names a type twice")
        check(self.dtype in DTYPES, "dtype", self.dtype, f"is one of {DTYPES}")
        check(self.protection >= 0, "protection", self.protection, "must not be negative")
        check_pairs(self.excluded_pairs, self.types, "excluded_pairs")
        check_pairs(self.model_excluded_pairs, self.types, "model_excluded_pairs")
        for t in self.excluded_types:
            check(0 <= t < len(self.types), "excluded_types", t, f"a type index below {len(self.types)} is wanted")
        if self.electron_configuration:
            from .descriptor.electrons import ATOMIC_NUMBERS

            unknown = [t for t in self.types if t not in ATOMIC_NUMBERS]
            check(not unknown, "types", unknown, "electron_configuration needs the symbols of elements")
        self._check_cutoffs()

    def _check_cutoffs(self):
        """Lists are cut from one another, so a longer cutoff must hold at least as many neighbours (section 1.5)."""
        repinit, repformer = self.repinit, self.repformer
        check(repinit.cutoff > repformer.cutoff, "repinit.cutoff", repinit.cutoff, "must exceed repformer.cutoff")
        more = repinit.max_neighbors > repformer.max_neighbors
        check(more, "repinit.max_neighbors", repinit.max_neighbors, "must exceed repformer.max_neighbors")
        blocks = [repinit, repformer] + ([self.three_body] if self.three_body else [])
        limits = [n for _, n in sorted((b.cutoff, b.max_neighbors) for b in blocks)]
        check(limits == sorted(limits), "max_neighbors", limits, "must not decrease with the cutoff")
        longest = self.three_body is None or self.three_body.cutoff <= repinit.cutoff
        check(
            longest, "three_body.cutoff", self.three_body and self.three_body.cutoff, "must not exceed repinit.cutoff"
        )

    @property
    def repinit_dim(self) -> int:
        """Width of what the two blocks of repinit hand to the repformer (section 7.1)."""
        return self.repinit.widths[-1] * self.repinit.axis + (self.three_body.widths[-1] if self.three_body else 0)

    @property
    def descriptor_dim(self) -> int:
        """Width of the descriptor (section 10)."""
        return self.repformer.atom_dim + (self.repinit.type_dim if self.append_type else 0)

    @property
    def fitting_dim(self) -> int:
        """Width of the fitting network's input (section 11)."""
        fit = self.fitting
        aparam = 0 if fit.parameters_as_mask else fit.atom_parameters
        return self.descriptor_dim + fit.frame_parameters + aparam + fit.case_dim

    def to_dict(self) -> dict:
        """Plain dictionaries and lists: the canonical form that the native format and the digest hold."""
        plain = dataclasses.asdict(self)
        if self.repinit.compression is None:  # as it was before there was such a setting
            del plain["repinit"]["compression"]
        return plain

    @classmethod
    def from_dict(cls, data: dict) -> DPA2Config:
        """The inverse of `to_dict`; unknown names are errors."""
        return read_section(cls, data, "")


SECTIONS = {
    "repinit": Repinit,
    "three_body": ThreeBody,
    "repformer": Repformer,
    "fitting": Fitting,
    "attention": NeighborAttention,
    "compression": Compression,
}


def read_section(cls, data: dict, path: str):
    """One dataclass of this file from a plain dictionary."""
    known = {f.name for f in dataclasses.fields(cls)}
    for name in data:
        check(name in known, f"{path}{name}", data[name], f"is no setting of {cls.__name__}; known: {sorted(known)}")
    values = {}
    for name, value in data.items():
        if name in SECTIONS and isinstance(value, dict):
            value = read_section(SECTIONS[name], value, f"{path}{name}.")
        values[name] = freeze(value)
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigurationError(f"{path or 'configuration'}: {error}", path=path, value=data) from error


def freeze(value):
    """Lists as tuples, at any depth."""
    return tuple(freeze(v) for v in value) if isinstance(value, (list, tuple)) else value
