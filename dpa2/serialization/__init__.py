"""Models in files: every format in which a DPA-2 model lives, DeePMD-kit's and the project's own `.safetensors`.

>>> from dpa2.serialization import convert, read, write
"""

from .checkpoint import Checkpoint
from .comparison import compare
from .files import contents, convert, converted, read, read_descriptor, read_from, write
from .inventory import inventory, places
from .naming import file_and_head
from .settings.script import config_to_script, script_to_config
from .state.adam import Adam, Moments
from .state.average import Average
from .state.progress import Progress
from .trainings import read_progress, write_checkpoints

__all__ = [
    "Adam",
    "Average",
    "Checkpoint",
    "Moments",
    "Progress",
    "compare",
    "config_to_script",
    "contents",
    "convert",
    "converted",
    "file_and_head",
    "inventory",
    "places",
    "read",
    "read_descriptor",
    "read_from",
    "read_progress",
    "script_to_config",
    "write",
    "write_checkpoints",
]
