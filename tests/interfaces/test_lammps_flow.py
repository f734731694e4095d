"""Loops, jumps, conditions and included files: what a script prints is what LAMMPS prints that runs the file itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import dpa2

pytest.importorskip("lammps")
pytest.importorskip("mpi4py")

ROOT = Path(dpa2.__file__).parents[1]
BOTH = """
import sys
from mpi4py import MPI
from lammps import lammps
from dpa2.interfaces.lammps.runner import Runner

def screen(script, by):
    return lammps(cmdargs=["-log", "none", "-screen", f"{script}.{by}", "-var", "n", "3"])

for script in sys.argv[1:]:
    lmp = screen(script, "lammps")
    lmp.file(script)
    lmp.close()
    lmp = screen(script, "ours")
    Runner(lmp, MPI.COMM_WORLD, {}, False, print, print).run(script)
    lmp.close()
"""
PART = """print "a part" # with a comment
jump SELF end
print "never"
label end
print "its end"
"""
SCRIPTS = {
    "loop": 'variable i loop 3\nlabel a\nprint "$i"\nnext i\njump SELF a\nprint "end"\n',
    "two loops": (
        "variable i loop 2\nlabel a\nvariable k index x y\nlabel b\nprint '$i $k'\n"
        "next k\njump SELF b\nnext i\njump SELF a\n"
    ),
    "left early": (
        'variable i loop 5\nlabel a\nprint "$i"\nif "$i == 2" then "print last" "jump SELF out" "print never"\n'
        'next i\njump SELF a\nprint "never"\nlabel out\nprint "out"\n'
    ),
    "branches": (
        'variable x index water\nif "${x} == ice" then "print A" elif "${x} == water" "print \'B $x\'" "print C" &\n'
        '  else "print D"\nif "1 > 2" then "print E"\nif "1 > 2" then "print F" else "print G"\n'
    ),
    "within one another": (
        "variable i loop 2\nlabel a\n"
        """if "$i > 0" then "if '$i == 2' then 'print inner' 'include part' else 'print other'" "print outer"\n"""
        "next i\njump SELF a\n"
    ),
    "files": "include part\nvariable f string part\ninclude ${f}\njump part end\nprint never\n",
    "names in variables": 'variable c string print\n${c} "said" # $c\nvariable m equal 1+2\nprint "$m $(v_m*2) ${m}"\n',
    "text of several lines": (
        'print """one # no comment\n  "two" &\nthree"""\n'
        'print "4" # & one\nprint "5 & #" # & two &\nprint "6"\nprint "7"\n'
    ),
    "arguments": 'variable i loop ${n}\nlabel a\nprint "$i of ${n}"\nnext i\njump SELF a\n',
    "labels": (
        'label a\nprint "1"\nvariable i index b c d\nlabel b\nprint "$i"\nnext i\njump SELF $i\nlabel c\nprint "c"\n'
    ),
}


ABOUT = ("LAMMPS (", "  using 1 OpenMP", "Total wall time")  # beginnings of lines of LAMMPS about itself


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    """Exit code of a program, what it prints, and what it says."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def printed(file: Path) -> list[str]:
    """What a script prints on the screen."""
    return [line for line in file.read_text().splitlines() if not line.startswith(ABOUT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what all scripts print, run by LAMMPS itself and by ours, in one process."""
    folder = tmp_path_factory.mktemp("flow")
    (folder / "part").write_text(PART)
    (folder / "both.py").write_text(BOTH)
    for name, script in SCRIPTS.items():
        (folder / name).write_text(script)
    code, _, said = run(folder, "both.py", *SCRIPTS)
    assert code == 0, said
    return folder


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_order_of_commands_is_that_of_lammps(name, folder):
    expected, found = (printed(folder / f"{name}.{by}") for by in ("lammps", "ours"))
    assert len(expected) > 1
    assert found == expected


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("print a\njump SELF nowhere\n", "in.test:2: jump: in.test has no line `label nowhere`"),
        ("include in.test\n", "in.test:1: include: more than 50 files"),
        ("print &\n  'a\n", "in.test:1: the quote ' is not closed"),
        ("print a\nprint 'a'b\n", "in.test:2: the quote ' is not followed by a blank"),
        ("print a\nquit now\n", "in.test:2: quit: the exit code is now"),
        ("partition yes 1 print a\n", "in.test:1: partition: several partitions are not possible"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_line(script, message, tmp_path):
    (tmp_path / "in.test").write_text(script)
    code, _, said = run(tmp_path, "-m", "dpa2", "lammps", "-in", "in.test", "--", "-log", "none")
    assert code == 2
    assert said.startswith(f"InputError: {message}"), said


def test_an_argument_that_lammps_does_not_know_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "in.test").write_text("print a\n")
    code, out, said = run(tmp_path, "-m", "dpa2", "lammps", "-in", "in.test", "--", "-nonsense")
    assert code == 2
    assert "-nonsense" in out
    assert "InputError: LAMMPS does not start with: -nonsense" in said
    assert "Traceback" not in said
