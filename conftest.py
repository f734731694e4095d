"""The back ends and interfaces whose library is not installed have no doctests to run."""

from importlib.util import find_spec

from dpa2.backends import BACKENDS

MISSING = [name for name, entry in BACKENDS.items() if find_spec(entry.package) is None]
collect_ignore_glob = [f"dpa2/backends/{name}*.py" for name in MISSING]
NEEDED = {"energies": "torch", "metatomic": "metatomic", "torch_sim": "torch_sim"}  # by files of dpa2/interfaces
collect_ignore_glob += [f"dpa2/interfaces/{name}.py" for name, package in NEEDED.items() if find_spec(package) is None]
