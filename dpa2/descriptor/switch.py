"""The smooth cutoff: 1 up to `inner`, 0 from `outer`, twice continuously differentiable in between."""

from __future__ import annotations

from ..nn.arrays import Array, Float, Pullback, array_namespace


def switch_vjp(r: Float[Array, "*axes"], inner: float, outer: float) -> tuple[Float[Array, "*axes"], Pullback]:
    """Return the weight of a neighbour at distance `r`, and the pullback.

    w = 1 - u³ (10 - 15 u + 6 u²),   u = (r - inner) / (outer - inner) clipped to [0, 1]

    w′ and w″ vanish at both ends, so energies have continuous second derivatives (specification section 2.1).

    >>> import numpy
    >>> w, pull = switch_vjp(numpy.asarray([1.0, 3.0, 5.0]), 2.0, 4.0)
    >>> w.tolist(), pull(1.0).tolist()
    ([1.0, 0.5, 0.0], [-0.0, -0.9375, -0.0])
    """
    xp = array_namespace(r)
    u = xp.clip((r - inner) / (outer - inner), 0.0, 1.0)
    u2 = u * u
    w = 1.0 - u2 * u * (10.0 - 15.0 * u + 6.0 * u2)
    return w, lambda dw: dw * (-30.0 / (outer - inner)) * u2 * (1.0 - u) * (1.0 - u)
