"""The descriptor of a model, on its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..evaluation.evaluate import DescriptorEvaluation, evaluate_descriptor
from ..structures.system import System, checked

if TYPE_CHECKING:
    from .model import Model


class DescriptorView:
    """The descriptor of a model, evaluated on its own."""

    def __init__(self, model: Model):
        self.model = model

    def evaluate(self, coordinates, types, cell=None, *, neighbors="strict") -> DescriptorEvaluation:
        """f, rotation matrix, g, h and switch of a structure. Arguments and errors as for `Model.evaluate`.

        Virtual atoms get the padding row of the type embedding here (section 4); `Model.evaluate` gives them type 0.

        >>> import dpa2
        >>> d = dpa2.load(dpa2.demo.MODEL).descriptor.evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
        >>> d.neighbors.tolist(), d.direction.shape
        ([[1], [0]], (2, 1, 3))
        """
        system, worker = checked(System(coordinates, types, cell), self.model.type_map), self.model.worker
        found = worker.neighbors(system, neighbors)
        shape = dataclasses.replace(worker.backend.shape, uniform=("repformer",), width_cache=None)
        ready = worker.prepare([system], [found], len(worker.type_map), shape)
        return self.model.adopted(evaluate_descriptor(worker.program.descriptor, worker.backend, ready)[0])
