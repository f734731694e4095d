"""The outputs of the descriptor alone (specification section 10)."""

from __future__ import annotations

import numpy as np

from ..descriptor.descriptor import DescriptorProgram, rotation, switches
from ..neighbors import counts_within
from ..nn.arrays import end_to_end
from .library import Library
from .prepared import Prepared
from .results import DescriptorEvaluation


def evaluate_descriptor(program: DescriptorProgram, backend: Library, ready: Prepared) -> list[DescriptorEvaluation]:
    """The descriptor's outputs of the prepared systems, whose chunks must all be equally wide."""
    states, _ = program.vjp(ready.chunks, backend, ready.exchange)
    rotations = backend.run(rotation, (program.initial.pairs,), ready.chunks, states)
    fields = {n: end_to_end([getattr(s, n) for s in states]) for n in ("pair", "direction")}
    fields["switch"] = end_to_end(backend.run(switches, (program.initial.pairs,), ready.chunks))
    descriptors = map(program.output, ready.chunks, states)
    fields |= {"descriptor": end_to_end(list(descriptors)), "rotation": end_to_end(rotations)}
    fields["neighbors"] = backend.asarray(repformer_neighbors(ready))
    atoms = {n: ready.row_map.unsorted(x) for n, x in fields.items() if n != "neighbors"}
    atoms["neighbors"] = fields["neighbors"]
    results, start = [], 0
    for n in ready.atoms:
        results.append(DescriptorEvaluation(**{name: x[start : start + n, ...] for name, x in atoms.items()}))
        start += n
    return results


def repformer_neighbors(ready: Prepared) -> np.ndarray:
    """For every atom, the atoms of its own system within the repformer's cutoff, -1 where there are no more."""
    width = ready.chunks[0].repformer_width
    rows = []
    for found in ready.lists:
        index = np.full((len(found.counts), width), -1)
        used = np.arange(width) < counts_within(found, *ready.plan.cutoffs.repformer)[:, None]
        stored = min(width, found.index.shape[1])
        index[:, :stored] = np.where(used[:, :stored], found.index[:, :stored], -1)
        rows.append(index)
    return np.concatenate(rows)
