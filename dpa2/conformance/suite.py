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

import numpy as np
import pytest

from .check import Report, check
from .report import verdict
from .targets import called
from .vectors import shipped

VECTORS = {vector.name: vector for vector in shipped()}


class Conformance:
    """Derive from it, and write `evaluate`; the other attributes say how strictly it is checked.

    dtype: "float64" or "float32". tolerance: of the largest entry of a tensor; None for 1e-12, in float32 3e-5.
    required: intermediates that must be given wherever a model has them. skipped: why vectors are left out, by a part
    of their names.
    """

    dtype: str = "float64"
    tolerance: float | None = None
    required: Collection[str] = ()
    skipped: Mapping[str, str] = {}

    def evaluate(self, **given) -> Mapping[str, np.ndarray]:
        """Intermediates by name, from those of `dpa2.conformance.targets.arguments` that it has parameters for.

        `NotImplementedError`, or an empty dictionary, skips a vector.
        """
        raise NotImplementedError("write evaluate(self, model, coordinates, types, cell, ...)")

    @pytest.mark.parametrize("name", VECTORS)
    def test_golden_vector(self, name: str):
        """Everything that `evaluate` gives is what the reference has."""
        for part, why in self.skipped.items():
            if part in name:
                pytest.skip(why)
        found = called(self.evaluate, type(self).__name__)(VECTORS[name], self.dtype)
        if found is None:
            pytest.skip("not implemented")
        report = check(VECTORS[name], found, self.dtype, self.tolerance)
        if report.divergence:
            pytest.fail("\n".join(verdict([report])), pytrace=False)
        lacking = self.lacking(report)
        if lacking:
            pytest.fail(f"{name}: not given: {', '.join(lacking)}", pytrace=False)

    def lacking(self, report: Report) -> list[str]:
        """What is required and was not given."""
        nowhere = [name for name in self.required if not any(name in vector.trace for vector in VECTORS.values())]
        missing = [finding.name for finding in report.findings if finding.missing and finding.name in self.required]
        return [*missing, *(f"{name}, which is no intermediate" for name in nowhere)]
