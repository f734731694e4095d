"""What a file, a path or a user does to the command line: names, pipes, terminals, Ctrl-C."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import environment

import dpa2
from dpa2 import demo
from dpa2.serialization import write

MAIN = [sys.executable, "-c", "from dpa2.cli import main; main()"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="pipes, groups of processes and users are those of POSIX")


def model_with_types(folder, *names, file="model.json"):
    """A copy of the demonstration's model whose types have other names."""
    model = dpa2.load(demo.MODEL).checkpoint()
    named = dataclasses.replace(model, config=dataclasses.replace(model.config, types=names))
    write(named, folder / file)
    return folder / file


@pytest.mark.parametrize("name", ["[/x]", "[bold]", "\x1b[2J", "\x9b31m", "\u202e", "a\nb", "x" * 5000])
def test_names_of_types_are_printed_as_text(name, tmp_path, call):
    file = model_with_types(tmp_path, name, "H")
    said = call("info", file)[1]
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "\u202e" not in said
    assert "".join(name.encode("unicode_escape").decode().split()) in "".join(said.split())
    told = call("info", file, "--json")[1]
    assert told.isascii()
    assert json.loads(told)["types"] == [name, "H"]


@POSIX
@pytest.mark.parametrize("name", [b"[/x].json", b"a\xffb.json", b"\x1b[2J.json", b"$\\frac.json"])
def test_names_of_files_are_printed_as_text(name, tmp_path, call):
    file = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    Path(file).parent.mkdir(exist_ok=True)
    dpa2.convert(demo.MODEL, file)
    for words in (["info", file], ["verify", file, file], ["diff", file, demo.MODEL, "--png", tmp_path / "d.png"]):
        code, said, _ = call(*words)
        assert (code, "\x1b" in said) == (0, False)
    assert json.loads(call("info", file, "--json")[1])["file"] == file


@pytest.mark.parametrize("name", [":x:", ":warning:a", "mine:evaluate:"])
def test_words_between_colons_are_no_pictures(name, tmp_path, call):
    dpa2.convert(demo.MODEL, tmp_path / f"{name}.json")
    assert f"{name}.json" in call("convert", tmp_path / f"{name}.json", tmp_path / "b.json")[1]
    assert f"nosuch{name}" in call("check", f"nosuch{name}")[2]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_lacks_characters_gets_others(encoding, tmp_path):
    words = ["convert", demo.MODEL, str(tmp_path / "a.json")]
    for arguments in (words, ["info", demo.MODEL], ["info", str(tmp_path / "ü→.dp")], ["--help"]):
        done = subprocess.run(
            [*MAIN, *arguments], capture_output=True, env=environment() | {"PYTHONIOENCODING": encoding}
        )
        assert b"Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("make", [lambda path: path / ("x" * 5000 + ".dp"), lambda path: path / "file" / "a.dp"])
def test_paths_that_cannot_be_opened_are_one_line(make, tmp_path):
    (tmp_path / "file").touch()
    for words in (["info"], ["eval", demo.MODEL], ["verify", demo.MODEL], ["convert"]):
        words += [make(tmp_path)] + ["b.json"] * (words == ["convert"])
        done = subprocess.run([*MAIN, *map(str, words)], capture_output=True, text=True)
        assert done.returncode in (2, 3)
        assert done.stderr.count("\n") == 1, done.stderr
    with pytest.raises(dpa2.DPA2Error):
        dpa2.load(make(tmp_path))


