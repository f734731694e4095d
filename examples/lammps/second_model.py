"""Write a second model for in.deviation: the one that comes with the package, with matrices changed by chance.

python second_model.py [FILE]

The change is 0.1 % (standard deviation). That shows what a deviation of models is, and no more: for one that means
something, train several models on the same data, each with another seed.
"""

from __future__ import annotations

import sys

import numpy as np

import dpa2


def changed(model: dpa2.Model, part: float = 1e-3, seed: int = 0) -> dpa2.Model:
    """Return a model each number of whose matrices is multiplied by 1 + part × a normal random number."""
    rng, weights = np.random.default_rng(seed), dict(model.state_dict())
    for name, array in weights.items():
        if name.endswith(".weight"):
            weights[name] = array * (1 + part * rng.standard_normal(array.shape))
    return model.with_state(weights)


if __name__ == "__main__":
    file = sys.argv[1] if len(sys.argv) > 1 else "second.dp"
    dpa2.save(changed(dpa2.load(dpa2.demo.WATER)), file, overwrite=True)
