"""Serve a DPA-2 model to i-PI over a UNIX socket, until i-PI ends the run.

python examples/ipi/client.py ADDRESS START.xyz [MODEL]

ADDRESS is that of `ffsocket` in the input of i-PI. The start file says which atoms there are; i-PI sends their
positions and the cell.
"""

from __future__ import annotations

import sys

import ase.io
from ase.calculators.socketio import SocketClient

import dpa2
from dpa2.ase import DPA2


def serve(address: str, start: str, model: str = dpa2.demo.WATER) -> int:
    """Answer i-PI with energies, forces and virials until it closes the socket; return how often."""
    atoms, served = ase.io.read(start, format="xyz"), 0
    atoms.set_pbc(True)
    atoms.calc = DPA2(model, skin=1.0)  # beads alternate: those of a hydrogen must lie within skin / 2 of each other
    client = SocketClient(unixsocket=address)
    for _ in client.irun(atoms, use_stress=True):
        served += 1
    client.close()
    return served


if __name__ == "__main__":
    try:
        print(f"client.py: i-PI has closed the socket, after {serve(*sys.argv[1:])} configurations")
    except (OSError, dpa2.errors.DPA2Error) as error:
        sys.exit(f"client.py: {error or 'i-PI has ended amid a message'}")
