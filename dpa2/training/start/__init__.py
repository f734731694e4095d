"""How a training starts: the models before step 0 (sections 6, 7, 9 and 10 of the specification of training)."""

from .finetuned import finetuned
from .fresh import fresh
from .from_data import with_data
from .initialized import initialized
from .model_section import with_model_of_file, with_parts_of_file
from .sharing import shared
from .start import FromData, Start

__all__ = [
    "FromData",
    "Start",
    "finetuned",
    "fresh",
    "initialized",
    "shared",
    "with_data",
    "with_model_of_file",
    "with_parts_of_file",
]
