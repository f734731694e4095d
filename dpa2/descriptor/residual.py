"""The sum of a representation and its updates: averages, increments, or trained scales (specification section 8.3)."""

from __future__ import annotations

from collections.abc import Iterable

from ..nn.arrays import Array, Float
from ..nn.module import module
from ..nn.roles import static


@module
class Residual:
    """u′ = keep · u + Σ_k scale_k ∘ u_k; without trained scales one `share` serves all updates (section 8.3)."""

    scales: tuple[Float[Array, "channel"], ...]
    keep: float = static(default=1.0)
    share: float = static(default=1.0)

    def scale(self, k: int) -> Float[Array, "channel"] | float:
        """Return the factor of the k-th update."""
        return self.scales[k] if self.scales else self.share

    def carry(self, old: Float[Array, "*axes channel"]) -> Float[Array, "*axes channel"]:
        """Return u with the factor that it keeps."""
        return old if self.keep == 1.0 else self.keep * old

    def combine(self, old: Float[Array, "*axes channel"], updates: Iterable[Array]) -> Float[Array, "*axes channel"]:
        """u′ from u and its updates."""
        new = self.carry(old)
        for k, update in enumerate(updates):
            new = new + self.scale(k) * update
        return new


def make_residual(style: str, scales: tuple[Array, ...], count: int) -> Residual:
    """Return the way in which `count` updates are added: by average, by increment, or with trained scales."""
    if style == "average":
        return Residual((), keep=(count + 1) ** -0.5, share=(count + 1) ** -0.5)
    if style == "increment":
        return Residual((), share=max(count, 1) ** -0.5)
    return Residual(scales)
