"""A program in another language, through files: it agrees, a fault in it is found, and it refuses what is malformed."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from dpa2.conformance.check import check_all, earliest
from dpa2.conformance.targets import command
from dpa2.conformance.vectors import decode, encode, question, shipped

SOURCE = Path(__file__).parents[2] / "examples" / "conformance" / "repinit.c"
COMPILER = shutil.which("cc") or shutil.which("gcc")
FLAGS = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def compiled(source: Path) -> Path:
    """The program beside its source."""
    call = [COMPILER, *FLAGS, "-o", source.with_suffix(""), source, "-lm"]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return source.with_suffix("")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return compiled(Path(shutil.copy(SOURCE, tmp_path_factory.mktemp("program"))))


def reports(program: Path, tolerance: float | None = None):
    """What is found on all golden vectors."""
    line = f"{shlex.quote(str(program))} {{inputs}} {{outputs}}"
    return check_all(command(line), shipped(), tolerance=tolerance)


def test_the_program_computes_the_environment_of_all_vectors(program):
    found = reports(program, tolerance=1e-13)
    assert earliest(found) is None
    assert [report.given for report in found] == [2] * len(shipped())


FAULTS = (  # what is planted, and where the intermediates part first
    ("15.0", "14.0", "repinit/sw"),
    ("|| (a == t && b == s)", "", "repinit/sw"),
    ("w * a * a * d", "w * a * d", "repinit/env_mat"),
    ("+ in.protection", "", "repinit/env_mat"),
    ("in.std + 4 * s", "in.std + 4 * t", "repinit/env_mat"),
)


@pytest.mark.parametrize(("old", "new", "first"), FAULTS, ids=[old for old, _, _ in FAULTS])
def test_a_fault_in_the_program_is_found_where_it_was_planted(old, new, first, tmp_path):
    text = SOURCE.read_text()
    assert text.count(old) == 1
    Path(tmp_path, "wrong.c").write_text(text.replace(old, new))
    report = earliest(reports(compiled(tmp_path / "wrong.c")))
    assert report is not None
    assert report.divergence.finding.name == first


def refused(program: Path, folder: Path, data: bytes) -> str:
    """What the program says of a file that it does not take."""
    Path(folder, "in").write_bytes(data)
    done = subprocess.run([program, folder / "in", folder / "out"], capture_output=True, text=True)
    assert done.returncode == 1
    assert not Path(folder, "out").exists()
    assert done.stderr.startswith(f"repinit: {folder / 'in'}: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def inputs() -> bytes:
    return question(shipped()[0], "float64")


def test_a_file_cut_short_is_refused_wherever_it_ends(program, inputs, tmp_path):
    header = 8 + int.from_bytes(inputs[:8], "little")
    data = inputs.index(b'"trace/nlist/ri_vector"')
    ends = (*range(0, 10), *range(10, header, 997), data, header - 1, header, header + 1)
    for end in ends:
        assert "cut short" in refused(program, tmp_path, inputs[:end])


LOCAL = "trace/nlist/ri_local"
HEADERS = (  # what is done to a header, and what the program says of it
    (lambda header: header.pop("__metadata__"), 'there is no "__metadata__"'),
    (lambda header: header["__metadata__"].update(config="{}"), 'there is no "repinit"'),
    (lambda header: header["__metadata__"].update(config="none"), "an object with"),
    (lambda header: header["__metadata__"].update(config="{\n"), "an object ends before"),
    (lambda header: header["__metadata__"].update(config={}), "a string is wanted"),
    (lambda header: header["input/types"].update(dtype="I32"), 'input/types: the type is not "I64"'),
    (lambda header: header[LOCAL]["shape"].reverse(), "ri_local: axis 0 is"),
    (lambda header: header[LOCAL]["shape"].pop(), "ri_local: the number of axes is not 2"),
    (lambda header: header[LOCAL]["shape"].append(1), "ri_local: the number of axes is not 2"),
    (lambda header: header[LOCAL]["shape"].__setitem__(1, 2**31 - 1), "ri_local: the file is cut short, or the shape"),
    (lambda header: header[LOCAL]["shape"].__setitem__(1, -1), "a size is wanted"),
    (lambda header: header[LOCAL].update(data_offsets=[8, 2**30]), "ri_local: the file is cut short, or the offsets"),
    (lambda header: header[LOCAL].update(data_offsets="[0, 8]"), "an array is wanted"),
)


@pytest.mark.parametrize(("change", "message"), HEADERS, ids=[message for _, message in HEADERS])
def test_a_header_that_is_wrong_is_refused_with_what_is_wrong(change, message, program, inputs, tmp_path):
    length = 8 + int.from_bytes(inputs[:8], "little")
    header = json.loads(inputs[8:length])
    change(header)
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + inputs[length:]
    assert message in refused(program, tmp_path, data)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"__metadata__"}', b'{"__metadata__":{', b"{" * 99])
def test_a_header_that_is_no_json_is_refused(text, program, tmp_path):
    assert "broken JSON" in refused(program, tmp_path, len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    ("atom", "message"), [(len(shipped()[0].system.types), "does not exist"), (2**62, "does not exist")]
)
def test_a_neighbour_that_does_not_exist_is_refused(atom, message, program, tmp_path):
    vector = decode(question(shipped()[0], "float64"))
    lists = {name: array.copy() for name, array in vector.trace.items()}
    lists["nlist/ri_local"][0, 0] = atom
    wrong = type(vector)(vector.name, vector.config, vector.weights, vector.system, lists, {})
    assert message in refused(program, tmp_path, encode(wrong))
