"""Neural-network pieces that know nothing of atoms: arrays, modules, activations, layers (specification section 3)."""
