"""Recorded programs have the bits of what was recorded, serve all arguments of the same shapes, and no others."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from dpa2.testing import perturbed_model, small_config, water_box

torch = pytest.importorskip("torch")
capture = pytest.importorskip("dpa2.backends.capture")

BOX = water_box(4, seed=3)
MODEL = perturbed_model(small_config(), seed=0)


def eager(model=MODEL):
    """The model on PyTorch without the help of NumPy, as on a GPU."""
    model = model.to("torch")
    return replace(model, backend=model.backend.uncompiled())


def recording(model=MODEL, record=capture.in_memory):
    model = eager(model)
    return replace(model, backend=model.backend.recording(record))


def moved(by: float, seed: int = 0):
    return torch.tensor(BOX.coordinates + np.random.default_rng(seed).uniform(-by, by, BOX.coordinates.shape))


def assert_same_bits(found, expected):
    assert type(found) is type(expected)
    for name in expected._fields:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0, equal_nan=True)


def test_a_replayed_potential_has_the_same_bits_and_serves_renewed_ones():
    model = recording()
    potential, expected = model.potential(BOX), eager().potential(BOX)
    for seed in range(3):
        assert_same_bits(potential(moved(0.1, seed)), expected(moved(0.1, seed)))
    there = moved(0.3, 5)
    assert_same_bits(potential.renew(there)(there), expected.renew(there)(there))
    cell = torch.tensor(1.01 * BOX.cell)
    assert_same_bits(potential(moved(0.05), cell), expected(moved(0.05), cell))
    far = moved(0.1) + 9.0 * torch.eye(12, 3, dtype=torch.float64)
    assert_same_bits(potential(far), expected(far))
    assert torch.isnan(potential(far).energy)
    assert len(model.backend.captures) == 1


def test_candidates_are_found_by_a_recorded_program():
    model = recording()
    potential, expected = model.potential(BOX), eager().potential(BOX)
    there = moved(0.4, 1)
    updated, wanted = potential.update(there), expected.update(there)
    assert potential.stale(there) == expected.stale(there)
    assert_same_bits(updated(there), wanted(there))
    assert not updated.stale(there)
    same = dict(zip(*(capture.flattened(it.program) for it in (potential, updated)), strict=True))
    assert all(a is b for a, b in same.items())  # weights are handed on, not copied


def test_results_stay_when_the_program_is_replayed():
    potential = recording().potential(BOX)
    first = potential(moved(0.1, 1)).forces
    kept = first.clone()
    potential(moved(0.1, 2))
    assert torch.equal(first, kept)


def test_positions_that_changed_in_place_are_read_again():
    potential, positions = recording().potential(BOX), moved(0.1, 1)
    before = potential(positions).energy
    positions += 0.05 * torch.sin(torch.arange(36.0)).reshape(12, 3)
    assert float(before) != float(potential(positions).energy) == float(eager().potential(BOX)(positions).energy)


def test_other_shapes_and_other_weights_have_their_own_results():
    model, other = recording(), recording(perturbed_model(small_config(), seed=1))
    other = replace(other, backend=model.backend)  # the same programs
    small = water_box(3, seed=1)
    for one in (model, other):
        plain = replace(one, backend=one.backend.uncompiled())
        for box in (BOX, small):
            assert_same_bits(one.potential(box)(box.coordinates), plain.potential(box)(box.coordinates))
    assert len(model.backend.captures) == 4


def test_programs_are_bounded_in_number(monkeypatch):
    monkeypatch.setattr(capture, "MOST_CAPTURED", 2)
    backend = eager().backend.recording(capture.in_memory)
    for length in (3, 4, 5, 3):
        (found,) = backend.whole(lambda library, x: (2.0 * x,), (torch.ones(length),))
        assert found.shape == (length,)
        assert len(backend.captures) <= 2

    def doubled(library, x):
        return (2.0 * x,)

    for length in (3, 4, 3):
        backend.whole(doubled, (torch.ones(length),))
    assert [forms[0][0] for _, forms in backend.captures.programs] == [(4,), (3,)]


def test_derivatives_are_not_recorded():
    model = recording()
    potential, plain = model.potential(BOX), eager().potential(BOX)
    positions = moved(0.1).requires_grad_()
    (slope,) = torch.autograd.grad(potential(positions).energy, positions)
    np.testing.assert_allclose(slope, -plain(positions.detach()).forces, rtol=1e-12, atol=1e-13)
    by_function = torch.func.grad(lambda x: potential(x).energy)(positions.detach())
    np.testing.assert_allclose(by_function, slope, rtol=1e-12, atol=1e-13)
    assert len(model.backend.captures) == 0


def test_what_cannot_be_recorded_is_computed_all_the_same():
    backend = eager().backend.recording(capture.in_memory)

    def to_host(library, x):
        return (x * float(x.sum()),)

    def from_host(library, x):
        return (x + torch.tensor([1.0, 2.0]),)

    x = torch.tensor([3.0, 4.0])
    for function, reason in ((to_host, "brings a number to the host"), (from_host, "comes from the host")):
        with pytest.warns(capture.CaptureWarning, match=reason):
            (first,) = backend.whole(function, (x,))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (second,) = backend.whole(function, (2 * x,))
        assert torch.equal(first, function(None, x)[0])
        assert torch.equal(second, function(None, 2 * x)[0])


def test_only_gpus_record_unless_told():
    assert eager().backend.captures is None
    assert MODEL.to("torch").backend.captures is None
    backend = recording().backend
    assert backend.with_shape(backend.shape).captures is backend.captures
    assert backend.uncompiled().captures is None
