"""The DPA-2 descriptor, a file for each idea of the paper (specification sections 2-10, 13 and 17)."""
