"""An ASE calculator (`dpa2.interfaces.ase`)."""

from .interfaces.ase import DPA2

__all__ = ["DPA2"]
