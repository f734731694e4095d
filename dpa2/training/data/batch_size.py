"""The number of frames of a batch: the rules for `batch_size`, of each system by its number of atoms.

Source: section 5.2 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...config.rules import refuse
from ...errors import UnsupportedModel

AUTO = 32  # atoms that a batch has at least, by the rule "auto"


@dataclass(frozen=True)
class BatchSize:
    """A rule: "frames" for numbers that are given, "auto", "max" or "filter" for a number of atoms.

    numbers: one for all systems, or one for each.
    """

    rule: str
    numbers: tuple[int, ...]
    path: str

    def kept(self, atoms: Sequence[int]) -> list[int]:
        """Return the positions of the systems that the rule keeps; atoms: of a frame of each system.

        >>> read_batch_size("filter:12").kept([10, 6, 192])
        [0, 1]
        """
        if self.rule != "filter":
            return list(range(len(atoms)))
        (most,) = self.numbers
        found = [k for k, count in enumerate(atoms) if count <= most]
        if not found:
            refuse(self.path, f"filter:{most}", f"leaves no system; the smallest has {min(atoms)} atoms")
        return found

    def frames(self, atoms: Sequence[int]) -> list[int]:
        """Return the frames in a batch of each system; atoms: of a frame of each system.

        >>> read_batch_size("auto").frames([10, 6, 192])
        [4, 6, 1]
        """
        if self.rule == "frames":
            return self.given(len(atoms))
        (most,) = self.numbers
        if self.rule == "auto":
            return [max(1, -(-most // count)) for count in atoms]
        return [max(1, most // count) for count in atoms]

    def given(self, systems: int) -> list[int]:
        """Return the numbers that are given, for each of so many systems."""
        numbers = self.numbers * systems if len(self.numbers) == 1 else self.numbers
        if len(numbers) != systems:
            refuse(self.path, list(self.numbers), f"has {len(numbers)} numbers for {systems} systems")
        return list(numbers)


def read_batch_size(value: int | str | Sequence[int], path: str = "batch_size") -> BatchSize:
    """Return the rule that a value of `batch_size` means.

    Raises `ConfigurationError` for a value that is no rule, `UnsupportedModel` for a rule of other data or trainers.
    """
    if isinstance(value, str):
        return read_rule(value, path)
    numbers = (value,) if isinstance(value, int) else tuple(value)
    if not numbers or min(numbers) < 1:
        refuse(path, value, "must be positive numbers of frames")
    return BatchSize("frames", numbers, path)


def read_rule(text: str, path: str) -> BatchSize:
    """Return the rule that a word means, such as "auto:64"."""
    rule, colon, number = text.partition(":")
    if rule in ("mixed", "mix"):
        what = f"{path} = {text!r}"
        why = "batches of frames of several systems are not supported; use 'auto:N' or 'max:N'"
        raise UnsupportedModel(f"{what}: {why}", what=what)
    if rule == "auto" and not colon:
        number = str(AUTO)
    if rule not in ("auto", "max", "filter") or not number.isdecimal() or int(number) == 0:
        refuse(path, text, "must be a number of frames, a list of them, 'auto', 'auto:N', 'max:N' or 'filter:N'")
    return BatchSize(rule, (int(number),), path)
