"""How many examples a property may try."""

from __future__ import annotations

import os

from hypothesis import settings


def budget(examples: int, **options):
    """Settings with so many examples, and twenty times as many in a slow run (`pytest -m slow`)."""
    return settings(max_examples=examples * int(os.environ.get("DPA2_TEST_BUDGET", "1")), **options)
