"""How close is close: every tolerance of the suite, and why it is what it is.

All are relative to the largest number of the array (section 20 of the specification: entries near the cutoff are
differences of numbers of order 1, so entry by entry nothing can be said).
"""

from __future__ import annotations

import numpy as np

TOLERANCES = {
    "reference": (1e-12, "float64 against the reference's float64: two orders of summation; 3e-14 was measured"),
    "reference float32": (1e-5, "float32 rounds at 6e-8, some hundred operations deep; 6e-6 was measured"),
    "samples": (1e-12, "float64 against the reference's float64; energies of -3e4 eV, 1e-15 of which is 3e-11"),
    "sample forces": (1e-10, "outputs of the sample model are tiny against its bias, which takes digits from them"),
    "libraries": (1e-12, "the same formulas on other array libraries: other orders of summation"),
    "layout": (1e-12, "the same formulas on other shapes of blocks: other orders of summation"),
    "batch": (1e-14, "the same formulas in the same order, except for how rows fall into matrix products"),
    "trace": (1e-12, "as for results; 4e-15 was measured between implementations of the reference"),
    "extended": (1e-12, "vectors are formed from the same coordinates in the same way"),
    "pullback": (1e-12, "the same derivative by other formulas; rounding alone differs"),
    "deep pullback": (1e-11, "the same through a whole model of three layers: sums with cancellation"),
    "differences": (1e-7, "fourth order, step 1e-3 on numbers of order 1: error of method 1e-10, of rounding 1e-12"),
    "energy differences": (
        1e-6,
        "switch functions have no third derivative at cutoffs: error of method is cubic there",
    ),
    "weight differences": (1e-6, "second derivatives by differences of forces, step 1e-4, rounding 1e-16 / 1e-4"),
    "symmetry": (1e-10, "rotated coordinates are rounded: 1e-16 of 10 Å, amplified by slopes of some 100 per Å"),
    "expansion": (1e-10, "embeddings good to 1e-12 of their largest value; slopes of polynomials lose some digits"),
    "training loss": (
        1e-12,
        "five steps in float64 with the reference's rounding; 1e-13 was measured at the last of them",
    ),
    "training gradient": (1e-10, "the specification's tolerance; of each tensor's largest element"),
    "final parameters": (
        1e-10,
        "absolute: Adam divides by roots of squares, which makes rounding of tiny gradients large",
    ),
    "gradient by weights": (1e-12, "the same derivative by other formulas; rounding alone differs"),
    "printed": (1e-6, "the reference prints seven digits"),
    "single precision": (1e-4, "float32 rounds at 6e-8; random models amplify it more than the reference cases do"),
}


def deviation(found, expected) -> float:
    """The largest difference relative to the largest expected number; absolute where all expected numbers are 0."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    largest = np.abs(expected).max(initial=0.0)
    return float(np.abs(found - expected).max(initial=0.0) / (largest or 1.0))


def assert_close(kind: str, found, expected, what: str = "", scale: float = 0.0):
    """`found` is `expected` to the tolerance called `kind`, relative to the largest number or to `scale` if larger."""
    tolerance, _ = TOLERANCES[kind]
    largest = np.abs(np.asarray(expected, dtype=np.float64)).max(initial=0.0)
    error = deviation(found, expected) * ((largest or 1.0) / max(largest or 1.0, scale))
    assert error <= tolerance, f"{what}: deviates by {error:.1e}, {tolerance:.0e} is allowed for {kind!r}"
