"""The descriptor of a model, on its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backends.own_settings import undisturbed
from ..backends.protocol import Backend
from ..config import DPA2Config
from ..descriptor.descriptor import DescriptorProgram
from ..evaluation.descriptor import evaluate_descriptor
from ..evaluation.results import DescriptorEvaluation
from ..structures.given import structure_of
from ..structures.system import checked, listed
from .preparation import in_chunks, list_neighbors
from .truncation import warn_of_truncation


@dataclass(frozen=True, repr=False)
class DescriptorView:
    """The descriptor of a model, evaluated on its own; `adopted` makes its results arrays of the model's library."""

    config: DPA2Config
    backend: Backend
    program: DescriptorProgram
    adopted: Callable[[DescriptorEvaluation], DescriptorEvaluation]

    def __repr__(self) -> str:
        types, dim = listed(self.config.types), self.config.descriptor_dim
        return f"DescriptorView(types {types}; {dim} components; {self.backend.name} on {self.backend.device})"

    @undisturbed
    def evaluate(
        self, coordinates: Any, types: Any = None, cell: Any = None, *, neighbors: str = "strict"
    ) -> DescriptorEvaluation:
        """Return f, rotation matrix, g, h and switch of a structure. Arguments and errors as for `Model.evaluate`.

        Virtual atoms get the padding row of the type embedding here (section 4); `Model.evaluate` gives them type 0.

        >>> import dpa2
        >>> d = dpa2.load(dpa2.demo.MODEL).descriptor.evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
        >>> d.neighbors.tolist(), d.direction.shape
        ([[1], [0]], (2, 1, 3))
        """
        system = checked(structure_of(coordinates, types, cell), self.config.types)
        found = list_neighbors(self.config, system, neighbors)
        warn_of_truncation(self.config, [system], [found])
        shape = dataclasses.replace(self.backend.shape, uniform=("repformer",), width_cache=None)
        kinds = len(self.config.types)
        ready = in_chunks(self.config, self.backend, [system], [found], virtual_type=kinds, shape=shape)
        return self.adopted(evaluate_descriptor(self.program, self.backend, ready)[0])
