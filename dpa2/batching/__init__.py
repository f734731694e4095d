"""The atoms of all systems in chunks of few atoms, on the host."""
