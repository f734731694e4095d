"""The sections of the configuration: their settings with types, defaults and rules (specification section 15).

The digest of a model is made of the names and values of its settings, so neither a field nor a default ever changes. A
new setting is declared with `later(default)`: models that do not use it keep their digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..descriptor.electrons import ATOMIC_NUMBERS
from .parsing import Section, later, read_section
from .rules import (
    DTYPES,
    MAX_INTERVALS,
    MAX_LAYERS,
    check,
    check_activation,
    check_choice,
    check_cutoffs,
    check_not_negative,
    check_positive,
    check_types,
    check_widths,
    refuse,
)


@dataclass(frozen=True, kw_only=True)
class NeighborAttention(Section):
    """Gated self-attention among the neighbours inside repinit (specification section 17)."""

    path: ClassVar[str] = "repinit.attention"
    layers: int
    dim: int = 128
    angular_gate: bool = True
    normalize: bool = True
    temperature: float | None = None
    scaling: float = 1.0
    norm_epsilon: float = 1e-5

    def check_rules(self) -> None:
        check(self, "layers", self.layers > 0, "leave `attention` out for no layers")
        check(self, "layers", self.layers <= MAX_LAYERS, f"must lie in 1 ... {MAX_LAYERS}")
        check_positive(self, "layers", "dim")
        check(self, "scaling", self.scaling > 0 or bool(self.temperature), "must be positive without a temperature")


@dataclass(frozen=True, kw_only=True)
class Compression(Section):
    """Tables in place of repinit's nets: of the gate, and, with `intervals`, of the embedding net (section 13)."""

    path: ClassVar[str] = "repinit.compression"
    intervals: int = 0

    def check_rules(self) -> None:
        check(self, "intervals", 0 <= self.intervals <= MAX_INTERVALS, f"must lie in 0 ... {MAX_INTERVALS}")


@dataclass(frozen=True, kw_only=True)
class Repinit(Section):
    """The two-body block that makes an atom's first representation (section 5)."""

    path: ClassVar[str] = "repinit"
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
    compression: Compression | None = later(None)  # noqa: RUF009  a field

    def check_rules(self) -> None:
        check_cutoffs(self)
        check_widths(self)
        check_activation(self)
        check(self, "axis", 0 < self.axis <= self.widths[-1], "must lie in 1 ... the last of widths")
        check_positive(self, "type_dim")
        check_choice(self, "type_input", ("concat", "strip"))
        possible = self.compression is None or (self.type_input == "strip" and not self.timestep)
        check(self, "compression", possible, "needs type_input = 'strip' and no timestep")


@dataclass(frozen=True, kw_only=True)
class ThreeBody(Section):
    """The optional three-body block beside repinit; shares its activation and type input (section 6)."""

    path: ClassVar[str] = "three_body"
    cutoff: float = 4.0
    inner_cutoff: float = 0.5
    max_neighbors: int = 40
    widths: tuple[int, ...] = (2, 4, 8)

    def check_rules(self) -> None:
        check_cutoffs(self)
        check_widths(self)


@dataclass(frozen=True, kw_only=True)
class Repformer(Section):
    """The message-passing layers (section 8)."""

    path: ClassVar[str] = "repformer"
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

    def check_rules(self) -> None:
        check_cutoffs(self)
        check_activation(self)
        check(self, "layers", self.layers <= MAX_LAYERS, f"must lie in 1 ... {MAX_LAYERS}")
        check_positive(self, "layers", "atom_dim", "pair_dim", "axis")
        check_positive(self, "attention_dim", "attention_heads", "pair_attention_dim", "pair_attention_heads")
        check_choice(self, "residual", ("average", "increment", "trainable"))
        check_choice(self, "residual_init", ("normal", "constant"))
        if self.pair_symmetrization:
            check(self, "axis", self.axis <= self.pair_dim, "must not exceed pair_dim")
        if self.neighbor_symmetrization:
            check(self, "axis", self.axis <= self.atom_dim, "must not exceed atom_dim")
        if not self.has_merged_input:
            refuse(self.path, "no input", "the merged update of f needs at least one input (section 8.5)")

    @property
    def has_merged_input(self) -> bool:
        """Return whether the merged update of f takes anything in."""
        narrow = self.convolution and not self.separate_convolution
        return not self.separate_mlp or narrow or self.pair_symmetrization or self.neighbor_symmetrization


@dataclass(frozen=True, kw_only=True)
class Fitting(Section):
    """The network from an atom's descriptor to its energy (section 11)."""

    path: ClassVar[str] = "fitting"
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

    def check_rules(self) -> None:
        if self.widths:
            check_widths(self)
        check_activation(self)
        check_choice(self, "dtype", DTYPES)
        check_not_negative(self, "frame_parameters", "atom_parameters", "case_dim")
        given, count = self.default_frame_parameters, self.frame_parameters
        check(self, "default_frame_parameters", given is None or len(given) == count, f"must be {count} numbers")


@dataclass(frozen=True, kw_only=True)
class DPA2Config(Section):
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

    def check_rules(self) -> None:
        count = len(self.types)
        check(self, "types", count > 0, "a model needs at least one type")
        check(self, "types", len(set(self.types)) == count, "names a type twice")
        check_choice(self, "dtype", DTYPES)
        check(self, "protection", self.protection >= 0, "must not be negative")
        for name in ("excluded_pairs", "model_excluded_pairs"):
            for pair in getattr(self, name):
                check_types(self, name, pair, count)
        check_types(self, "excluded_types", self.excluded_types, count)
        preset = self.preset_bias
        rule = "must have a number or null for each type"
        check(self, "preset_bias", preset is None or len(preset) == count, rule)
        if self.electron_configuration:
            unknown = [t for t in self.types if t not in ATOMIC_NUMBERS]
            if unknown:
                refuse("types", unknown, "electron_configuration needs the symbols of elements")
        self.check_blocks()

    def check_blocks(self) -> None:
        """Refuse lists that cannot be cut from one another: a longer one holds at least as many (section 1.5)."""
        repinit, repformer, three_body = self.repinit, self.repformer, self.three_body
        check(repinit, "cutoff", repinit.cutoff > repformer.cutoff, "must exceed repformer.cutoff")
        more = repinit.max_neighbors > repformer.max_neighbors
        check(repinit, "max_neighbors", more, "must exceed repformer.max_neighbors")
        blocks: list = [repinit, repformer] + ([three_body] if three_body else [])
        limits = [n for _, n in sorted((b.cutoff, b.max_neighbors) for b in blocks)]
        if limits != sorted(limits):
            refuse("max_neighbors", limits, "must not decrease with the cutoff")
        if three_body:
            check(three_body, "cutoff", three_body.cutoff <= repinit.cutoff, "must not exceed repinit.cutoff")

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
        return self.to_plain()

    @classmethod
    def from_dict(cls, data: dict) -> DPA2Config:
        """The inverse of `to_dict`; unknown names are errors."""
        return read_section(data, cls)
