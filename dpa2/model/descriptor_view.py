"""The descriptor of a model, on its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..evaluation.descriptor import evaluate_descriptor
from ..evaluation.results import DescriptorEvaluation
from ..structures.system import System, checked
from .preparation import in_chunks, list_neighbors

if TYPE_CHECKING:
    from .model import Model


class DescriptorView:
    """The descriptor of a model, evaluated on its own."""

    def __init__(self, model: Model):
        self.model = model

    def evaluate(self, coordinates, types, cell=None, *, neighbors: str = "strict") -> DescriptorEvaluation:
        """Return f, rotation matrix, g, h and switch of a structure. Arguments and errors as for `Model.evaluate`.

        Virtual atoms get the padding row of the type embedding here (section 4); `Model.evaluate` gives them type 0.

        >>> import dpa2
        >>> d = dpa2.load(dpa2.demo.MODEL).descriptor.evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
        >>> d.neighbors.tolist(), d.direction.shape
        ([[1], [0]], (2, 1, 3))
        """
        worker = self.model.worker
        config, backend = worker.config, worker.backend
        system = checked(System(coordinates, types, cell), config.types)
        found = list_neighbors(config, system, neighbors)
        shape = dataclasses.replace(backend.shape, uniform=("repformer",), lasting=None)
        ready = in_chunks(config, backend, [system], [found], virtual_type=len(config.types), shape=shape)
        return self.model.adopted(evaluate_descriptor(worker.program.descriptor, backend, ready)[0])
