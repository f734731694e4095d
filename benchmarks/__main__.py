"""Run all benchmarks one after another; `--quick` takes a minute and shows that they work."""

from __future__ import annotations

from . import (
    acceleration,
    compilation,
    compression,
    dynamics,
    lammps,
    memory,
    neighbors,
    scaling,
    speed,
    startup,
    training,
)
from .program import options_from_command_line

PROGRAMS = [
    m.PROGRAM
    for m in (
        startup,
        compilation,
        speed,
        memory,
        scaling,
        neighbors,
        acceleration,
        compression,
        training,
        lammps,
        dynamics,
    )
]
PROGRAMS.insert(2, compilation.SERIES_PROGRAM)
PROGRAMS.append(dynamics.PROGRAM)


def main() -> None:
    options = options_from_command_line(__doc__)
    for number, program in enumerate(PROGRAMS, start=1):
        print(f"{number} of {len(PROGRAMS)}: {program.title}", flush=True)
        program.run(options)


if __name__ == "__main__":
    main()
