"""One file for each container format: bytes to a tree or a state, and back."""
