"""The commands of `dpa2`, one module each: the module `eval` is the command `dpa2 eval`.

A module in this folder declares its command with `dpa2.cli.app.verb`; there is no other list of commands. Modules
that take long to import (NumPy, the model) are imported inside functions, because `dpa2 --help` imports all commands.
"""
