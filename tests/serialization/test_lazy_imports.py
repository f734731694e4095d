"""Libraries of file formats are imported only for files of these formats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from peer_files import SAMPLES, TINY


def test_importing_loads_no_file_library():
    program = "import sys, dpa2.serialization; print([m for m in ('h5py', 'yaml', 'safetensors') if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_formats_of_pytorch_paddle_and_jax_are_read_without_these(tmp_path):
    program = """
import sys
import dpa2
for name in sys.argv[1:]:
    dpa2.load(name).checkpoint().digest()
print(sorted({"torch", "jax", "paddle", "deepmd", "orbax"} & set(sys.modules)))
"""
    files = [str(SAMPLES / f"dpa2_tiny.{ending}") for ending in TINY if ending != "jax"]
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
