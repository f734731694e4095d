"""Relax clusters of water molecules of several sizes in batches, with FIRE of torch-sim and a DPA-2 model.

python examples/torch_sim/relax_clusters.py --molecules 1 2 3 4 6

A relaxed cluster leaves the batch and the next one takes its place. Prints energies before and after, and the largest
force that is left.
"""

from __future__ import annotations

import argparse

import ase
import torch_sim as ts
from torch_sim.autobatching import InFlightAutoBatcher

import dpa2
from dpa2.interfaces.torch_sim import DPA2Model


def cluster(molecules: int) -> ase.Atoms:
    """Return some molecules of water near a grid, without a cell."""
    box = dpa2.testing.water_box(molecules, seed=molecules)
    return ase.Atoms(box.types, box.coordinates)


def relaxed(model: DPA2Model, clusters: list[ase.Atoms], force: float, atoms: int) -> ts.SimState:
    """Return the state of clusters whose forces are below `force`, eV/Å; atoms: the most in a batch."""
    return ts.optimize(
        clusters,
        model,
        optimizer=ts.optimizers.fire,
        convergence_fn=ts.runners.generate_force_convergence_fn(force, include_cell_forces=False),
        autobatcher=InFlightAutoBatcher(model, memory_scales_with="n_atoms", max_memory_scaler=atoms),
        max_steps=5000,
    )


def main() -> None:
    """Relax with the options of the command line, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=dpa2.demo.WATER)
    parser.add_argument("--device", help="such as cuda")
    parser.add_argument("--molecules", type=int, nargs="+", default=[1, 2, 3, 4, 6], help="of each cluster")
    parser.add_argument("--force", type=float, default=0.05, help="largest force that is left, eV/Å")
    parser.add_argument("--atoms", type=int, default=24, help="the most in a batch")
    options = parser.parse_args()
    model, clusters = DPA2Model(options.model, device=options.device), [cluster(n) for n in options.molecules]
    before = model(ts.initialize_state(clusters, model.device, model.dtype))["energy"]
    after = relaxed(model, clusters, options.force, options.atoms)
    forces = ts.quantities.systemwise_max_force(after)
    for one, *numbers in zip(clusters, before.tolist(), after.energy.tolist(), forces.tolist(), strict=True):
        print("{} atoms: {:.4f} eV -> {:.4f} eV, forces below {:.3f} eV/Å".format(len(one), *numbers))


if __name__ == "__main__":
    main()
