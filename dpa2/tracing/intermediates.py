"""The table of intermediates: name, axes and section of each, in the order of computation (specification section 19).

Traces, masks, comparisons, golden vectors, the precision survey and the documentation take what they need from here.
"""

from __future__ import annotations

import re
from functools import cache

from ..descriptor.repformer import INTERMEDIATES
from ..nn.record import Intermediate

LAYER = "repformer/layer#/"  # the first part of a layer's names; # stands for its number
LISTS = ("ri", "tb", "rf")  # the neighbour lists of repinit, three-body block and repformer, as words for axes
KINDS = (("", ""), ("_local", ""), ("_vector", " 3"))  # endings of the names of each list, and further axes

TABLE = (
    *(Intermediate(f"nlist/{k}{kind}", f"atom {k}{axis}", "1.5") for k in LISTS for kind, axis in KINDS),
    Intermediate("type_embedding/table", "type channel", "4"),
    Intermediate("repinit/diff", "atom ri 3", "2.2"),
    Intermediate("repinit/strip_table", "pair channel", "5"),
    Intermediate("repinit/sw", "atom ri", "2.1"),
    Intermediate("repinit/env_mat", "atom ri 4", "2.3"),
    Intermediate("repinit/gg_s", "atom ri channel", "5"),
    Intermediate("repinit/gg_t", "atom ri channel", "5"),
    Intermediate("repinit/gg", "atom ri channel", "5"),
    Intermediate("repinit/gr", "atom channel 4", "5"),
    Intermediate("repinit/grrg", "atom channel*axis", "5"),
    Intermediate("three_body/sw", "atom tb", "2.1"),
    Intermediate("three_body/env_mat", "atom tb 4", "2.3"),
    Intermediate("three_body/kappa", "atom tb tb", "6"),
    Intermediate("three_body/gg", "atom tb tb channel", "6"),
    Intermediate("three_body/out", "atom channel", "6"),
    Intermediate("repinit/out", "atom channel", "7"),
    Intermediate("g1_shape_transform", "atom f", "7"),
    Intermediate("g1_init", "atom f", "7"),
    Intermediate("repformer/g1_0", "atom f", "8.1"),
    Intermediate("repformer/sw", "atom rf", "2.1"),
    Intermediate("repformer/env_mat", "atom rf 4", "2.3"),
    Intermediate("repformer/g2_0", "atom rf g", "8.1"),
    Intermediate("repformer/h2_0", "atom rf 3", "8.1"),
    *(Intermediate(LAYER + row.name, row.axes, row.section) for row in INTERMEDIATES),
    Intermediate("repformer/rot_mat", "atom g 3", "8.8"),
    Intermediate("descriptor", "atom channel", "10"),
    Intermediate("fitting/input", "atom channel", "11"),
    Intermediate("fitting/hidden#", "atom channel", "11"),
    Intermediate("fitting/net_out", "atom output", "11"),
    Intermediate("atom_energy", "atom 1", "12.2"),
    Intermediate("energy", "1", "12.3"),
    Intermediate("force", "atom 3", "12.4"),
    Intermediate("virial", "9", "12.4"),
    Intermediate("atom_virial", "atom 9", "12.5"),
    Intermediate("atom_property", "atom component", "21.1"),
    Intermediate("property", "component", "21.1"),
    Intermediate("atom_dos", "atom component", "21.1"),
    Intermediate("dos", "component", "21.1"),
    Intermediate("atom_dipole", "atom 3", "21.2"),
    Intermediate("dipole", "3", "21.2"),
    Intermediate("atom_polarizability", "atom 9", "21.3"),
    Intermediate("polarizability", "9", "21.3"),
    Intermediate("gradient", "atom 3 component", "21.4"),
)
OF_ATOMS = ("atom_energy", "atom_property", "atom_dos", "atom_dipole", "atom_polarizability")  # of each kind of head
ROWS = {row.name: (k, row) for k, row in enumerate(TABLE)}
UNKNOWN = Intermediate("", "", "")


@cache
def position(name: str) -> tuple[int, ...]:
    """Return a key that sorts names by the order of computation; unknown names come last.

    >>> sorted(["energy", "repformer/layer1/g1_conv", "repformer/layer0/g2", "repinit/sw"], key=position)
    ['repinit/sw', 'repformer/layer0/g2', 'repformer/layer1/g1_conv', 'energy']
    """
    number = re.search(r"(?<=layer|idden)\d+", name)
    found = ROWS.get(general(name))
    if found is None:
        return len(TABLE), 0, 0
    in_layer = found[1].name.startswith(LAYER)  # all of one layer comes before the next
    start = next(k for k, row in enumerate(TABLE) if row.name.startswith(LAYER)) if in_layer else found[0]
    return start, int(number[0]) if number else 0, found[0]


def general(name: str) -> str:
    """Return the name in the table, where # stands for the number of a layer."""
    return re.sub(r"(?<=layer)\d+(?=/)|(?<=hidden)\d+$", "#", name)


def row(name: str) -> Intermediate:
    """Return the row of the table for a name; one without axes if there is none."""
    return ROWS.get(general(name), (0, UNKNOWN))[1]


def slot_axes(name: str) -> list[str]:
    """Return the axes of slots of an intermediate, which follow the axis of atoms: the word of their list for each.

    >>> slot_axes("three_body/gg"), slot_axes("repformer/layer2/g1")
    (['tb', 'tb'], [])
    """
    return [word for word in row(name).axes.split() if word in LISTS]