WITHOUT_PRIVILEGES = """
import ctypes, sys
header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
if ctypes.CDLL(None).capset(header, none):  # what lets root read every file
    sys.exit("cannot give privileges up")
from dpa2.cli import main
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a file that root may not read needs Linux's capabilities")
def test_a_path_without_permission_is_one_line(tmp_path):
    (tmp_path / "private").mkdir(mode=0o000)
    dpa2.convert(demo.MODEL, tmp_path / "closed.dp")
    (tmp_path / "closed.dp").chmod(0o000)
    for file in (tmp_path / "private" / "model.dp", tmp_path / "closed.dp"):
        done = subprocess.run([sys.executable, "-c", WITHOUT_PRIVILEGES, "info", file], capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
        assert "Permission denied" in done.stderr


@POSIX
def test_pipes_and_devices_are_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "pipe.dp")
    os.mkfifo(tmp_path / "pipe.xyz")
    pipe = str(tmp_path / "pipe.dp")
    calls = [["info", pipe], ["info", "/dev/null"], ["info", "/dev/zero"], ["check", pipe, pipe]]
    for words in [*calls, ["eval", demo.MODEL, tmp_path / "pipe.xyz"], ["verify", demo.MODEL, pipe]]:
        done = subprocess.run([*MAIN, *map(str, words)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, "must be a regular file" in done.stderr) == (2, True), done.stderr


@POSIX
def test_piped_input_is_told_to_be_a_file():
    with open(demo.MODEL, "rb") as model:
        done = subprocess.run([*MAIN, "info", "/dev/stdin"], input=model.read(), capture_output=True)
    assert done.returncode == 2
    assert b"must be a regular file" in done.stderr


@POSIX
@pytest.mark.parametrize("name", ["type.raw", "set.000/coord.npy"])
def test_a_pipe_in_a_data_folder_does_not_hang(name, data):
    (data / name).unlink()
    os.mkfifo(data / name)
    done = subprocess.run([*MAIN, "eval", demo.MODEL, data], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "must be a regular file" in done.stderr) == (2, True), done.stderr


@POSIX
def test_a_program_that_is_stopped_takes_its_own_programs_with_it(tmp_path):
    script = tmp_path / "mine.sh"
    script.write_text(f"sleep 300 & echo $! > {tmp_path / 'pid'}; wait  # $1 $2\n")
    command = f"sh {script} {{inputs}} {{outputs}}"
    done = subprocess.run(
        [*MAIN, "check", "--command", command, "--timeout", "2", "--only", "tiny"], capture_output=True
    )
    assert done.returncode == 2, done.stderr
    assert b"it was stopped after 2 s" in done.stderr
    pid = int((tmp_path / "pid").read_text())
    time.sleep(0.5)
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    assert state[:1] in ("", "Z"), "it still runs"


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "1e300"])
def test_a_timeout_that_is_no_time_is_refused(seconds, call):
    code, _, said = call("check", "--command", "mine {inputs} {outputs}", "--timeout", seconds)
    assert code == 2
    assert "--timeout" in said


def test_a_label_that_is_no_number_is_named(tmp_path, call):
    (tmp_path / "a.xyz").write_text('1\nProperties=species:S:1:pos:R:3 energy=x pbc="F F F"\nO 0 0 0\n')
    code, _, said = call("eval", demo.MODEL, tmp_path / "a.xyz")
    assert code == 2
    assert "energy" in said


def test_a_step_that_no_memory_holds_is_refused(tmp_path, call):
    strip = next((Path(__file__).parents[1] / "data").rglob("strip.dp"))
    code, _, said = call("compress", strip, tmp_path / "b.dp", "--step", "1e-12", "--min-distance", "0.9")
    assert code == 2
    assert "step" in said


def test_a_folder_that_cannot_be_made_is_a_failed_write(tmp_path, call):
    (tmp_path / "file").touch()
    assert call("vectors", tmp_path / "file" / "golden")[0] == 8


def test_a_written_file_is_named(data, tmp_path, call):
    for words in (
        ["eval", demo.MODEL, data, "--out", tmp_path / "r.npz"],
        ["neighbors", demo.MODEL, data, "--png", tmp_path / "n.png"],
    ):
        said = call(*words)[1]
        assert f"wrote {words[-1]}" in " ".join(said.split()), said


# Ctrl-C.


@POSIX
@pytest.mark.parametrize("delay", [0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
def test_ctrl_c_ends_with_one_line(delay, tmp_path):
    program = (
        "import os, signal, threading, time\nfrom dpa2.cli import main\n"
        f"timer = threading.Timer({delay}, os.kill, (os.getpid(), signal.SIGINT))\n"
        "timer.daemon = True  # or the interpreter waits for it after a quick command, and is interrupted there\n"
        "timer.start()\nmain()"
    )
    words = (
        ["check", "--command", """sh -c 'sleep 30' {inputs} {outputs}"""]
        if delay > 1
        else ["convert", demo.MODEL, tmp_path / "a.jax"]
    )
    done = subprocess.run([sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert done.returncode in ((130,) if delay > 1 else (130, 0)), done.stderr
    assert {p.name for p in tmp_path.iterdir()} <= {"a.jax"}


def test_ctrl_c_during_an_import_is_no_missing_package(monkeypatch):
    from dpa2.errors import require

    def interrupted(name):
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("importlib.import_module", interrupted)
    with pytest.raises(KeyboardInterrupt):
        require("tensorstore", "orbax")
