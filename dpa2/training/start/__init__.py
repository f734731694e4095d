"""How a training starts: the models before step 0 (sections 6, 7, 9 and 10 of the specification of training)."""

from .fresh import fresh
from .from_data import with_data
from .sharing import shared
from .start import FromData, Start

__all__ = ["FromData", "Start", "fresh", "shared", "with_data"]
