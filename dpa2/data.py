"""DeePMD data folders (`dpa2.structures.datasets`)."""

from .structures.datasets import Dataset, Frame, read_dataset

__all__ = ["Dataset", "Frame", "read_dataset"]
