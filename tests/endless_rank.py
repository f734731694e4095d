"""A process that exchanges numbers with others until one of them ends: `endless_rank.py LIBRARY`."""

from __future__ import annotations

import sys

from dpa2.backends.ranks import connect
from dpa2.cli.training.many import in_company


def main() -> None:
    ranks = connect(sys.argv[1])

    def exchanging() -> int:
        while ranks.gathered(ranks.own[0]) == list(range(ranks.count)):
            print("exchanged", flush=True)
        return 1

    sys.exit(in_company(ranks, exchanging))


if __name__ == "__main__":
    main()
