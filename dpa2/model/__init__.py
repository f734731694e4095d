"""A DPA-2 model as its users see it, and what can be made of it."""

from .model import Model

__all__ = ["Model"]
