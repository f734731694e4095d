"""Interfaces of a model to other programs."""
