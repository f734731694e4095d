"""DeePMD-kit's native tree: its nodes, and where our tensors lie in it."""
