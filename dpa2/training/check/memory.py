"""An estimate of the memory that a training takes.

A step keeps the intermediates of all atoms of its batch, and what the differentiation of forces adds to them.
"""

from __future__ import annotations

from ...batching.memory import bytes_per_atom, numbers_of_parts
from ...config import DPA2Config
from ...dtypes import DTYPES
from .report import MemoryReport

# A step takes so many times the intermediates of an evaluation. With DPA-2's medium water model, 192 atoms and float64
# that is 2.2 GB; 1.7 GB were seen on PyTorch, 2.3 GB on JAX.
STEP = 1.5
KEPT = 4  # numbers for each parameter: itself, its gradient, and the two moments of Adam
PER_PAIR = 70  # bytes of a neighbour list for each of its pairs


def estimated(config: DPA2Config, parameters: int, atoms: int, all_atoms: int, wide: int, near: int) -> MemoryReport:
    """Return the memory of a training.

    parameters: numbers that are trained. atoms: of the largest batch; all_atoms: of all frames. wide, near: the largest
    numbers of neighbours within the cutoffs of repinit and of the repformer.
    """
    size = DTYPES[config.dtype].size
    embedding, pairs, layer = numbers_of_parts(config, wide, near)
    each = bytes_per_atom(config, wide, near) + size * (embedding + pairs + config.repformer.layers * layer)
    return MemoryReport(KEPT * size * parameters, PER_PAIR * wide * all_atoms, int(STEP * each * atoms))
