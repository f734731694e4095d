"""Checkpoints of DeePMD-kit's PyTorch trainer: a training goes on from them, and they go on from ours."""

from .reading import ReferenceState, read_reference
from .writing import write_reference

__all__ = ["ReferenceState", "read_reference", "write_reference"]
