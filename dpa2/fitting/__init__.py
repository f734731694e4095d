"""From an atom's descriptor to what a model predicts: energies, or another head (specification sections 11, 12, 21)."""
