"""The conformance kit: what its vectors hold, what it compares, and what it says of an implementation."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import dpa2
from dpa2.conformance.causes import CAUSES
from dpa2.conformance.check import check, check_all, common_causes, common_explanations, earliest
from dpa2.conformance.comparison import TOLERANCES, compare, first_divergence
from dpa2.conformance.cover import pairwise
from dpa2.conformance.explaining import altered_reference, forward
from dpa2.conformance.models import FACTORS, PLACES
from dpa2.conformance.report import verdict
from dpa2.conformance.targets import called, command, function
from dpa2.conformance.vectors import decode, digest, encode, evaluated, made, question, shipped, shipped_files
from dpa2.errors import FormatError, InputError, TargetFailed

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

DPA2 = (sys.executable, "-c", "from dpa2.cli import main; main()")
EXAMPLES = Path(__file__).parents[1] / "examples" / "conformance"
CITED = Path(__file__).parents[1] / "docs" / "conformance.md"


def named(part: str):
    """The first vector of a place."""
    return next(vector for vector in shipped() if vector.name.endswith(part))


# --- the vectors


@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers(), min_size=1, max_size=4, unique=True), max_size=6))
def test_every_two_values_of_any_two_factors_meet(factors):
    rows = pairwise(factors)
    for a, b in itertools.combinations(factors, 2):
        assert set(itertools.product(factors[a], factors[b])) == {(row[a], row[b]) for row in rows}


def test_vectors_are_few_and_cover_all_switches_on_all_structures():
    assert len(shipped()) == 2 + len(pairwise(FACTORS)) <= 40
    assert {vector.name.partition("-")[2] for vector in shipped()} == set(PLACES)
    assert sum(map(len, shipped_files().values())) < 3e6


def test_shipped_vectors_are_what_the_reference_computes():
    for kept, fresh in zip(shipped(), made(), strict=True):
        assert (kept.name, kept.config) == (fresh.name, fresh.config)
        for name, array in fresh.trace.items():
            assert_close("libraries", kept.trace[name], array, f"{kept.name} {name}")
        for name, array in fresh.trace32.items():
            assert kept.trace32[name].dtype == array.dtype
            assert_close("single precision", kept.trace32[name], array, f"{kept.name} {name}")


def test_the_same_vector_gives_the_same_bytes():
    first, second = ([encode(vector) for vector in itertools.islice(made(), 6)] for _ in range(2))
    assert first == second


def test_the_digest_is_the_one_that_is_cited():
    assert digest(shipped_files()) in CITED.read_text()


def test_every_intermediate_of_the_trace_is_in_a_vector_in_both_precisions():
    for vector in shipped():
        assert vector.trace.keys() == vector.trace32.keys() == evaluated(vector.model, vector.system).keys()
        assert {"force", "virial", "atom_virial", "energy", "descriptor"} <= vector.trace.keys()


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 100, Path(dpa2.demo.MODEL).read_bytes()[:4000]])
def test_what_is_no_vector_is_refused(data):
    with pytest.raises(FormatError, match="no golden vector"):
        decode(data)


def distances(vector) -> np.ndarray:
    return np.linalg.norm(vector.trace["nlist/ri_vector"], axis=-1)[vector.trace["nlist/ri"] >= 0]


def test_atoms_are_exactly_at_the_cutoffs_of_every_block():
    whole = [v for v in shipped() if v.config.three_body and not v.config.model_excluded_pairs]
    vector = next(v for v in whole if v.name.endswith("at_cutoffs"))
    blocks = vector.config.repinit, vector.config.three_body, vector.config.repformer
    wanted = {cutoff for block in blocks for cutoff in (block.cutoff, block.inner_cutoff)}
    assert wanted <= set(distances(vector))


def test_lists_are_cut_short_where_they_are_said_to_bind():
    for vector in (vector for vector in shipped() if vector.name.endswith("binding")):
        places = vector.system.coordinates
        far = np.linalg.norm(places[:, None] - places, axis=-1)
        for block in (vector.config.repinit, vector.config.repformer):
            assert (far <= block.cutoff).sum(axis=1).max() - 1 > block.max_neighbors


def test_a_virtual_atom_is_within_every_cutoff_and_nobodys_neighbour():
    vector = named("virtual")
    (ghost,) = np.flatnonzero(vector.system.types < 0)
    near = np.linalg.norm(vector.system.coordinates - vector.system.coordinates[ghost], axis=1)
    assert np.sort(near)[1] < vector.config.repformer.cutoff
    assert ghost not in vector.trace["nlist/ri_local"]


def test_atoms_see_images_of_themselves_in_the_tiny_cell():
    vector = named("tiny")
    assert (vector.trace["nlist/ri_local"] == np.arange(len(vector.system.types))[:, None]).any()


# --- who passes


@pytest.mark.parametrize("library", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_other_libraries_pass(library, dtype):
    def target(vector, dtype):
        return evaluated(vector.model.to(library, dtype=dtype), vector.system)

    assert earliest(check_all(target, shipped(), (dtype,))) is None


def test_the_peers_numpy_part_passes_all_vectors():
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    python = given.get("dpmodel") or (sys.executable if find_spec("deepmd") else None)
    if python is None:
        pytest.skip("DeePMD-kit is not installed (DPA2_PEER_PYTHON)")
    for options in ([], ["--float32"]):
        found = json.loads(dpa2_check("with_deepmd:evaluate", "--json", *options, python=python, cwd=EXAMPLES).stdout)
        assert found["agrees"], found["first"]
        assert len(found["vectors"]) == len(shipped())
        assert {vector["given"] for vector in found["vectors"]} == {7}


# --- what is compared


def test_empty_and_excluded_slots_are_not_compared_but_noticed():
    vector = next(v for v in shipped() if v.config.excluded_pairs and v.name.endswith(("periodic", "triclinic")))
    found = dict(vector.trace)
    used = vector.occupied["repformer"]
    assert (~used & (vector.trace["nlist/rf"] >= 0)).any(), "nothing is excluded"
    found["repformer/g2_0"] = np.where(used[..., None], found["repformer/g2_0"], 17.0)
    report = check(vector, found)
    assert report.divergence is None
    assert [finding.name for finding in report.findings if finding.empty_differ] == ["repformer/g2_0"]
    found["repformer/g2_0"] = np.where(used[..., None], 17.0, vector.trace["repformer/g2_0"])
    assert check(vector, found).divergence.finding.name == "repformer/g2_0"


def test_wider_arrays_than_needed_are_welcome():
    vector = named("periodic")
    name = "repinit/env_mat"
    wide = np.pad(vector.trace[name], [(0, 0), (0, 7), (0, 0)], constant_values=5.0)
    assert check(vector, {name: wide}).divergence is None


def test_missing_intermediates_leave_a_range_and_the_middle_of_it_is_asked_for():
    vector = named("periodic")
    names = [name for name in vector.trace if not name.startswith("nlist/")]
    start, end = names.index("repinit/gr"), names.index("repformer/g1_0")
    found = {name: vector.trace[name] for name in names[: start + 1]}
    found["repformer/g1_0"] = vector.trace["repformer/g1_0"] + 1e-3
    divergence = check(vector, found).divergence
    assert (divergence.after, divergence.finding.name) == ("repinit/gr", "repformer/g1_0")
    assert list(divergence.between) == names[start + 1 : end]
    assert divergence.next_dump in divergence.between[1:-1]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("forces", "force"), ("layer1/g2", "repformer/layer1/g2"), ("rot_mat", "repformer/rot_mat"), ("g1", "descriptor")],
)
def test_other_words_are_understood(given, meant):
    vector = next(v for v in shipped() if v.config.repformer.layers == 2)
    assert check(vector, {given: vector.trace[meant]}).given == 1
    assert check(vector, {given: vector.trace[meant] + 0.1}).divergence.finding.name == meant


def test_one_wrong_number_is_found_by_its_place():
    vector = named("periodic")
    array = vector.trace["repinit/env_mat"].copy()
    array[2, 3, 1] += 1e-6
    finding = check(vector, vector.trace | {"repinit/env_mat": array}).divergence.finding
    assert finding.place == "atom 2, neighbour 3, channel 1"
    assert finding.found - finding.expected == pytest.approx(1e-6)
    assert finding.ulps > 1e6


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_none_differ(wrong):
    vector = named("periodic")
    assert check(vector, {"energy": np.array([wrong])}).divergence.finding.error == np.inf


def test_a_force_alone_is_not_explained_by_mistakes_of_the_energy():
    vector = named("periodic")
    assert not check(vector, vector.trace | {"force": 1.01 * vector.trace["force"]}).explanations


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_every_cause_changes_something_and_leaves_nothing_behind(cause):
    before = forward(shipped()[0], "float64")
    changed = [altered_reference(cause, vector, "float64") for vector in shipped()]
    findings = (compare(v.trace, found, v.occupied) for v, found in zip(shipped(), changed, strict=True))
    assert any(first_divergence(found, TOLERANCES["float64"]) for found in findings)
    again = forward(shipped()[0], "float64")
    assert all(np.array_equal(array, before[name]) for name, array in again.items())


# --- targets


def test_nothing_known_is_an_error_that_suggests_names():
    vector = named("periodic")
    with pytest.raises(TargetFailed, match=re.escape("repinit/envmat (repinit/env_mat?)")):
        check(vector, {"repinit/envmat": vector.trace["repinit/env_mat"]})


def test_a_function_is_given_what_it_asks_for():
    seen = {}

    def own(coordinates, cell, vectors, **more):
        seen.update(more, cell=cell, vectors=vectors)
        return {"energy": [0.0]}

    vector = named("triclinic")
    called(own, "own")(vector, "float32")
    assert np.array_equal(seen["cell"], vector.system.cell)
    assert np.array_equal(seen["vectors"], vector.trace["nlist/ri_vector"])
    assert seen["dtype"] == "float32"
    assert seen["weights"]["descriptor.repinit.environment.mean"].dtype == np.float32
    assert dpa2.config.DPA2Config.from_dict(seen["config"]).dtype == "float32"
    assert called(lambda coordinates: {"energy": coordinates}, "one")(vector, "float64")


def test_what_a_function_does_wrong_is_told_by_name():
    with pytest.raises(TargetFailed, match=r"own failed on .*ZeroDivisionError"):
        called(lambda **given: 1 / 0, "own")(named("alone"), "float64")
    with pytest.raises(TargetFailed, match="returned list"):
        called(lambda **given: [], "own")(named("alone"), "float64")


PYTHON = f"{sys.executable} -c"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('out of {order}')", "code 1: out of {order}"),
        ("pass", "wrote no file"),
        ("import time; time.sleep(60)", "stopped after 0.5 s"),
    ],
)
def test_what_a_program_does_wrong_is_told(program, said):
    with pytest.raises(TargetFailed, match=re.escape(said)):
        command(f'{PYTHON} "{program}" {{inputs}} {{outputs}}', seconds=0.5)(named("alone"), "float64")


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(TargetFailed, match="does not start"):
        command("./no-such-program {inputs} {outputs}")(named("alone"), "float64")
    with pytest.raises(InputError, match=re.escape("{outputs}")):
        command("prog {inputs}")


def test_what_cannot_be_a_target_is_refused_by_name(place, monkeypatch):
    monkeypatch.chdir(place)
    (place / "broken.py").write_text("import no_such_package")
    (place / "worse.py").write_text("def (")
    for target, error, said in (
        ("nowhere:f", InputError, "no module nowhere"),
        ("mine.py:right", InputError, "mine:evaluate"),
        ("mine:missing", InputError, "no such function"),
        ("broken:f", TargetFailed, "no_such_package"),
        ("worse:f", TargetFailed, "SyntaxError"),
    ):
        with pytest.raises(error, match=said):
            function(target)
    with pytest.raises(InputError, match="cannot be read"):
        command('"./prog {inputs} {outputs}')


def test_leaving_the_program_is_a_failure_and_not_agreement():
    with pytest.raises(TargetFailed, match="SystemExit"):
        called(lambda **given: sys.exit(0), "own")(named("alone"), "float64")


def test_lists_that_were_given_are_nothing_to_compare():
    vector = named("periodic")
    with pytest.raises(TargetFailed, match="nothing to compare"):
        check(vector, {name: array for name, array in vector.trace.items() if name.startswith("nlist/")})


def test_what_is_not_implemented_is_left_out_and_said():
    def partial(config, coordinates):
        if config["repinit"]["type_input"] == "strip":
            raise NotImplementedError
        return {"repinit/diff": np.zeros(0)} if coordinates is None else None

    assert called(partial, "own")(named("periodic"), "float64") is None
    vectors = shipped()[:4]
    reports = check_all(lambda v, dtype: None if v is vectors[1] else v.trace, vectors)
    assert [bool(report.skipped) for report in reports] == [False, True, False, False]
    assert f"not implemented, and not compared: {vectors[1].name}" in verdict(reports)
    assert command(f"{PYTHON} 'import sys; sys.exit(77)' {{inputs}} {{outputs}}")(vectors[0], "float64") is None


def test_a_function_may_change_what_it_is_given():
    def careless(coordinates, weights, types):
        coordinates *= 2.0
        for array in weights.values():
            array *= 0.0
        return {"energy": [0.0]}

    vector = decode(encode(named("periodic")))
    before = encode(vector)
    called(careless, "own")(vector, "float64")
    assert encode(vector) == before


def test_tensors_and_lists_and_plainer_shapes_are_taken():
    torch = pytest.importorskip("torch")
    vector = named("periodic")
    trace = vector.trace
    given = {
        "energy": float(trace["energy"][0]),
        "atom_energy": trace["atom_energy"][:, 0].tolist(),
        "virial": trace["virial"].reshape(3, 3),
        "force": torch.tensor(trace["force"], requires_grad=True),
    }
    assert check(vector, given).divergence is None
    with pytest.raises(TargetFailed, match="energy"):
        check(vector, {"energy": [[1.0], [2.0, 3.0]]})
    turned = check(vector, {"repinit/gg": trace["repinit/gg"].swapaxes(1, 2)}).divergence
    assert "transposed?" in turned.finding.reason


def mistaken(*names: str, force: float = 1.0):
    """A target with some mistakes of the catalogue in it."""
    causes = [cause for cause in CAUSES if cause.name in names]

    def target(vector, dtype):
        return forward(vector, dtype, *causes) | {"force": force * vector.trace["force"]}

    return target


def test_a_wrong_force_does_not_hide_the_cause_of_wrong_energies():
    reports = check_all(mistaken("gate-ignored", force=-1.0), shipped())
    assert [cause.name for cause in common_causes(reports)] == ["gate-ignored"]


def test_of_two_mistakes_the_first_is_named_and_where_the_second_begins():
    reports = check_all(mistaken("switch-cubic", "repinit-flatten"), shipped())
    assert earliest(reports).divergence.finding.name == "repinit/sw"
    assert not common_causes(reports)
    (found,) = common_explanations(reports)
    assert (found.cause.name, found.until) == ("switch-cubic", "repinit/grrg")
    assert any("up to repinit/grrg, which differs for another reason" in line for line in verdict(reports))


def test_a_program_is_given_no_results():
    asked = decode(question(named("periodic"), "float32"))
    assert all(name.startswith("nlist/") for name in asked.trace)
    assert b'"dtype":"float32"' in question(named("periodic"), "float32")


# --- the command line, as somebody with a half-right implementation uses it


def dpa2_check(*arguments, python=sys.executable, cwd=None) -> subprocess.CompletedProcess:
    call = [python, *DPA2[1:], "check", *map(str, arguments)]
    package = str(Path(dpa2.__file__).parents[1])
    environment = os.environ | {"COLUMNS": "200", "TERM": "dumb", "PYTHONPATH": package}
    return subprocess.run(call, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300)


HALF_RIGHT = """
import dpa2
from dpa2.tracing.masks import occupied_slots


