"""Writers that are killed, and writers that meet, leave whole files: a few rounds of `kills.py`."""

from __future__ import annotations

import os

import pytest
from kills import FORMATS, kill_writers, let_meet

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_killed_writer_leaves_a_whole_file_and_nothing_foreign_is_lost(suffix):
    kill_writers(suffix, rounds=5)


@pytest.mark.parametrize("suffix", [".dp", ".jax"])
def test_two_writers_and_a_reader_meet(suffix):
    let_meet(suffix, seconds=3.0)
