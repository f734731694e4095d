"""Atoms and cells as users give them: checked systems, data folders, structure files."""
