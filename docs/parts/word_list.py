"""What DeePMD-kit, MACE and NequIP call a thing, and what it is called here; one table, shown in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

PROGRAMS = ("DeePMD-kit", "MACE", "NequIP")


class Word(NamedTuple):
    """Our words for a thing, those of each program in the order of `PROGRAMS` ("" where it has none), and a remark."""

    ours: str
    theirs: tuple[str, str, str]
    remark: str = ""


WORDS = (
    Word(
        "`types`",
        ("`type_map`", "`z_table`, atomic numbers", "`type_names`"),
        "names of types, as a rule symbols of elements",
    ),
    Word("cutoff", ("`rcut`", "`r_max`", "`r_max`"), "each block has its own"),
    Word(
        "switch, `inner_cutoff`",
        ("`rcut_smth`", "`num_cutoff_basis`", "`PolynomialCutoff`"),
        "a polynomial between two radii here",
    ),
    Word("`max_neighbors`", ("`nsel`, `sel`", "", ""), "a part of the formulas; MACE and NequIP have no such limit"),
    Word(
        "division by `max_neighbors`",
        ("division by `nsel`", "`avg_num_neighbors`", "`avg_num_neighbors`"),
        "what sums over neighbours are divided by",
    ),
    Word("block", ("`repinit`, `repformer`", "", ""), "a part with a neighbour list of its own"),
    Word("layer, `repformer.layers`", ("`nlayers`", "`num_interactions`", "`num_layers`"), "steps of message passing"),
    Word("f, atom representation", ("`g1`", "`node_feats`", "`node_features`"), "scalars only here"),
    Word(
        "`repformer.atom_dim`",
        ("`g1_dim`", "`num_channels`, `hidden_irreps`", "`num_features`"),
        "how many numbers an atom has",
    ),
    Word(
        "g, pair representation",
        ("`g2`", "`edge_feats`", "`edge_embedding`"),
        "made anew in each layer here; fixed there",
    ),
    Word(
        "h, direction",
        ("`h2`", "`edge_attrs`", "`edge_attrs`"),
        "a vector here; spherical harmonics up to `max_ell` or `l_max` there",
    ),
    Word(
        "three-body block",
        ("`use_three_body`", "`correlation`", ""),
        "the nearest thing, not the same: both let more than two atoms in at once",
    ),
    Word("type embedding", ("`tebd`", "`node_embedding`", "`NodeTypeEmbed`"), ""),
    Word(
        "fitting net",
        ("`fitting_net`", "`readouts`", "readout"),
        "from the descriptor of an atom to its energy",
    ),
    Word(
        "output bias, `dpa2.fit_output_bias`",
        ("`out_bias`, `bias_atom_e`", "E0s, `atomic_energies`", "`per_type_energy_shifts`"),
        "an energy for each type, in eV",
    ),
    Word(
        "task head, `head=`",
        ("`model_branch`, `head`", "`head`, `heads`", "head, in multitask training"),
        "one model of a multi-task file",
    ),
    Word("pretrained file", ("pre-trained model", "foundation model", "foundation model"), ""),
    Word("frame, snapshot", ("frame", "configuration", "frame"), "one structure of a data set"),
    Word(
        "`coordinates`, `types`, `cell`",
        ("`coord`, `atype`, `box`", "`positions`, `node_attrs`, `cell`", "`pos`, `atom_types`, `cell`"),
        "Å everywhere",
    ),
    Word("`dtype`", ("`precision`", "`default_dtype`", "`model_dtype`"), ""),
    Word("`dpa2 train`", ("`dp train`", "`mace_run_train`", "`nequip-train`"), ""),
    Word("`dpa2 test`", ("`dp test`", "`mace_eval_configs`", "`nequip-train` with `test`"), ""),
    Word(
        "`dpa2 convert`",
        ("`dp freeze`, `dp convert-backend`", "`mace_create_lammps_model`", "`nequip-compile`, `nequip-package`"),
        "LAMMPS and ASE take any file here, so nothing must be made for them",
    ),
    Word("`dpa2 compress`", ("`dp compress`", "", ""), ""),
    Word("`dpa2 change-bias`", ("`dp change-bias`", "", ""), ""),
    Word(
        "`start_pref_e`, `limit_pref_e`, ...",
        ("`start_pref_e`, `limit_pref_e`, ...", "`energy_weight`, `forces_weight`", "`coeffs` of the loss"),
        "weights of the loss; they change during a training",
    ),
    Word("`enable_ema`", ("`enable_ema`", "`ema`", "`EMALightningModule`"), "moving average of the weights"),
    Word("`dpa2.ase.DPA2`", ("`DP`", "`MACECalculator`", "`NequIPCalculator`"), "the calculator of ASE"),
    Word("`pair_style dpa2`", ("`pair_style deepmd`", "`pair_style mace`", "`pair_style nequip`"), "LAMMPS"),
)


def ours() -> Iterator[str]:
    """Our words, with those of each program."""
    yield f"| here | {' | '.join(PROGRAMS)} | remark |"
    yield "|---" * (len(PROGRAMS) + 2) + "|"
    for word in WORDS:
        yield f"| {word.ours} | {' | '.join(theirs or '–' for theirs in word.theirs)} | {word.remark} |"


def theirs() -> Iterator[str]:
    """For each program a table from its words to ours, in the order of the alphabet."""
    for k, program in enumerate(PROGRAMS):
        yield f"### {program}\n"
        yield f"| {program} | here | remark |"
        yield "|---|---|---|"
        known = [word for word in WORDS if word.theirs[k]]
        for word in sorted(known, key=lambda each, k=k: each.theirs[k].strip("`").lower()):
            yield f"| {word.theirs[k]} | {word.ours} | {word.remark} |"
        yield ""
