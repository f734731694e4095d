"""Speed and memory, each claim by a program of its own: `python -m benchmarks`, or one of them, as `.speed`."""
