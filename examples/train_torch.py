"""Training with PyTorch on energies and forces: python examples/train_torch.py MODEL DATA NEW_MODEL [STEPS]."""

from __future__ import annotations

import sys

import numpy as np
import torch

import dpa2


def train(model: dpa2.Model, frames, steps: int, rate: float = 1e-3) -> tuple[dpa2.Model, list[float]]:
    """Return the trained model, and the loss at each step."""
    model = dpa2.fit_output_bias(model, frames)  # the energy of each type, by which energies begin near the data
    prepared = model.prepare_systems(frames)  # neighbours are searched once
    module = model.as_module()
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=rate)
    energies = torch.tensor([frame.energy for frame in frames], dtype=torch.float64)
    forces = torch.from_numpy(np.concatenate([frame.forces for frame in frames]))
    atoms = torch.tensor([len(frame.forces) for frame in frames])
    losses = []
    for _ in range(steps):
        found = module(prepared)
        energy_error = (torch.stack([out.energy for out in found]) - energies) / atoms
        force_error = torch.cat([out.forces for out in found]) - forces
        loss = (energy_error**2).mean() + (force_error**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.with_state(module.state_dict()), losses


if __name__ == "__main__":
    file, folder, target, *rest = sys.argv[1:]
    start = dpa2.load(file, backend="torch")
    trained, losses = train(start, dpa2.read_dataset(folder, start.type_map)[:4], int(rest[0]) if rest else 100)
    print(f"loss {losses[0]:.6g} → {losses[-1]:.6g}")
    dpa2.save(trained, target)
