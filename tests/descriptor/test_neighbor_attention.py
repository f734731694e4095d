"""Gated self-attention in repinit (specification section 17) against the wide formulas, written out slot by slot."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from references import frames
from tolerances import assert_close

import dpa2
from dpa2 import config as settings
from dpa2.errors import UnsupportedModel
from dpa2.model.preparation import check_system
from dpa2.testing import perturbed_weights

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

SHIFT = 20.0


def model(smooth=True, **attention) -> dpa2.Model:
    """A small model with two attention layers and every statistic off its trivial value."""
    made = settings.DPA2Config(
        types=("O", "H"),
        repinit=settings.Repinit(
            cutoff=5.0, inner_cutoff=1.5, max_neighbors=40, widths=(5, 10), axis=4, type_dim=6,
            attention=settings.NeighborAttention(layers=2, dim=7, **attention),
        ),
        repformer=settings.Repformer(cutoff=3.8, inner_cutoff=2.4, max_neighbors=20, layers=1, atom_dim=12, axis=3),
        fitting=settings.Fitting(widths=(9,)),
        smooth=smooth,
    )  # fmt: skip
    from dpa2.serialization import Checkpoint

    return dpa2.Model.from_checkpoint(Checkpoint(made, perturbed_weights(made, seed=3), {}))


def wide_two_body(model: dpa2.Model, system) -> np.ndarray:
    """Section 5 with section 17 in between, on all slots that the model provides; loops and NumPy only."""
    weights, s = model.checkpoint().weights, model.config.repinit
    seen = dpa2.trace(model, system.coordinates, system.types, system.cell, neighbors="truncate")
    near, vectors = seen["nlist/ri_local"], seen["nlist/ri_vector"]
    mean, std = (weights[f"descriptor.repinit.environment.{n}"] for n in ("mean", "std"))
    table = seen["type_embedding/table"]
    rows = []
    for i, type_ in enumerate(system.types):
        raw, w, occupied, types = np.zeros((40, 4)), np.zeros(40), np.zeros(40), np.full(40, system.types[0])
        for a in range(near.shape[1]):
            if near[i, a] < 0:
                continue
            r = np.linalg.norm(vectors[i, a])
            u = np.clip((r - s.inner_cutoff) / (s.cutoff - s.inner_cutoff), 0, 1)
            w[a], occupied[a], types[a] = 1 + u**3 * (-6 * u**2 + 15 * u - 10), 1, system.types[near[i, a]]
            raw[a] = w[a] * np.array([1 / r, *(vectors[i, a] / r**2)])
        rows.append((((raw - mean[type_]) / std[type_]), w, occupied, types))
    return np.stack([reduce(attend(embed(r, t, table[o], table, weights), r, w, m, model, weights), r)
                     for (r, w, m, t), o in zip(rows, system.types, strict=True)])  # fmt: skip


def embed(r, types, own, table, weights):
    """The embedding net (concat) of every slot."""
    x = np.concatenate([r[:, :1], table[types], np.broadcast_to(own, (40, len(own)))], axis=1)
    for k in range(2):
        name = f"descriptor.repinit.embedding.layers.{k}"
        y = np.tanh(x @ weights[f"{name}.weight"] + weights[f"{name}.bias"])
        x = y + {1: x, 2: np.concatenate([x, x], axis=1)}.get(y.shape[1] / x.shape[1], 0.0)
    return x


def attend(x, r, w, occupied, model, weights):
    """Both layers, step by step as in section 17."""
    s = model.config.repinit.attention
    v = r[:, 1:]
    unit = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
    for k in range(s.layers):
        name = f"descriptor.repinit.attention.{k}"
        q, key, value = np.split(x @ weights[f"{name}.input.weight"] + weights[f"{name}.input.bias"], 3, axis=1)
        if s.normalize:
            q, key, value = (p / np.linalg.norm(p, axis=1, keepdims=True) for p in (q, key, value))
        logits = (q * (s.temperature or (s.dim * s.scaling) ** -0.5)) @ key.T
        if model.config.smooth:
            logits = (logits + SHIFT) * np.outer(w, w) - SHIFT
        else:
            logits = np.where(occupied > 0, logits, -np.inf)
        e = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-1e300))
        alpha = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300) * occupied[:, None]
        alpha = alpha * np.outer(w, w) if model.config.smooth else alpha
        alpha = alpha * (unit @ unit.T) if s.angular_gate else alpha
        x = x + (alpha @ value) @ weights[f"{name}.output.weight"] + weights[f"{name}.output.bias"]
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + s.norm_epsilon)
        x = x * weights[f"{name}.norm.weight"] + weights[f"{name}.norm.bias"]
    return x


def reduce(g, r):
    """X Xᵀ with the first rows, over all slots."""
    x = g.T @ r / 40
    return (x @ x[:4].T).ravel()


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("options", [
    {}, {"angular_gate": False}, {"normalize": False}, {"temperature": 0.7}, {"scaling": 2.5, "norm_epsilon": 1e-3},
])  # fmt: skip
@pytest.mark.parametrize("frame", range(4))
def test_attention_is_that_of_the_wide_formulas(smooth, options, frame):
    made, system = model(smooth, **options), frames("base")[frame].system
    system = check_system(made.config, dataclasses.replace(system))
    found = dpa2.trace(made, system.coordinates, system.types, system.cell, neighbors="truncate")["repinit/grrg"]
    assert_close("trace", found, wide_two_body(made, system), "two-body descriptor")


def test_native_file_holds_attention_and_the_reference_formats_refuse_it_by_name(tmp_path):
    made = model()
    dpa2.save(made, tmp_path / "a.safetensors")
    assert dpa2.load(tmp_path / "a.safetensors").checkpoint().digest() == made.checkpoint().digest()
    for suffix in (".dp", ".yaml", ".json"):
        with pytest.raises(UnsupportedModel, match="attention"):
            dpa2.save(made, tmp_path / f"a{suffix}")
        assert not (tmp_path / f"a{suffix}").exists()
