"""Linear and dense layers, embedding net, layer normalization (specification section 3)."""

from __future__ import annotations

from .activations import activation
from .arrays import VJP, Array, Float, array_namespace
from .building import Take
from .module import chain_vjp, module
from .record import record
from .roles import Constant, Normal, Scaled, parameter, static

MATRIX = Scaled(lambda layer: sum(layer.weight.shape))


@module
class Linear:
    """y = x W + b"""

    weight: Float[Array, "fan_in fan_out"] = parameter(MATRIX)
    bias: Float[Array, "fan_out"] | None = parameter(Normal(), default=None)

    @classmethod
    def build(cls, take: Take, fan_in: int, fan_out: int, *, bias: bool = True) -> Linear:
        """Return the layer with its tensors."""
        return cls(take("weight", fan_in, fan_out), take("bias", fan_out) if bias else None)

    def __call__(self, x: Float[Array, "*axes fan_in"]) -> Float[Array, "*axes fan_out"]:
        y = x @ self.weight
        if self.bias is not None:
            y += self.bias
        return y

    def vjp(self, x: Float[Array, "*axes fan_in"]) -> VJP:
        return self(x), lambda dy: dy @ self.weight.T


@module
class Dense:
    """y = φ(W x + b) [∘ θ] [+ x, or x twice, where the width stays or doubles]

    Channels come first, so that narrow layers still work on long rows.
    """

    weight: Float[Array, "fan_in fan_out"] = parameter(MATRIX)
    bias: Float[Array, "fan_out"] | None = parameter(Normal())
    timestep: Float[Array, "fan_out"] | None = parameter(Normal(0.1, 0.001))
    activation: str = static()

    @property
    def copies(self) -> int:
        """The number of copies of x that the skip connection adds: 1, 2, or 0."""
        fan_in, fan_out = self.weight.shape
        return fan_out // fan_in if fan_out in (fan_in, 2 * fan_in) else 0

    def vjp(self, x: Float[Array, "fan_in point"]) -> VJP:
        xp = array_namespace(x)
        z = self.weight.T @ x
        if self.bias is not None:
            z += self.bias[:, None]
        y, pull = activate(z, self.activation, self.timestep)
        if self.copies:
            y = xp.reshape(xp.reshape(y, (self.copies, *x.shape)) + x[None, ...], y.shape)

        def pull_back(dy: Array) -> Array:
            dx = self.weight @ pull(dy)
            for k in range(self.copies):
                dx = dx + dy[k * x.shape[0] : (k + 1) * x.shape[0], :]
            return dx

        return y, pull_back


def activate(z: Float[Array, "channel point"], name: str, timestep: Float[Array, "channel"] | None) -> VJP:
    """φ(z) [∘ θ]"""
    y, pull = activation(name)(z)
    if timestep is None:
        return y, pull
    return y * timestep[:, None], lambda dy: pull(dy * timestep[:, None])


@module
class EmbeddingNet:
    """Dense layers one after another."""

    layers: tuple[Dense, ...]

    def vjp(self, x: Float[Array, "fan_in point"]) -> VJP:
        return chain_vjp(self.layers, x)


@module
class LayerNorm:
    """γ (x - mean) / √(variance + ε) + β over the last axis."""

    weight: Float[Array, "channel"] = parameter(Constant(1.0))
    bias: Float[Array, "channel"] = parameter(Constant(0.0))
    epsilon: float = static()

    @classmethod
    def build(cls, take: Take, width: int, epsilon: float) -> LayerNorm:
        """Return the norm with its tensors."""
        return cls(take("weight", width), take("bias", width), epsilon)

    def vjp(self, x: Float[Array, "*axes channel"]) -> VJP:
        y, pull = self.centered_vjp(centered(x))
        return y, lambda dy: centered(pull(dy))

    def centered_vjp(self, x: Float[Array, "*axes channel"]) -> VJP:
        """Return the same for x of mean 0; dx keeps its mean, which the pullback of centered weights ignores."""
        xp = array_namespace(x)
        variance = xp.vecdot(x, x / x.shape[-1])  # Σ x² may be too much for float16
        scale = 1.0 / xp.sqrt(variance[..., None] + self.epsilon)
        z = x * scale

        def pull_back(dy: Array) -> Array:
            dz = dy * self.weight
            return scale * (dz - z * (xp.vecdot(dz, z)[..., None] / x.shape[-1]))

        return z * self.weight + self.bias, pull_back


def centered(x: Float[Array, "*axes channel"]) -> Float[Array, "*axes channel"]:
    """x less its mean over the last axis. Products with centered weights have mean 0."""
    return x - array_namespace(x).mean(x, axis=-1, keepdims=True)


@module
class FittingLayers:
    """The hidden layers of the fitting net, and its linear last one (section 11)."""

    layers: tuple[Dense, ...]
    output: Linear

    def vjp(self, x: Float[Array, "channel atom"]) -> VJP:
        pulls = []
        for k, layer in enumerate(self.layers):
            x, pull = layer.vjp(x)
            pulls.append(pull)
            record(f"fitting/hidden{k}", x, (1, 0))
        y, pull = self.output.vjp(x.T)
        record("fitting/net_out", y)

        def pull_back(dy: Array) -> Array:
            dx = pull(dy).T
            for p in reversed(pulls):
                dx = p(dx)
            return dx

        return y, pull_back
