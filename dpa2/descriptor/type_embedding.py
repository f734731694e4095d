"""The embedding of atom types (specification section 4)."""

from __future__ import annotations

from ..nn.arrays import Array, Float, array_namespace, like
from ..nn.layers import MATRIX, Dense
from ..nn.module import module
from ..nn.record import record
from ..nn.roles import Normal, parameter, static
from .electrons import configuration_vector


@module
class TypeEmbedding:
    """One linear layer on the one-hot type, or on the electron configuration of the element.

    Its skip connection makes it more than a table where the widths allow: see `Dense`.
    """

    weight: Float[Array, "input channel"] = parameter(MATRIX)
    bias: Float[Array, "channel"] | None = parameter(Normal())
    elements: tuple[str, ...] | None = static()

    def table(self) -> Float[Array, "types_and_padding channel"]:
        """A row for each type and a last one of zeros, which belongs to virtual atoms."""
        xp = array_namespace(self.weight)
        rows, _ = self.layer().vjp(self.inputs().T)
        table = xp.concat([rows.T, xp.zeros_like(self.weight[:1, :])])
        record("type_embedding/table", table)
        return table

    def layer(self) -> Dense:
        """The layer that sees the types one after another."""
        return Dense(self.weight, self.bias, None, "linear")

    def inputs(self) -> Float[Array, "type input"]:
        """The input of the layer for each type."""
        if self.elements is None:
            types = range(self.weight.shape[0])
            return like([[float(i == j) for j in types] for i in types], self.weight)
        return like([configuration_vector(symbol) for symbol in self.elements], self.weight)
