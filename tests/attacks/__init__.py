"""Files that want to run code, fill the memory, reach outside, or lie.

Each kind has a module, whose `files()` yields names and contents; `python -m attacks FOLDER` (in
`tests/serialization/`) writes them all, and `reader` is the process that reads them under watch.
"""

from __future__ import annotations
