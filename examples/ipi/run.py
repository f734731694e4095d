"""Path-integral molecular dynamics of water on 8 beads: starts i-PI and its clients, and says what came out.

python examples/ipi/run.py --steps 100 --molecules 8 --clients 1 --folder ipi-run

i-PI and the client, client.py, talk through a UNIX socket. Whichever of them fails, the others are ended too and the
exit status is 1, or 130 after Ctrl-C; what i-PI and the clients said is in ipi.log and client-0.log of the folder.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np

import dpa2

HERE = Path(__file__).resolve().parent
COLUMNS = ("step", "time", "conserved", "temperature", "potential", "primitive", "virial", "O", "H")


def write_start(folder: Path, molecules: int) -> None:
    """Write a periodic box of water as i-PI reads it: lengths in Å, angles in degrees."""
    box = dpa2.testing.water_box(molecules)
    edges = " ".join(f"{edge:.10f}" for edge in box.cell.diagonal())
    rows = [f"{name} {x:.10f} {y:.10f} {z:.10f}" for name, (x, y, z) in zip(box.types, box.coordinates, strict=True)]
    head = [str(len(rows)), f"# CELL(abcABC): {edges} 90 90 90 cell{{angstrom}} positions{{angstrom}}"]
    (folder / "start.xyz").write_text("\n".join(head + rows) + "\n")


def write_input(folder: Path, source: Path, address: str, steps: int) -> None:
    """Write the input of i-PI with this number of steps and an address that no other run has."""
    tree = xml.parse(source)
    for place, value in (("total_steps", steps), ("ffsocket/address", address)):
        tree.find(place).text = str(value)
    tree.write(folder / "input.xml")


def start(folder: Path, log: str, *command: object) -> subprocess.Popen:
    """Start a program in the folder, with what it says in a log."""
    with (folder / log).open("w") as file:
        return subprocess.Popen([str(word) for word in command], cwd=folder, stdout=file, stderr=subprocess.STDOUT)


def wait_for_socket(socket: Path, server: subprocess.Popen) -> None:
    """Wait until i-PI listens."""
    while not socket.exists():
        if server.poll() is not None:
            raise SystemExit("run.py: i-PI ended before it listened; see ipi.log")
        time.sleep(0.05)


def wait_for_all(server: subprocess.Popen, clients: list[subprocess.Popen]) -> None:
    """Wait until i-PI is done; end with a message where it failed, or where a client ended before it."""
    while server.poll() is None:
        ended = [client for client in clients if client.poll() is not None]
        if ended and not finishes(server, 0 if any(client.returncode for client in ended) else 10):
            raise SystemExit("run.py: a client ended before i-PI; see the logs of clients")
        time.sleep(0.05)
    if server.returncode:
        raise SystemExit(f"run.py: i-PI ended with status {server.returncode}; see ipi.log")


def finishes(server: subprocess.Popen, seconds: float) -> bool:
    """Return whether i-PI ends within some seconds: when it is done, clients end a little before it."""
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(programs: list[subprocess.Popen], socket: Path) -> None:
    """End programs that still run, and remove the socket's file."""
    for program in programs:
        if program.poll() is None:
            program.terminate()
        try:
            program.wait(5)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
    socket.unlink(missing_ok=True)


def run(folder: Path, source: Path, steps: int, clients: int) -> None:
    """Run i-PI and its clients in a folder that has a start.xyz."""
    address = f"dpa2-{os.getpid()}"
    socket = Path(f"/tmp/ipi_{address}")  # where ASE and i-PI look for it
    write_input(folder, source, address, steps)
    programs = [start(folder, "ipi.log", Path(sys.executable).with_name("i-pi"), "input.xml")]
    try:
        wait_for_socket(socket, programs[0])
        for n in range(clients):
            programs.append(start(folder, f"client-{n}.log", sys.executable, HERE / "client.py", address, "start.xyz"))
        wait_for_all(programs[0], programs[1:])
        for client in programs[1:]:
            client.wait(10)
    finally:
        stop(programs[::-1], socket)


def report(folder: Path, molecules: int) -> str:
    """Return the means of the second half of the run."""
    rows = np.loadtxt(folder / "water.out", ndmin=2)
    mean = dict(zip(COLUMNS, rows[len(rows) // 2 :].mean(axis=0), strict=True))
    lines = [f"{name} kinetic energy: {mean[name] / molecules:.4f} eV/molecule" for name in ("primitive", "virial")]
    lines += [f"radius of gyration of {name}: {mean[name]:.4f} Å" for name in ("O", "H")]
    return "\n".join([f"temperature: {mean['temperature']:.1f} K", *lines])


def main() -> None:
    """Run with the options of the command line, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--molecules", type=int, default=8)
    parser.add_argument("--clients", type=int, default=1, help="beads are shared among so many processes")
    parser.add_argument("--folder", type=Path, default=Path("ipi-run"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("run.py: ended by a signal"))
    options.folder.mkdir(parents=True, exist_ok=True)
    write_start(options.folder, options.molecules)
    try:
        run(options.folder.resolve(), HERE / "input.xml", options.steps, options.clients)
    except KeyboardInterrupt:
        sys.exit(130)  # as shells have it: 128 plus the number of the signal
    print(report(options.folder, options.molecules))


if __name__ == "__main__":
    main()