def evaluate(model, coordinates, types, cell, fparam, aparam):
    found = right(model, coordinates, types, cell, fparam, aparam)
    given = {"forces": found["force"], "mine": 0}
    if "repformer/layer0/g1_conv" in found:
        too_large = root_for_count(dpa2.load(model).config, found, types)
        given["layer0/g1_conv"] = found["repformer/layer0/g1_conv"] * too_large
    return given


def root_for_count(config, found, types):
    # how much larger sums are if divided by the root where it should be the count (section 8.5)
    block, seen = config.repformer, occupied_slots(found, types, config.excluded_pairs)["repformer"]
    n = block.max_neighbors if config.smooth else seen.sum(axis=1, keepdims=True)
    epsilon = 0.0 if config.smooth else 1e-4
    return (epsilon + n) / (epsilon + n**0.5) if block.root_normalization else 1.0


def nothing(model):
    return {"mine": 0}


def right(model, coordinates, types, cell, fparam, aparam):
    parameters = {"fparam": fparam, "aparam": aparam}
    return dpa2.trace(dpa2.load(model), coordinates, types, cell, neighbors="truncate", **parameters)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text(HALF_RIGHT)
    return folder


def test_one_command_finds_the_fault_and_names_it(place):
    done = dpa2_check("mine:evaluate", "--html", "page.html", cwd=place)
    assert done.returncode == 6, done.stderr
    assert re.search(r"first divergence: repformer/layer0/g1_conv of .* at atom \d", done.stdout)
    assert "the convolution is divided by a root, too (section 8.5, trap T10)" in done.stdout
    assert "not compared: mine" in done.stdout
    page = (place / "page.html").read_text()
    pictures = re.findall("<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(pictures) == len(shipped())
    assert all(ElementTree.fromstring(picture).findall("circle") for picture in pictures)
    assert not re.search(r"(src|href)=", page)


def test_json_has_the_same(place):
    found = json.loads(dpa2_check("mine:evaluate", "--json", "--only", "periodic", cwd=place).stdout)
    assert not found["agrees"]
    assert "root-in-convolution" in [cause["name"] for cause in found["causes"]]
    first = next(vector["first"] for vector in found["vectors"] if vector["name"] == found["first"])
    assert first["name"] == "repformer/layer0/g1_conv"


def test_exit_codes_tell_right_from_wrong_from_useless(place):
    assert dpa2_check("mine:right", "--only", "0", cwd=place).returncode == 0
    assert dpa2_check("mine:nothing", cwd=place).returncode == 2
    assert dpa2_check("mine:missing", cwd=place).returncode == 2
    assert dpa2_check(cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--only", "no such", cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--skip", "-", cwd=place).returncode == 2
    assert dpa2_check("mine:right", "--tolerance", "nan", cwd=place).returncode == 2


def test_two_files_are_compared_and_own_vectors_are_made(place):
    Atoms("OHH", positions=dpa2.demo.structure()["coordinates"][:3]).write(place / "three.xyz")
    made_by = [*DPA2, "vectors", "own", "--model", dpa2.demo.MODEL, "--structure", "three.xyz"]
    subprocess.run(made_by, cwd=place, check=True, capture_output=True)
    (own,) = (place / "own").glob("*.safetensors")
    assert dpa2_check(own, own, cwd=place).returncode == 0
    assert dpa2_check(own, own, "--float32", cwd=place).returncode == 0
    vector = decode(own.read_bytes())
    traced = vector.trace | {"repinit/sw": vector.trace["repinit/sw"] * 1.001}
    (place / "other.safetensors").write_bytes(encode(replace(vector, trace=traced)))
    done = dpa2_check(own, "other.safetensors", cwd=place)
    assert (done.returncode, "first divergence: repinit/sw" in done.stdout) == (6, True)
    assert dpa2_check("mine:right", "--vectors", "own", cwd=place).returncode == 0


def test_vectors_are_written_as_they_are_shipped(place):
    call = [*DPA2, "vectors", "out", "--json"]
    told = json.loads(subprocess.run(call, cwd=place, check=True, capture_output=True).stdout)
    written = {path.name: path.read_bytes() for path in (place / "out").glob("*.safetensors")}
    assert written == shipped_files()
    assert told["digest"] == digest(written) == (place / "out" / "DIGEST").read_text().strip()


# --- in the suite of another project

FIVE_LINES = """
from dpa2.conformance import Conformance

class TestMine(Conformance):
    def evaluate(self, model, coordinates, types, cell, fparam, aparam):
        return __import__("mine").WHICH(model, coordinates, types, cell, fparam, aparam)
"""


@pytest.mark.parametrize(("which", "code"), [("right", 0), ("evaluate", 1)])
def test_a_base_class_runs_all_vectors_in_another_suite(which, code, place):
    (place / f"test_{which}.py").write_text(FIVE_LINES.replace("WHICH", which))
    environment = os.environ | {"PYTHONPATH": str(Path(dpa2.__file__).parents[1])}
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"test_{which}.py"]
    done = subprocess.run(call, cwd=place, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == code, done.stdout
    if which == "right":
        assert f"{len(shipped())} passed" in done.stdout
    else:
        assert "the convolution is divided by a root, too (section 8.5, trap T10)" in done.stdout
