"""The sections of the configuration: their settings with types, defaults and rules (specification section 15).

The digest of a model is made of the names and values of its settings, so neither a field nor a default ever changes. A
new setting is declared with `later(default)`: models that do not use it keep their digests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
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
class Property(Section):
    """A head of some property, with any number of components (section 21.1).

    by_type: whether its statistics are taken for each type on its own, when a model is trained.
    """

    path: ClassVar[str] = "fitting.property"
    name: str = "property"
    components: int = 1
    intensive: bool = False
    by_type: bool = True

    def check_rules(self) -> None:
        check(self, "name", self.name.isidentifier(), "must be a word, as files of labels are called by it")
        check_positive(self, "components")


@dataclass(frozen=True, kw_only=True)
class Dos(Section):
    """A head of densities of states, at so many energies (section 21.1)."""

    path: ClassVar[str] = "fitting.dos"
    components: int = 300

    def check_rules(self) -> None:
        check_positive(self, "components")


@dataclass(frozen=True, kw_only=True)
class Dipole(Section):
    """A head of dipoles (section 21.2)."""

    path: ClassVar[str] = "fitting.dipole"


@dataclass(frozen=True, kw_only=True)
class Polarizability(Section):
    """A head of polarizabilities (section 21.3).

    scale, constant: a number for each type; None, which stands for 1 and for 0, where all numbers are that.
    """

    path: ClassVar[str] = "fitting.polarizability"
    diagonal: bool = True
    shifted: bool = True
    scale: tuple[float, ...] | None = None
    constant: tuple[float, ...] | None = None

    def plainest(self) -> Polarizability:
        """Return the same settings said in one way, so that digests agree: None where all numbers are the usual one."""
        scale = None if set(self.scale or ()) == {1.0} else self.scale
        return replace(self, scale=scale, constant=None if set(self.constant or ()) == {0.0} else self.constant)


@dataclass(frozen=True, kw_only=True)
class Fitting(Section):
    """The network from an atom's descriptor to its energy, or to what one other head reads (sections 11 and 21)."""

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
    property: Property | None = later(None)  # noqa: RUF009  a field
    dos: Dos | None = later(None)  # noqa: RUF009
    dipole: Dipole | None = later(None)  # noqa: RUF009
    polarizability: Polarizability | None = later(None)  # noqa: RUF009

    def check_rules(self) -> None:
        heads = [name for name in HEADS if getattr(self, name) is not None]
        if len(heads) > 1:
            refuse(self.place(heads[1]), getattr(self, heads[1]), f"a model has one head, and {heads[0]} is given too")
        if self.widths:
            check_widths(self)
        check_activation(self)
        check_choice(self, "dtype", DTYPES)
        check_not_negative(self, "frame_parameters", "atom_parameters", "case_dim")
        given, count = self.default_frame_parameters, self.frame_parameters
        check(self, "default_frame_parameters", given is None or len(given) == count, f"must be {count} numbers")


ENERGY = "energy"  # the kind of a model without one of the sections of other heads
HEADS = ("property", "dos", "dipole", "polarizability")


@dataclass(frozen=True, kw_only=True)
class DPA2Config(Section):
    """A DPA-2 model: its blocks, its types, its head, and what is left out of it.

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
        self.check_head()

    def check_head(self) -> None:
        """Refuse settings of the head that do not fit the types."""
        head, count = self.fitting.polarizability, len(self.types)
        for name in ("scale", "constant") if head else ():
            given = getattr(head, name)
            check(head, name, given is None or len(given) == count, "must have a number for each type")
        if head:
            object.__setattr__(self, "fitting", replace(self.fitting, polarizability=head.plainest()))
        for section, name in ((self, "preset_bias"), (self.fitting, "vacuum_energies")):
            used = any(value is not None for value in getattr(section, name) or ())
            check(section, name, self.kind == ENERGY or not used, "belongs to models that predict energies")

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

    @property
    def kind(self) -> str:
        """Return the kind of the prediction: "energy", "property", "dos", "dipole" or "polarizability"."""
        return next((name for name in HEADS if getattr(self.fitting, name) is not None), ENERGY)

    @property
    def net_outputs(self) -> int:
        """Width of the fitting network's output (sections 11 and 21)."""
        head, width = self.fitting, self.repformer.pair_dim
        if head.polarizability is not None:
            return width if head.polarizability.diagonal else width * width
        if head.dipole is not None:
            return width
        several = head.property or head.dos
        return several.components if several else 1

    @property
    def value_shape(self) -> tuple[int, ...]:
        """Shape of the value of a system: a number of an energy, else its components (section 21)."""
        shapes = {ENERGY: (), "dipole": (3,), "polarizability": (3, 3)}
        return shapes.get(self.kind, (self.net_outputs,))

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the output bias of one type: a number of an energy, else a row of components."""
        return () if self.kind == ENERGY else (prod(self.value_shape),)

    @property
    def net_bias_shape(self) -> tuple[int, ...]:
        """Shape of the fitting network's own bias of one type: a number of an energy, else one for each output."""
        return () if self.kind == ENERGY else (self.net_outputs,)

    @property
    def averages(self) -> bool:
        """Return whether the value of a system is the mean over its atoms, not their sum: an intensive property."""
        return self.fitting.property is not None and self.fitting.property.intensive

    def to_dict(self) -> dict:
        """Plain dictionaries and lists: the canonical form that the native format and the digest hold."""
        return self.to_plain()

    @classmethod
    def from_dict(cls, data: dict) -> DPA2Config:
        """The inverse of `to_dict`; unknown names are errors."""
        return read_section(data, cls)
