"""A base class for the tests of another project: the golden vectors in its own suite, in five lines.

```python
from dpa2.conformance import Conformance

class TestMine(Conformance):
    def evaluate(self, model, coordinates, types, cell):
        return {"descriptor": ..., "atom_energy": ..., "force": ...}
```

pytest finds the class by its name, and every vector is a test of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pytest

from ..config import ENERGY
from ..dtypes import dtype_name
from .check import check
from .report import explained, words
from .results import Report
from .targets import called
from .vectors import shipped

VECTORS = {vector.name: vector for vector in (*shipped(), *shipped(of_heads=True))}


class Conformance:
    """Tests of another implementation: derive a class from this one and write `evaluate`; other attributes are options.

    dtype: "float64" or "float32". tolerance: the largest allowed error, relative to the largest entry of a tensor; None
    stands for 1e-12, or 3e-5 in float32. kinds: what is implemented of what models predict, "energy" if nothing else is
    said; there are vectors of "property", "dos", "dipole" and "polarizability", too. required: intermediates that must
    be given for every model that has them. skipped: parts of names of vectors that are left out, with the reasons.
    """

    dtype: Any = "float64"
    tolerance: float | None = None
    kinds: Collection[str] = (ENERGY,)
    required: Collection[str] = ()
    skipped: Mapping[str, str] = {}

    def evaluate(self, **given) -> Mapping[str, np.ndarray]:
        """Return intermediates by name; parameters are chosen by name from `dpa2.conformance.targets.arguments`.

        `NotImplementedError`, or an empty dictionary, skips a vector.
        """
        raise NotImplementedError("write evaluate(self, model, coordinates, types, cell, ...)")

    @pytest.mark.parametrize("name", VECTORS)
    def test_golden_vector(self, name: str):
        """Compare all intermediates that `evaluate` returns with the reference."""
        if VECTORS[name].config.kind not in self.kinds:
            pytest.skip(f"predicts {VECTORS[name].config.kind}")
        for part, why in self.skipped.items():
            if part in name:
                pytest.skip(why)
        dtype = dtype_name(self.dtype)
        found = called(self.evaluate, type(self).__name__)(VECTORS[name], dtype)
        if not found:
            pytest.skip("not implemented")
        report = check(VECTORS[name], found, dtype, self.tolerance)
        if report.divergence:
            pytest.fail("\n".join([*words(report), *explained([report])]), pytrace=False)
        lacking = self.lacking(report)
        if lacking:
            pytest.fail(f"{name}: required intermediates are missing: {', '.join(lacking)}", pytrace=False)

    def lacking(self, report: Report) -> list[str]:
        """Return the required intermediates that were not given."""
        nowhere = [name for name in self.required if not any(name in vector.trace for vector in VECTORS.values())]
        missing = [finding.name for finding in report.findings if finding.missing and finding.name in self.required]
        return [*missing, *(f"{name} (no golden vector has an intermediate of this name)" for name in nowhere)]
