"""Measurements of speed and memory, one program for each claim.

`python -m benchmarks` runs all programs, `python -m benchmarks.speed` one of them.
"""
