"""From chunks of atoms to energies, forces, virials and Hessians (specification section 12)."""
