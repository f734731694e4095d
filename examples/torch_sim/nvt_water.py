"""Run boxes of water of several sizes at constant temperature, all in one batch, with torch-sim and a DPA-2 model.

python examples/torch_sim/nvt_water.py --molecules 16 8 --steps 200

Prints, for each box, the mean temperature and potential energy over the second half of the run.
"""

from __future__ import annotations

import argparse

import ase
import torch
import torch_sim as ts
from torch_sim.quantities import calc_temperature
from torch_sim.units import MetalUnits

import dpa2
from dpa2.interfaces.torch_sim import DPA2Model


def water(molecules: int) -> ase.Atoms:
    """Return a box of water at the density of the liquid."""
    box = dpa2.testing.water_box(molecules, seed=molecules)
    return ase.Atoms(box.types, box.coordinates, cell=box.cell, pbc=True)


def run(model: DPA2Model, boxes: list[ase.Atoms], steps: int, kelvin: float, femtoseconds: float) -> torch.Tensor:
    """Return temperature, K, and potential energy, eV, of each box in each step (step, 2, system)."""
    unit = MetalUnits.time / 1000  # a femtosecond
    kT, dt = (torch.tensor(x, dtype=model.dtype) for x in (kelvin * MetalUnits.temperature, femtoseconds * unit))
    friction = torch.tensor(1 / (20 * unit), dtype=model.dtype)
    begin, step = ts.integrators.nvt_langevin(model, kT=kT, dt=dt, gamma=friction)
    state, records = begin(ts.initialize_state(boxes, model.device, model.dtype)), []
    for _ in range(steps):
        state = step(state)
        kelvins = calc_temperature(masses=state.masses, momenta=state.momenta, system_idx=state.system_idx)
        records.append(torch.stack([kelvins, state.energy]))
    return torch.stack(records)


def main() -> None:
    """Run with the options of the command line, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=dpa2.demo.WATER)
    parser.add_argument("--device", help="such as cuda")
    parser.add_argument("--molecules", type=int, nargs="+", default=[16, 8], help="of each box")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--femtoseconds", type=float, default=0.5, help="length of a step")
    parser.add_argument("--temperature", type=float, default=300.0, help="K")
    options = parser.parse_args()
    model, boxes = DPA2Model(options.model, device=options.device), [water(count) for count in options.molecules]
    torch.manual_seed(0)
    records = run(model, boxes, options.steps, options.temperature, options.femtoseconds)
    for box, (kelvin, energy) in zip(boxes, records[options.steps // 2 :].mean(dim=0).T.tolist(), strict=True):
        print(f"{len(box)} atoms: {kelvin:.0f} K, {energy / len(box):.4f} eV per atom")


if __name__ == "__main__":
    main()
