"""The systems of one section of data in a script, with the rules by which batches are drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...errors import InputError
from ..script.data import DataSection
from .batch_size import read_batch_size
from .labels import LABELS, require_labels
from .probabilities import read_style, steps_of_epoch, system_probabilities
from .sampler import Sampler, batches_of
from .systems import TrainingSystem, read_systems


@dataclass(frozen=True)
class Source:
    """Systems, and a sampler that draws batches from them.

    chances: gives the probabilities of the systems by their numbers of batches.
    """

    systems: tuple[TrainingSystem, ...]
    sampler: Sampler
    chances: Callable[[Sequence[int]], Sequence[float]]

    @property
    def epoch(self) -> int:
        """The number of steps of an epoch."""
        return steps_of_epoch(self.sampler.batches, self.sampler.probabilities)

    def share(self, number: int, count: int) -> Source:
        """Return what one of so many ranks draws its batches from: its share of each system's frames.

        Raises `FormatError` for a system with fewer frames than there are ranks.
        """
        if count == 1:
            return self
        systems = tuple(system.part(number, count) for system in self.systems)
        frames = tuple(len(system) for system in systems)
        chances = tuple(self.chances(batches_of(frames, self.sampler.sizes)))
        return Source(systems, replace(self.sampler, frames=frames, probabilities=chances), self.chances)


def read_source(
    settings: DataSection,
    type_map: Sequence[str],
    labels: Iterable[str] = (),
    path: str = "training.training_data",
) -> Source:
    """Return the systems that a section of data names, read and checked, and their sampler.

    Parameters
    ----------
    settings
        The section.
    type_map
        Names of the model's types.
    labels
        Names of the labels that a loss asks for.
    path
        Where the script has the section, for messages.

    Raises
    ------
    FormatError
        A folder or a file is damaged, or holds numbers that are not finite (facts: file, frame, atom).
    ConfigurationError
        The rules for batches or probabilities do not fit the systems (facts: path, value).
    """
    names = tuple(labels)
    require_labels(names)
    everything = read_systems(settings.folders, type_map, names, settings.rglob_patterns)
    rule = read_batch_size(settings.batch_size, f"{path}.batch_size")
    systems = tuple(everything[k] for k in rule.kept([system.atoms for system in everything]))
    sizes = tuple(rule.frames([system.atoms for system in systems]))
    frames = tuple(len(system) for system in systems)
    style = read_style(settings.auto_prob, f"{path}.auto_prob")

    def chances(batches: Sequence[int]) -> tuple[float, ...]:
        return tuple(system_probabilities(batches, style, settings.sys_probs, f"{path}.sys_probs").tolist())

    return Source(systems, Sampler(frames, sizes, chances(batches_of(frames, sizes))), chances)


def require_known_labels(source: Source, labels: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Raise an `InputError` for a label that no system has which is ever chosen; some are optional.

    A loss would be zero for lack of it, and nobody would see that.
    """
    chosen = [s for s, p in zip(source.systems, source.sampler.probabilities, strict=True) if p > 0]
    for name in labels:
        if name not in optional and not any(system.has(name) for system in chosen):
            file = f"{LABELS[name].file}.npy"
            places = ", ".join(system.name for system in chosen[:3])
            rule = "the loss asks for it; add it, or set the prefactors of its term to 0"
            raise InputError(f"no system has {file} ({places}), and {rule}", argument="labels", label=name)
