"""The network from an atom's descriptor to the numbers that a head reads (specification section 11)."""

from __future__ import annotations

from ..nn.arrays import VJP, Array, Float, Int, array_namespace, take_rows
from ..nn.layers import Dense, FittingLayers, Linear
from ..nn.module import module
from ..nn.record import record
from ..nn.roles import Constant, constant, static, statistic


@module
class FittingNet:
    """One network for all types; its input is [descriptor | frame parameters | atomic parameters | case]."""

    layers: tuple[Dense, ...]
    output: Linear
    bias: Float[Array, "type *output"] = statistic(Constant(0.0), wide=True)
    frame_mean: Float[Array, "frame_parameter"] | None = statistic(Constant(0.0))
    frame_scale: Float[Array, "frame_parameter"] | None = statistic(Constant(1.0))
    atom_mean: Float[Array, "atom_parameter"] | None = statistic(Constant(0.0))
    atom_scale: Float[Array, "atom_parameter"] | None = statistic(Constant(1.0))
    case: Float[Array, "case"] | None = constant(Constant(0.0))
    parameters_as_mask: bool = static()
    subtract_vacuum: bool = static()

    def vjp(
        self,
        descriptor: Float[Array, "atom descriptor"],
        frame: Float[Array, "atom frame_parameter"] | None,
        atom: Float[Array, "atom atom_parameter"] | None,
        types: Int[Array, "atom"],
    ) -> VJP:
        """Outputs (atom, output), with the net's bias; `frame` and `atom` hold each atom's parameters or are None."""
        xp = array_namespace(descriptor)
        x = xp.astype(descriptor, self.output.weight.dtype)
        extra = self.extra_inputs(x, frame, atom)
        net = FittingLayers(self.layers, self.output)
        record("fitting/input", xp.concat([x, *extra], axis=-1))
        y, pull = net.vjp(xp.concat([x, *extra], axis=-1).T)
        if self.subtract_vacuum:
            vacuum = xp.concat([0.0 * x, *extra], axis=-1)
            y = y - net.vjp(vacuum.T if extra else vacuum[:1, :].T)[0]

        def pull_back(dy: Array) -> Array:
            return xp.astype(pull(xp.astype(dy, y.dtype))[: x.shape[1], :].T, descriptor.dtype)

        bias = take_rows(self.bias, types)
        return xp.astype(y, bias.dtype) + xp.reshape(bias, y.shape), pull_back

    def extra_inputs(self, x: Float[Array, "atom descriptor"], frame: Array | None, atom: Array | None) -> list[Array]:
        """Normalised parameters and the case embedding, a row for each atom."""
        xp, rows = array_namespace(x), x.shape[0]
        parts = []
        if self.frame_mean is not None:
            parts.append((frame - self.frame_mean) * self.frame_scale)
        if self.atom_mean is not None and not self.parameters_as_mask:
            parts.append((atom - self.atom_mean) * self.atom_scale)
        if self.case is not None:
            parts.append(xp.broadcast_to(self.case, (rows, self.case.shape[0])))
        return parts
