"""The strategies draw every setting of a configuration with more than one value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from dpa2 import config as settings
from dpa2.testing.strategies import ACTIVATIONS, drawn_config, with_kind

DRAWS = 400  # configurations; the rarest choice has a probability of 1/12

NOT_DRAWN = {
    ("Repinit", "compression"): "tables are made from the nets of a model by dpa2.compress, not from a configuration",
    ("Compression", "intervals"): "as above",
}


def sections() -> list[type]:
    """The dataclasses of dpa2.config."""
    found = [kind for kind in vars(settings).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
    return list(dict.fromkeys(found))


def fields() -> list[tuple[str, str]]:
    """Every field of every section, by the names of both."""
    return [(section.__name__, field.name) for section in sections() for field in dataclasses.fields(section)]


def values(section) -> Iterator[tuple[tuple[str, str], object]]:
    """Every field of a section and of the sections below, with its value."""
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        yield (type(section).__name__, field.name), value
        if dataclasses.is_dataclass(value):
            yield from values(value)


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, str], set]:
    """All values that each field takes in many configurations."""
    generator, seen = np.random.default_rng(0), {}

    def pick(*choices):
        return choices[generator.integers(len(choices))]

    for number in range(DRAWS):
        roomy, parameters = number % 2 == 0, number % 3 == 0
        config = drawn_config(pick, ACTIVATIONS, roomy, parameters, {}, ("float64", "float32"))
        config = with_kind(pick, config, (settings.ENERGY, *settings.HEADS))
        for field, value in values(config):
            seen.setdefault(field, set()).add(value)
    return seen


def test_the_sections_are_found():
    assert {"DPA2Config", "Repinit", "NeighborAttention", "Repformer", "Fitting", "ThreeBody"} <= {
        section.__name__ for section in sections()
    }


@pytest.mark.parametrize("field", fields(), ids=".".join)
def test_every_field_of_the_configuration_is_drawn(field, drawn):
    values = drawn.get(field, set())
    assert (len(values) > 1) == (field not in NOT_DRAWN), f"{'.'.join(field)} is always {values}"


def test_fields_that_are_not_drawn_exist():
    assert set(NOT_DRAWN) <= set(fields())


def test_precisions_other_than_float64_are_drawn_only_if_asked_for():
    generator = np.random.default_rng(0)
    for _ in range(20):
        config = drawn_config(lambda *c: c[generator.integers(len(c))], ACTIVATIONS, True, True, {})
        assert (config.dtype, config.fitting.dtype) == ("float64", "float64")
