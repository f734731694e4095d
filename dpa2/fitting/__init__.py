"""From an atom's descriptor to its energy (specification sections 11 and 12)."""
