"""Checkpoints are whole or not there; the newest few are kept."""

from __future__ import annotations

import os

import pytest
import training_runs as runs

import dpa2
from dpa2.errors import FileMissing, FormatError, WriteFailed
from dpa2.serialization import contents
from dpa2.training.loop import Checkpoints, read_state, write_state


def saved(folder, steps, most=3) -> Checkpoints:
    found = Checkpoints(folder / "model.ckpt", ".state", most)
    for step in steps:
        found.save(step, lambda path, step=step: path.write_text(str(step)))
    return found


def test_the_newest_are_kept_and_the_link_leads_to_the_last(tmp_path):
    found = saved(tmp_path, (8, 9, 10, 100, 101))
    assert list(found.numbered()) == [10, 100, 101]
    assert found.link.is_symlink()
    assert os.readlink(found.link) == "model.ckpt-101.state"
    assert found.link.read_text() == "101"
    assert (tmp_path / "checkpoint").read_text().strip() == "model.ckpt-101.state"
    assert found.last() == tmp_path / "model.ckpt-101.state"


def test_checkpoints_of_later_steps_are_of_an_earlier_training_and_go(tmp_path):
    saved(tmp_path, (10, 20, 30))
    assert list(saved(tmp_path, (15,)).numbered()) == [10, 15]


def test_other_files_stay(tmp_path):
    others = ["model.ckpt-1.pt", "model.ckpt-x.state", "other-1.state", "model.ckpt-1.state.bak"]
    for name in others:
        (tmp_path / name).touch()
    saved(tmp_path, range(5, 12), most=1)
    assert {path.name for path in tmp_path.iterdir()} >= set(others)


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path):
    found = saved(tmp_path, (1, 2, 3))

    def fill(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(WriteFailed, match="No space left"):
        found.save(4, fill)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_without_the_text_file_the_last_is_that_with_the_highest_number(tmp_path):
    found = saved(tmp_path, (9, 10))
    (tmp_path / "checkpoint").unlink()
    assert found.last() == tmp_path / "model.ckpt-10.state"
    assert saved(tmp_path, ()).prefix.parent == tmp_path
    (empty := tmp_path / "empty").mkdir()
    assert saved(empty, ()).last() is None


@pytest.fixture(scope="module")
def trained():
    """Two heads after two steps, with a moving average."""
    pytest.importorskip("torch")
    found = runs.trainer("multitask", "torch", average_decay=0.5)
    for step in range(2):
        head = runs.head_of("multitask", step)
        found.step(runs.batch("multitask", step, found.head(head)), 1e-3, head)
    return found


def test_states_are_read_to_the_bit(tmp_path, trained):
    write_state(tmp_path / "a.state", trained, {"step": 7, "rates": [0.1, 0.2]})
    found, notes = read_state(tmp_path / "a.state")
    assert notes == {"step": 7, "rates": [0.1, 0.2]}
    expected = trained.state()
    assert found.keys() == expected.keys()
    for name, x in expected.items():
        assert found[name].shape == x.shape
        assert found[name].tobytes() == (x.astype("int64") if x.dtype.kind == "i" else x).tobytes()


@pytest.mark.parametrize("average", [False, True])
def test_a_state_is_a_file_of_models_whose_shared_arrays_stand_once(tmp_path, trained, average):
    write_state(tmp_path / "a.state", trained, {}, average)
    expected, found = trained.trained(average), dpa2.load_multitask(tmp_path / "a.state")
    assert {head: m.checkpoint().digest() for head, m in found.items()} == {
        head: m.checkpoint().digest() for head, m in expected.items()
    }
    for name in ("repinit.embedding.layers.0.weight", "repformer.environment.mean"):
        first, second = (found[head].state_dict()[f"descriptor.{name}"] for head in ("h1", "h2"))
        assert first is second
    assert dpa2.load(f"{tmp_path}/a.state#h1").checkpoint().digest() == found["h1"].checkpoint().digest()
    assert bool(contents(tmp_path / "a.state").left_out) is not average


def test_what_is_no_state_is_refused(tmp_path, trained):
    with pytest.raises(FileMissing):
        read_state(tmp_path / "a.state")
    write_state(tmp_path / "a.state", trained, {})
    whole = (tmp_path / "a.state").read_bytes()
    damaged = whole[:-8] + bytes(8)
    for part in (b"", whole[:20], whole[:-1], damaged, whole.replace(b"dpa2-training-1", b"dpa2-training-9")):
        (tmp_path / "b.state").write_bytes(part)
        with pytest.raises(FormatError, match=r"b\.state"):
            read_state(tmp_path / "b.state")
