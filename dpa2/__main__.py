"""`python -m dpa2` is the command `dpa2`."""

from .cli import main

if __name__ == "__main__":
    main()
