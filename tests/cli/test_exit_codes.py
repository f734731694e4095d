"""Each kind of failure has an exit code and one line that says what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run

from dpa2 import demo, errors
from dpa2.cli.output import one_line
from dpa2.exit_codes import exit_code

DPA2 = [sys.executable, "-c", "from dpa2.cli import main; main()"]


@pytest.fixture
def refused(tmp_path) -> dict[str, tuple]:
    """Calls that fail, by what is wrong with them: the exit code, and the arguments, of which the last is named."""
    (tmp_path / "garbage.dp").write_bytes(b"not a model")
    (tmp_path / "script.json").write_text('{"model": {"fitting_net": {}}}')
    return {
        "no such command": (2, "frobnicate"),
        "no such option": (2, "info", demo.MODEL, "--fast"),
        "no such structure": (2, "eval", demo.MODEL, tmp_path / "no.xyz"),
        "no such suffix": (2, "convert", demo.MODEL, tmp_path / "a.xyz"),
        "no such file": (3, "info", tmp_path / "nowhere.dp"),
        "no model": (3, "info", tmp_path / "garbage.dp"),
        "another kind of file": (4, "info", tmp_path / "script.json"),
        "no such folder": (8, "convert", demo.MODEL, tmp_path / "no" / "model.dp"),
    }


@pytest.mark.parametrize("what", [
    "no such command", "no such option", "no such structure", "no such suffix", "no such file", "no model",
    "another kind of file", "no such folder",
])  # fmt: skip
def test_exit_code_and_one_line_say_what_is_wrong(what, refused):
    code, *arguments = refused[what]
    done = run(*arguments, code=code)
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert str(arguments[-1]) in done.stderr
    told = run("--debug", *arguments, "--json", code=code)
    assert told.stderr.endswith(done.stderr)
    assert ("Traceback" in told.stderr) == (what not in ("no such command", "no such option"))
    assert str(arguments[-1]) in json.loads(told.stdout)["message"]


@pytest.mark.parametrize(("words", "command"), [
    (["frobnicate"], "dpa2"), (["--fast"], "dpa2"), (["eval"], "dpa2 eval"), (["verify", "a.dp"], "dpa2 verify"),
])  # fmt: skip
def test_a_wrong_call_says_where_help_is(words, command, call):
    code, _, said = call(*words)
    assert code == 2
    assert said.strip().endswith(f"See `{command} --help`.")


def test_a_vector_that_is_not_there_is_named_without_jargon(call, tmp_path):
    code, _, said = call("check", tmp_path / "vector.safetensors", tmp_path / "mine.safetensors")
    assert code == 3
    assert f"{tmp_path / 'vector.safetensors'}: there is no such file" in said
    assert "Errno" not in said


def test_every_named_error_has_an_exit_code():
    named = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DPA2Error)]
    codes = {kind.__name__: exit_code(kind("")) for kind in named}
    assert codes["DPA2Error"] == codes["InputError"] == codes["BackendError"] == 2
    assert codes["FormatError"] == codes["FileMissing"] == 3
    assert [codes[name] for name in ("UnsupportedModel", "TargetLacks", "VerificationFailed")] == [4, 5, 6]
    assert [codes[name] for name in ("MissingDependency", "WriteFailed")] == [7, 8]


def test_a_message_is_one_line_whatever_a_file_sends_to_the_terminal():
    assert one_line("a\nb\tc \x1b[2Jd \u202ee é") == "a b c \\x1b[2Jd \\u202ee é"


FULL = Path("/dev/full")  # a disk that is always full


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has such a device")
@pytest.mark.parametrize("arguments", [["info", demo.MODEL], ["info", demo.MODEL, "--json"], ["--help"], ["--version"]])
def test_output_to_a_full_disk_is_a_failure_to_write(arguments):
    command = [*DPA2, *map(str, arguments)]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert (done.returncode, done.stderr.count("\n")) == (8, 1)
    assert done.stderr.startswith("WriteFailed: standard output: ")


@pytest.mark.skipif(os.name != "posix", reason="Windows has other errors for this")
@pytest.mark.parametrize("arguments", [["info", demo.MODEL], ["info", demo.MODEL, "--json"], ["--help"]])
def test_output_that_nobody_reads_ends_quietly(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    command = [*DPA2, *map(str, arguments)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=300)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
