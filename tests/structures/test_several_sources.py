"""Frames of several folders and files are one sequence, of which those of folders are read when they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training_data import TYPES, write_folder

from dpa2.errors import FormatError
from dpa2.structures.files import read_structures


@pytest.fixture
def places(tmp_path):
    """A folder with two systems, of three and two frames, and a folder with one of one frame."""
    write_folder(tmp_path / "all" / "a", frames=3)
    write_folder(tmp_path / "all" / "b", frames=1, sets=2)
    return [str(tmp_path / "all"), str(write_folder(tmp_path / "c", frames=1))]


def test_frames_stand_one_after_another_with_their_sources(places):
    frames = read_structures(places, TYPES)
    assert len(frames) == 6
    a, b, c = f"{places[0]}/a", f"{places[0]}/b", places[1]
    assert frames.sources == [a, b, c]
    assert [frame.source for frame in frames] == [a, a, a, b, b, c]
    assert [frames[k].name for k in range(6)] == [frame.name for frame in frames]
    assert frames[-1].name == f"{c}/set.000 frame 0"
    assert [frame.name for frame in frames[2:4]] == [f"{a}/set.000 frame 2", f"{b}/set.000 frame 0"]
    with pytest.raises(IndexError):
        frames[6]


def test_frames_of_folders_are_read_when_they_are_asked_for(places):
    frames = read_structures(places, TYPES)
    np.save(f"{places[1]}/set.000/energy.npy", np.array([7.5]))
    assert frames[5].energy == 7.5
    assert "6 frames" in repr(frames)


def test_frames_of_files_have_their_file_as_source(places, tmp_path):
    ase = pytest.importorskip("ase")
    from ase.io import write

    write(tmp_path / "w.extxyz", [ase.Atoms("OH", [[0, 0, 0], [1, 0, 0]])] * 2)
    frames = read_structures([places[1], str(tmp_path / "w.extxyz")], TYPES)
    assert frames.sources == [places[1], str(tmp_path / "w.extxyz")]
    assert frames[2].name == f"{tmp_path / 'w.extxyz'}#1"


def test_a_folder_without_frames_is_refused_by_name(places):
    bad = write_folder(Path(places[0]) / "d", frames=0)
    with pytest.raises(FormatError, match="d: holds no frames") as caught:
        read_structures(places, TYPES)
    assert caught.value.file == str(bad)
