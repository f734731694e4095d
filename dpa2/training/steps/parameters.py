"""The parameters, apart from statistics and settings: arrays by name, and the models that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...construction.trainability import trainable
from ...errors import ConfigurationError
from ...model.model import Model
from ...nn.arrays import Array
from ...nn.module import Leaf, map_leaves, map_roles

ALONE = ""  # the head of a model that is trained alone


@dataclass(frozen=True)
class Parameters:
    """The trained arrays of one model or of several heads, each once, and where they stand.

    arrays: by their names, which are those of the model (`descriptor.repinit...`); with several heads `HEAD/NAME`,
    after the first head that has the array. names: for each head, the name here of each of its trained tensors.
    """

    arrays: dict[str, Array]
    names: dict[str, dict[str, str]]

    def of_head(self, head: str, arrays: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Return the arrays of one head by their names here; those of `arrays` in place of the first ones."""
        every = self.arrays if arrays is None else arrays
        return {name: every[name] for name in dict.fromkeys(self.names[head].values())}

    def placed(self, head: str, weights: Any, arrays: Mapping[str, Array]) -> Any:
        """Return a tree of weights with arrays, by their names here, in their places."""
        names = self.names[head]
        return map_leaves(lambda path, array: arrays[names[path]] if path in names else array, weights)


def parameters_of(models: Mapping[str, Model]) -> Parameters:
    """Return the trained arrays of models; an array that several models hold is one parameter.

    Raises `ConfigurationError` where a configuration freezes everything.
    """
    arrays: dict[str, Array] = {}
    names: dict[str, dict[str, str]] = {}
    known: dict[int, str] = {}
    for head, model in models.items():
        mine = names.setdefault(head, {})
        for path, array in trained(model).items():
            mine[path] = known.setdefault(id(array), f"{head}/{path}" if head else path)
            arrays.setdefault(mine[path], array)
    if not arrays:
        what = "nothing is trained: the configuration freezes the descriptor and the fitting net"
        raise ConfigurationError(what, path="trainable", value=False)
    return Parameters(arrays, names)


def trained(model: Model) -> dict[str, Array]:
    """Return the arrays of a model that training changes, by name: parameters that its configuration does not freeze.

    >>> import dpa2
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> sorted(set(model.state_dict()) - set(trained(model)))[:3]
    ['bias', 'descriptor.repformer.environment.mean', 'descriptor.repformer.environment.std']
    """
    found: dict[str, Array] = {}

    def note(leaf: Leaf, array: Array) -> Array:
        if trainable(model.config, leaf):
            found[leaf.path] = array
        return array

    map_roles(note, model.weights)
    return found
