"""From the descriptor of atoms to what a model predicts for each of them (specification sections 11, 12 and 21)."""

from __future__ import annotations

from ..nn.arrays import VJP, Array, Float, Int, array_namespace, take_rows
from ..nn.module import module
from ..nn.record import record
from ..nn.roles import derived, part
from .net import FittingNet
from .readout import Readout


@module
class Inputs:
    """The inputs of a chunk's head besides the descriptor: 1 for real atoms, and their parameters, if any."""

    real: Float[Array, "atom"]
    frame: Float[Array, "atom frame_parameter"] | None
    atom: Float[Array, "atom atom_parameter"] | None


@module
class Head:
    """y_i = χ_i readout(F(f_i | E(type)), R_i), for a chunk of atoms; χ is 0 for virtual atoms and excluded types."""

    fitting: FittingNet = part("fitting")
    readout: Readout
    counted: Float[Array, "type"] = derived(wide=True)
    table: Float[Array, "types_and_padding embedding"] | None

    def vjp(
        self,
        f: Float[Array, "atom f"],
        rotation: Float[Array, "atom g 3"] | None,
        types: Int[Array, "atom"],
        inputs: Inputs,
    ) -> VJP:
        """Values (atom, ...) in the precision of energies; `pull` gives the cotangents of f and of the rotation."""
        xp, wide = array_namespace(f), self.counted.dtype
        x = f if self.table is None else self.with_types(f, take_rows(self.table, types))
        record("descriptor", x)
        o, pull_net = self.fitting.vjp(x, inputs.frame, inputs.atom, types)
        rotated = rotation if rotation is None else xp.astype(rotation, wide)
        y, pull_readout = self.readout.vjp(o, rotated, types)
        counted = self.counting(types, inputs)
        counted = xp.reshape(counted, (-1,) + (1,) * (y.ndim - 1))

        def pull_back(dy: Array) -> tuple[Array, Array | None]:
            do, drotation = pull_readout(dy * counted)
            df = pull_net(do)[:, : f.shape[1]]
            return df, rotation if rotation is None else xp.astype(drotation, rotation.dtype)

        return counted * y, pull_back

    def counting(self, types: Int[Array, "atom"], inputs: Inputs) -> Float[Array, "atom"]:
        """χ: 1 for atoms that have a value, 0 for the others."""
        return inputs.real * take_rows(self.counted, types)

    def with_types(self, f: Float[Array, "atom f"], embedded: Float[Array, "atom embedding"]) -> Array:
        """[f | E(type)], in this order (section 10)."""
        return array_namespace(f).concat([f, embedded], axis=-1)
