"""Whatever is wrong with an input, an error of a named kind says what, where, and what to do."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from libraries import LIBRARIES
from references import DATA, frames, load

import dpa2
from dpa2 import testing
from dpa2.errors import BackendError, ConfigurationError, DPA2Error, InputError, MissingDependency, TooManyNeighbors
from dpa2.structures.system import System

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

LINE = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.1, 0.3, 0.0]])
TYPES = [0, 1, 1]
CELL = 9.0 * np.eye(3)
NAN, INFINITE = LINE.copy(), LINE.copy()
NAN[1, 2], INFINITE[2, 0] = np.nan, np.inf


@pytest.fixture(scope="module")
def model():
    return testing.perturbed_model(testing.small_config())


BAD = {  # what is given, the argument that the error names, words of its message, and its facts
    "a NaN": ((NAN, TYPES), "coordinates", "atom 1 .*nan", {"atom": 1}),
    "an infinity": ((INFINITE, TYPES), "coordinates", "atom 2 .*inf", {"atom": 2}),
    "an atom at the end of the world": ((LINE * 1e15, TYPES), "coordinates", "atom 1 .*beyond", {"atom": 1}),
    "two atoms in one place": ((LINE[[0, 1, 1]], TYPES), "coordinates", "atoms 1 and 2 .*same place", {"atom": 1}),
    "an atom on another's image": ((np.array([[0, 0, 0], [9, 0, 0]]), [0, 1], CELL), "coordinates", "same place", {}),
    "no atoms": ((np.zeros((0, 3)), []), "coordinates", "no atoms", {}),
    "flat coordinates": ((LINE.ravel(), TYPES), "coordinates", "shape", {}),
    "coordinates in a plane": ((LINE[:, :2], TYPES), "coordinates", r"\(3, 2\)", {}),
    "complex coordinates": ((LINE + 0j, TYPES), "coordinates", "complex", {}),
    "words for coordinates": ((["a", "b"], TYPES), "coordinates", "real numbers", {}),
    "ragged coordinates": (([[0, 0, 0], [1]], TYPES), "coordinates", "", {}),
    "too large a type": ((LINE, [0, 1, 2]), "types", "atom 2 has type 2.*O, H", {"atom": 2}),
    "too small a type": ((LINE, [0, -2, 1]), "types", "atom 1 has type -2", {"atom": 1}),
    "fractions for types": ((LINE, [0.0, 1.0, 1.0]), "types", "integers or symbols", {}),
    "truth values for types": ((LINE, [True, False, True]), "types", "integers or symbols", {}),
    "an element that the model does not know": ((LINE, ["O", "H", "Xx"]), "types", "'Xx'.*O, H", {"atom": 2}),
    "too few types": ((LINE, [0, 1]), "types", r"\(2,\) for 3 atoms", {}),
    "types of several frames": ((LINE, [[0, 1, 1]]), "types", "shape", {}),
    "a singular cell": ((LINE, TYPES, [[9, 0, 0], [0, 9, 0], [9, 9, 0]]), "cell", "lie in a plane", {}),
    "a cell without extent": ((LINE, TYPES, np.zeros((3, 3))), "cell", "pass None", {}),
    "a lattice vector of length zero": ((LINE, TYPES, np.diag([9.0, 9.0, 0.0])), "cell", "lie in a plane", {}),
    "a cell with a NaN": ((LINE, TYPES, np.diag([9.0, 9.0, np.nan])), "cell", "finite", {}),
    "half a cell": ((LINE, TYPES, CELL[:2]), "cell", r"\(2, 3\)", {}),
    "a cell thinner than paper": ((LINE, TYPES, np.diag([9.0, 9.0, 1e-5])), "cell", "thin", {}),
}


@pytest.mark.parametrize("what", BAD)
def test_error_names_the_argument_and_the_atom_for(what, model):
    given, argument, words, facts = BAD[what]
    with pytest.raises(InputError) as caught:
        model.evaluate(*given)
    assert caught.value.argument == argument
    assert re.search(words, str(caught.value)), str(caught.value)
    assert facts.items() <= caught.value.facts.items()
    assert argument in str(caught.value)


@pytest.mark.parametrize("what", BAD)
def test_descriptors_refuse_the_same(what, model):
    given, *_ = BAD[what]
    with pytest.raises(InputError):
        model.descriptor.evaluate(*given)


def test_error_says_which_of_several_systems_is_meant(model):
    good, bad = System(LINE, TYPES), System(NAN, TYPES)
    with pytest.raises(InputError, match="system 1") as caught:
        model.evaluate_many([good, bad])
    assert caught.value.system == "system 1"
    with pytest.raises(InputError, match="the reactor"):
        model.evaluate_many([good, dataclasses.replace(bad, name="the reactor")])
    with pytest.raises(InputError, match="frame 1"):
        model.evaluate(np.stack([LINE, NAN]), TYPES)


def test_no_systems_are_an_error(model):
    with pytest.raises(InputError, match="no systems"):
        model.evaluate_many([])


def test_lengths_of_frames_must_agree(model):
    two = np.stack([LINE, LINE])
    for arguments, argument in [((two, np.zeros((3, 3), int)), "types"), ((two, TYPES, np.zeros((3, 3, 3))), "cell")]:
        with pytest.raises(InputError, match="2 frames") as caught:
            model.evaluate(*arguments)
        assert caught.value.argument == argument


# Neighbours


CROWD = [0, 1, 1, 0, 1, 1]


def crowded():
    """A model whose lists hold three, two and two neighbours, and atoms that have up to five."""
    small = testing.small_config()
    narrow = {n: dataclasses.replace(getattr(small, n), max_neighbors=k) for n, k in (("repinit", 3), ("repformer", 2))}
    coordinates = testing.random_system(np.random.default_rng(0), 6, 2, periodic=False).coordinates
    return testing.perturbed_model(dataclasses.replace(small, three_body=None, **narrow)), coordinates


def test_too_many_neighbours_name_atom_count_cutoff_and_the_way_out():
    model, coordinates = crowded()
    with pytest.raises(TooManyNeighbors) as caught:
        model.evaluate(coordinates, CROWD)
    error = caught.value
    near = np.linalg.norm(coordinates[error.atom] - coordinates, axis=1) <= error.cutoff
    assert error.count == near.sum() - 1 > error.limit == 3
    assert (error.cutoff, error.block) == (4.0, "repinit")
    for fact in (f"atom {error.atom}", "4.0 Å", str(error.count), "neighbors='truncate'", "max_neighbors"):
        assert fact in str(error)


@pytest.mark.parametrize(("block", "spread"), [("repformer", 1.15)])
def test_too_many_neighbours_of_one_block_name_that_block(block, spread):
    model, _ = crowded()
    line = np.array([[0.0, 0, 0], [1.5, 0, 0], [-1.5, 0.1, 0], [0.1, 1.5, 0.0]])  # three within 3.2 Å of the first
    with pytest.raises(TooManyNeighbors, match=block) as caught:
        model.evaluate(line, [0, 1, 1, 1])
    assert (caught.value.block, caught.value.limit, caught.value.cutoff) == (block, 2, 3.2)


def test_truncation_keeps_the_nearest_and_has_to_be_asked_for():
    model, coordinates = crowded()
    found = model.evaluate(coordinates, CROWD, neighbors="truncate")
    assert np.isfinite(found.forces).all()
    ready = model.prepare_systems([System(coordinates, CROWD)], neighbors="truncate")
    assert max(len(row[row >= 0]) for row in ready.lists[0].index) == 3
    with pytest.raises(InputError, match="neither 'strict' nor 'truncate'"):
        model.evaluate(coordinates, CROWD, neighbors="some")


# Parameters of the fitting net


def arguments(case: str):
    system = frames(case)[1].system
    return (system.coordinates, system.types), system.frame_parameters, system.atom_parameters


@pytest.mark.parametrize(("change", "argument"), [
    ({"fparam": None}, "fparam"),
    ({"aparam": None}, "aparam"),
    ({"fparam": np.zeros(3)}, "fparam"),
    ({"aparam": np.zeros((23, 2))}, "aparam"),
    ({"aparam": np.zeros((22, 3))}, "atom_parameters"),
    ({"fparam": np.array([np.nan, 0.0])}, "frame_parameters"),
])  # fmt: skip
def test_parameters_must_be_those_that_the_fitting_net_takes(change, argument):
    given, fparam, aparam = arguments("fparam")
    with pytest.raises(InputError) as caught:
        load("fparam").evaluate(*given, neighbors="truncate", **{"fparam": fparam, "aparam": aparam} | change)
    assert caught.value.argument == argument


@pytest.mark.parametrize("name", ["fparam", "aparam"])
def test_parameters_that_a_model_does_not_take_are_refused(name):
    given, fparam, aparam = arguments("fparam")
    with pytest.raises(InputError, match=name):
        load("base").evaluate(*given, neighbors="truncate", **{name: {"fparam": fparam, "aparam": aparam}[name]})


@pytest.mark.parametrize("first", [True, False])
def test_systems_with_and_without_given_parameters_go_together(first):
    """A system that gives none takes the default, whatever its company does."""
    fit = dataclasses.replace(testing.small_config().fitting, frame_parameters=2, default_frame_parameters=(0.25, -0.5))
    model = testing.perturbed_model(testing.small_config(fitting=fit))
    systems = [System(LINE, TYPES, frame_parameters=[1.0, 2.0]), System(LINE, TYPES)][:: 1 if first else -1]
    alone = [model.evaluate_many([system])[0].energy for system in systems]
    together = [result.energy for result in model.evaluate_many(systems)]
    assert together == pytest.approx(alone, rel=1e-13)


# Back ends


@pytest.mark.parametrize("library", LIBRARIES)
def test_unknown_devices_are_refused_with_a_hint(library, model):
    with pytest.raises(BackendError, match="moon") as caught:
        model.to(library, device="moon")
    assert caught.value.backend == library
    assert caught.value.hint


def test_unknown_back_ends_are_refused_with_the_known_ones(model):
    with pytest.raises(BackendError, match=r"'tensorflow'.*numpy, torch, jax, paddle"):
        model.to("tensorflow")


def test_unknown_precisions_are_refused_with_the_known_ones(model):
    with pytest.raises(ConfigurationError, match=r"float128.*float64"):
        model.to("numpy", dtype="float128")


def test_numpy_says_that_it_has_no_bfloat16(model):
    with pytest.raises(BackendError, match="bfloat16") as caught:
        model.to("numpy", dtype="bfloat16")
    assert caught.value.hint == "float32"


def test_every_error_is_a_dpa2_error_and_a_familiar_one():
    assert issubclass(InputError, ValueError)
    assert issubclass(TooManyNeighbors, InputError)
    assert issubclass(BackendError, RuntimeError)
    assert issubclass(MissingDependency, ImportError)
    assert all(issubclass(e, DPA2Error) for e in (InputError, BackendError, MissingDependency, ConfigurationError))


SAMPLE = (DATA / "samples" / "dpa2_tiny.dp").as_posix()


def run(program: str, **environment) -> str:
    """What a program prints in a fresh interpreter."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("JAX_ENABLE")}
    path = {"PYTHONPATH": str(Path(dpa2.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=kept | path | environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


FLOATS = f"""
import dpa2
from dpa2.errors import BackendError
try:
    dpa2.load({SAMPLE!r}, backend="jax")
except BackendError as error:
    print(error.hint, error)
model = dpa2.load({SAMPLE!r}, backend="jax", dtype="float32")
print(model.evaluate([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0]], ["O", "H"]).forces.dtype)
"""


def test_jax_without_double_precision_says_how_to_get_it():
    printed = run(FLOATS)
    for words in ("jax.config.update('jax_enable_x64', True)", "JAX_ENABLE_X64=1", "dtype='float32'", "\nfloat32"):
        assert words in printed


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Blocked())
import dpa2
from dpa2.errors import MissingDependency
try:
    {program}
except MissingDependency as error:
    print(error.package, "|", error.install, "|", error)
"""


@pytest.mark.parametrize(("package", "extra", "program"), [
    ("torch", "torch", f"dpa2.load({SAMPLE!r}, backend='torch')"),
    ("jax", "jax", f"dpa2.load({SAMPLE!r}, backend='jax')"),
    ("paddle", "paddle", f"dpa2.load({SAMPLE!r}, backend='paddle')"),
    ("cupy", "cupy", f"dpa2.load({SAMPLE!r}, backend='cupy')"),
    ("ase", "ase", "import dpa2.ase"),
    ("hypothesis", "test", "from dpa2 import testing; testing.configurations()"),
])  # fmt: skip
def test_a_missing_package_comes_with_the_command_that_installs_it(package, extra, program):
    named, command, message = run(BLOCKED.format(package=package, program=program)).strip().split(" | ")
    assert named.partition(".")[0] == package
    assert command == f"pip install 'dpa2[{extra}]'"
    assert command in message


@pytest.mark.parametrize("package", ["torch", "jax", "paddle", "cupy", "ase", "hypothesis"])
def test_numpy_needs_none_of_the_optional_packages(package):
    program = f"print(dpa2.load({SAMPLE!r}).evaluate([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0]], ['O', 'H']).forces.shape)"
    assert run(BLOCKED.format(package=package, program=program)).strip() == "(2, 3)"
