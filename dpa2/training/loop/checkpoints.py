"""Checkpoints by number: the newest few are kept, and a link leads to the last (section 8)."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import WriteFailed
from ...serialization.atomic import replacing

NAME_OF_LAST = "checkpoint"  # a text file with the name of the last checkpoint


@dataclass(frozen=True)
class Checkpoints:
    """Files `PREFIX-STEP.SUFFIX`, each whole or not there.

    prefix: a path, such as "run/model.ckpt". suffix: with its dot. most: the number of files that are kept. named:
    whether the text file `checkpoint` names the last one.
    """

    prefix: Path
    suffix: str
    most: int = 5
    named: bool = True

    def file(self, step: int) -> Path:
        """Return the file of a step, counted from 1."""
        return self.prefix.with_name(f"{self.prefix.name}-{step}{self.suffix}")

    @property
    def link(self) -> Path:
        """The link to the last checkpoint."""
        return self.prefix.with_name(self.prefix.name + self.suffix)

    def save(self, step: int, write: Callable[[Path], object]) -> Path:
        """Write the checkpoint of a step by `write(path)`, lead the link to it, and remove those that are too many.

        Raises `WriteFailed` where that fails; the checkpoints before are then still there.
        """
        file = self.file(step)
        with replacing(file) as new:
            write(new)
        self.lead_to(file)
        self.prune(step)
        return file

    def lead_to(self, file: Path) -> None:
        """Let the link and the text file name a checkpoint."""
        if self.named:
            with replacing(self.prefix.with_name(NAME_OF_LAST)) as new:
                new.write_text(file.name + "\n", encoding="utf-8")
        beside = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        try:
            beside.unlink(missing_ok=True)
            beside.symlink_to(file.name)
            os.replace(beside, self.link)
        except OSError as error:
            raise WriteFailed(f"{self.link}: {error.strerror}", file=str(self.link), reason=str(error)) from error

    def numbered(self) -> dict[int, Path]:
        """Return the checkpoints that are there, by step, the first one first."""
        pattern = re.compile(re.escape(self.prefix.name) + r"-(\d+)" + re.escape(self.suffix))
        found = ((pattern.fullmatch(path.name), path) for path in self.prefix.parent.iterdir())
        return dict(sorted((int(match[1]), path) for match, path in found if match))

    def prune(self, step: int) -> None:
        """Remove checkpoints of later steps, which are of an earlier training, and all but the newest few."""
        files = self.numbered()
        later = [n for n in files if n > step]
        others = [n for n in files if n <= step]
        for n in (*later, *others[: max(0, len(others) - self.most)]):
            files[n].unlink(missing_ok=True)

    def last(self) -> Path | None:
        """Return the last checkpoint, or None if there is none."""
        named = self.prefix.with_name(NAME_OF_LAST)
        known = self.named and named.is_file()
        file = self.prefix.with_name(named.read_text(encoding="utf-8").strip()) if known else None
        return file if file is not None and file.is_file() else next(reversed(self.numbered().values()), None)


def kept_by_ratio(ratio: float, steps: int, every: int) -> int:
    """Return how many checkpoints are kept where a share of all is wanted.

    >>> kept_by_ratio(0.1, 1001, 10)
    11
    """
    return math.ceil(ratio * math.ceil(steps / every))
