"""No setting is dropped on the way into a file: what a format has no word for is refused by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import dpa2
from dpa2 import config as c
from dpa2 import testing
from dpa2.config.parsing import later
from dpa2.errors import TargetLacks
from dpa2.serialization import Checkpoint, read, write
from dpa2.serialization.settings import native_only, spelling
from dpa2.serialization.settings.native_only import NATIVE_ONLY, TABLES, spelled

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
SUFFIXES = (".dp", ".yaml", ".json", ".pt", ".jax")
UNSPELLED = (  # a table without one of its words, the field that it spelled, and another value of the field
    ("REPINIT", "tebd_dim", "repinit", {"type_dim": 5}),
    ("REPINIT", "activation_function", "repinit", {"activation": "gelu"}),
    ("THREE_BODY", "three_body_rcut_smth", "three_body", {"inner_cutoff": 0.25}),
    ("REPFORMER", "update_residual", "repformer", {"residual_scale": 0.25}),
    ("FITTING", "rcond", "fitting", {"bias_cutoff": 1e-5}),
    ("DESCRIPTOR", "env_protection", "", {"protection": 1e-3}),
    ("MODEL", "preset_out_bias", "", {"preset_bias": (1.0, None)}),
)


def changed(checkpoint: Checkpoint, section: str, values: dict) -> Checkpoint:
    """The same weights with other settings."""
    config = checkpoint.config
    if section:
        values = {section: dataclasses.replace(getattr(config, section), **values)}
    return dataclasses.replace(checkpoint, config=dataclasses.replace(config, **values))


def tiny() -> Checkpoint:
    found = read(SAMPLES / "dpa2_tiny.dp")
    return changed(found, "", {"three_body": found.config.three_body or c.ThreeBody()})


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("table", "word", "section", "values"), UNSPELLED, ids=str)
def test_a_setting_that_no_table_spells_is_refused_by_name(table, word, section, values, suffix, tmp_path, monkeypatch):
    checkpoint, (name,) = changed(tiny(), section, values), values
    monkeypatch.delitem(getattr(spelling, table), word)
    with pytest.raises(TargetLacks, match=name) as caught:
        write(checkpoint, tmp_path / f"model{suffix}")
    assert caught.value.what == f"{section}.{name}".lstrip(".")
    assert not list(tmp_path.iterdir())


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaterRepformer(c.Repformer):
    """A repformer with a setting that came later."""

    pair_dropout: float = 0.0
    extra_widths: tuple[int, ...] = dataclasses.field(default_factory=tuple)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("values", [{"pair_dropout": 0.5}, {"extra_widths": (3,)}])
def test_a_new_field_is_refused_by_name_where_it_is_in_use(values, suffix, tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    later = LaterRepformer(**vars(checkpoint.config.repformer), **values)
    (name,) = values
    with pytest.raises(TargetLacks, match=f"repformer.{name}"):
        write(changed(checkpoint, "", {"repformer": later}), tmp_path / f"model{suffix}")


def test_a_new_field_without_a_default_is_always_refused(tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    section = dataclasses.make_dataclass("Later", [("order", int)], bases=(c.Repinit,), frozen=True, kw_only=True)
    later = section(**vars(checkpoint.config.repinit), order=1)
    with pytest.raises(TargetLacks, match=r"repinit\.order"):
        write(changed(checkpoint, "", {"repinit": later}), tmp_path / "model.dp")


@pytest.mark.parametrize("suffix", [".dp", ".pt"])
def test_a_setting_that_is_not_in_use_needs_no_word(suffix, tmp_path, monkeypatch):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    monkeypatch.delitem(spelling.MODEL, "preset_out_bias")
    write(checkpoint, tmp_path / f"model{suffix}")
    assert read(tmp_path / f"model{suffix}").digest() == checkpoint.digest()


def fields(section: type, path: str = ""):
    """The paths of all settings, those of optional sections too."""
    types = get_type_hints(section)
    for name, declared in ((field.name, types[field.name]) for field in dataclasses.fields(section)):
        yield f"{path}{name}"
        for inner in (declared, *get_args(declared)):
            if dataclasses.is_dataclass(inner) and f"{path}{name}" not in NATIVE_ONLY:
                yield from fields(inner, f"{path}{name}.")


def test_every_field_of_the_configuration_is_spelled_or_native_only():
    """A field that no table spells is native only, and refused by the test above."""
    every = set(fields(c.DPA2Config))
    assert spelled() | set(NATIVE_ONLY) <= every
    assert not spelled() & set(NATIVE_ONLY)


@pytest.mark.parametrize("suffix", [".dp", ".pt", ".yaml"])
def test_an_activation_that_deepmd_does_not_have_is_refused(suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(native_only, "ACTIVATIONS", {"linear"})
    model = testing.perturbed_model(testing.small_config())
    with pytest.raises(TargetLacks, match=r"repinit\.activation = 'tanh'"):
        dpa2.save(model, tmp_path / f"model{suffix}")


def test_a_setting_that_came_later_leaves_the_digests_of_other_models_as_they_are():
    newer = dataclasses.make_dataclass(
        "Newer", [("further", int, later(3))], bases=(c.Compression,), frozen=True, kw_only=True
    )
    assert newer(intervals=5).to_plain() == c.Compression(intervals=5).to_plain()
    assert newer(intervals=5, further=4).to_plain() == {"intervals": 5, "further": 4}


def test_no_field_has_two_words():
    for tables in TABLES.values():
        words = [ours for table in tables for ours in table.values()]
        assert len(words) == len(set(words))
