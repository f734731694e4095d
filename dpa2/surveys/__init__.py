"""Examinations of a model: its smoothness, its numbers of neighbours, and the precision that it needs."""
