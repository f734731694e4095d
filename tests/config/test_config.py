"""A configuration describes a model, or an error names the setting, its value and the rule that it breaks."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import numpy as np
import pytest

from dpa2 import config as c
from dpa2 import testing
from dpa2.config.parsing import Section, declared_types
from dpa2.errors import ConfigurationError
from dpa2.serialization import Checkpoint

CUTOFFS = {"cutoff": 4.0, "inner_cutoff": 1.0, "max_neighbors": 20}
SMALL = testing.small_config()
SECTIONS = {  # every section by its path, with settings that it needs
    "": {"types": SMALL.types, "repinit": SMALL.repinit, "repformer": SMALL.repformer},
    "repinit": CUTOFFS,
    "repinit.attention": {"layers": 1},
    "repinit.compression": {},
    "three_body": CUTOFFS,
    "repformer": CUTOFFS,
    "fitting": {},
    "fitting.property": {},
    "fitting.dos": {},
    "fitting.dipole": {},
    "fitting.polarizability": {},
}
CLASSES = {cls.path: cls for cls in Section.__subclasses__() if cls.__module__.startswith("dpa2.config.")}
SETTINGS = [(path, name) for path, cls in CLASSES.items() for name in declared_types(cls)]


def plain() -> dict:
    """A small configuration as JSON holds it."""
    return json.loads(json.dumps(SMALL.to_dict()))


def refusal(make, *arguments, **settings) -> ConfigurationError:
    """The error with which something is refused; its message begins with path and value."""
    with pytest.raises(ConfigurationError) as caught:
        make(*arguments, **settings)
    assert str(caught.value).startswith(f"{caught.value.path} = ")
    return caught.value


def test_the_path_of_a_section_leads_to_it():
    found = {""}

    def visit(cls, path: str):
        for name, wanted in declared_types(cls).items():
            for part in get_args(wanted) or [wanted]:
                if dataclasses.is_dataclass(part):
                    assert part.path == f"{path}{name}"
                    found.add(part.path)
                    visit(part, f"{path}{name}.")

    visit(c.DPA2Config, "")
    assert found == set(CLASSES) == set(SECTIONS)


@pytest.mark.parametrize(("path", "name"), SETTINGS)
def test_a_value_of_another_type_is_refused_wherever_it_is_given(path, name):
    wrong = object()
    error = refusal(CLASSES[path], **SECTIONS[path] | {name: wrong})
    assert error.path == f"{path}.{name}".lstrip(".")
    assert error.value is wrong


WRONG = [  # a setting, a value that Python would take for one of its type, and words of the rule
    ("repinit.cutoff", "6", "finite number"),
    ("repinit.cutoff", True, "finite number"),
    ("repinit.cutoff", float("nan"), "finite number"),
    ("repinit.cutoff", 10**400, "finite number"),
    ("repinit.max_neighbors", 120.5, "whole number"),
    ("repinit.max_neighbors", 120.0, "whole number"),
    ("repinit.max_neighbors", True, "whole number"),
    ("repinit.widths", 4, "list"),
    ("repinit.widths", "48", "list"),
    ("repinit.widths", [4, 8.5], "whole number"),
    ("repinit.activation", 7, "str"),
    ("repinit.attention", "two", "NeighborAttention"),
    ("repinit.attention", {"layers": 1, "levels": 2}, "is no setting of NeighborAttention"),
    ("repinit.attention", {}, "required"),
    ("repformer.pair_attention", "no", "bool"),
    ("repformer.pair_attention", 0, "bool"),
    ("fitting.trainable", [1, 0], "bool"),
    ("fitting.vacuum_energies", [None, "0"], "finite number"),
    ("types", "OH", "list"),
    ("types", [1, 2], "str"),
    ("excluded_pairs", [[0, 1, 1]], "2 items"),
    ("excluded_pairs", [[0, 2]], "below 2"),
]


@pytest.mark.parametrize(("path", "value", "rule"), WRONG)
def test_one_parser_refuses_a_value_in_a_dictionary_and_in_a_section(path, value, rule):
    place, _, name = path.rpartition(".")
    data = plain()
    (data[place] if place else data)[name] = value
    whole = refusal(c.DPA2Config.from_dict, data)
    alone = refusal(CLASSES[place], **SECTIONS[place] | {name: value})
    assert str(whole) == str(alone)
    assert whole.path.startswith(path)
    assert rule in str(whole)


@pytest.mark.parametrize(("change", "path", "rule"), [
    (lambda d: d.update(levels=3), "levels", "is no setting of DPA2Config"),
    (lambda d: d["repformer"].update(levels=3), "repformer.levels", "is no setting of Repformer"),
    (lambda d: d["repinit"].pop("cutoff"), "repinit.cutoff", "is required"),
    (lambda d: d.pop("types"), "types", "is required"),
    (lambda d: d.update(repinit=None), "repinit", "the settings of Repinit"),
])  # fmt: skip
def test_unknown_and_missing_settings_are_named(change, path, rule):
    data = plain()
    change(data)
    error = refusal(c.DPA2Config.from_dict, data)
    assert error.path == path
    assert rule in str(error)


@pytest.mark.parametrize("data", [None, [], "repinit", 3])
def test_what_holds_no_settings_is_no_configuration(data):
    assert refusal(c.DPA2Config.from_dict, data).path == "configuration"


@pytest.mark.parametrize(("path", "settings"), [
    ("repinit.attention.scaling", {"scaling": 0.0}),
    ("repinit.attention.scaling", {"scaling": -1.0}),
    ("repinit.attention.layers", {"layers": 0}),
    ("repinit.compression.intervals", {"intervals": -1}),
    ("fitting.frame_parameters", {"frame_parameters": -1}),
    ("fitting.atom_parameters", {"atom_parameters": -1}),
    ("fitting.case_dim", {"case_dim": -1}),
    ("fitting.default_frame_parameters", {"frame_parameters": 2, "default_frame_parameters": [0.5]}),
    ("three_body.inner_cutoff", {"inner_cutoff": 4.0}),
    ("repformer.axis", {"axis": 17}),
    ("repinit.compression", {"compression": {"intervals": 3}}),
    ("preset_bias", {"preset_bias": [0.5]}),
])  # fmt: skip
def test_values_that_describe_no_model_are_named(path, settings):
    place = path.rpartition(".")[0]
    error = refusal(CLASSES[place], **SECTIONS[place] | settings)
    assert error.path == path


def test_every_configuration_is_in_canonical_form():
    loose = dataclasses.replace(
        SMALL,
        types=list(SMALL.types),
        protection=np.float32(0.5),
        repinit=dataclasses.replace(SMALL.repinit, cutoff=4, max_neighbors=np.int64(90), widths=[4, 8]),
        excluded_pairs=[[0, 1]],
    )
    assert type(loose.repinit.cutoff) is type(loose.protection) is float
    assert type(loose.repinit.max_neighbors) is int
    assert loose.repinit.widths == (4, 8)
    assert loose.excluded_pairs == ((0, 1),)
    exact = c.DPA2Config.from_dict(json.loads(json.dumps(loose.to_dict())))
    assert exact == loose
    assert hash(exact) == hash(loose)
    assert json.dumps(exact.to_dict()) == json.dumps(loose.to_dict())
    assert Checkpoint(exact, {}).digest() == Checkpoint(loose, {}).digest()
