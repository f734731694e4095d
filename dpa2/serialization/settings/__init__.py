"""Configurations in DeePMD-kit's words: input scripts and plain JSON."""
