"""The page that says what a training would do."""

from __future__ import annotations

from ..output import Table, counted, listed, tell_line, tell_table, tell_warning


def show_page(found) -> None:
    """Print the page: the course, each task, then what is to be said about it."""
    rates = ", ".join(f"{each.rate:.4g} in step {each.step}" for each in found.rates)
    tell_line(f"{counted(found.steps, 'step')} of {found.optimizer}; learning rate {rates or 'of no step'}")
    for task in found.tasks:
        show_task(task)
    if found.without_effect:
        tell_line(f"without effect: {', '.join(found.without_effect)}")
    for warning in found.warnings:
        tell_warning(warning)


def show_task(task) -> None:
    """Print what is known of one task."""
    head = f"head {task.head}, chosen in {100 * task.probability:.3g} % of the steps: " if task.head is not None else ""
    tell_line(f"{head}types {listed(list(task.types))}; {task.parameters} numbers are trained")
    terms = ", ".join(f"{each.term} {each.start:g} → {each.limit:g}" for each in task.terms)
    tell_line(f"loss: prefactors {terms or 'of no term'}")
    tell_line(f"an epoch has {counted(task.epoch, 'step')}")
    tell_table(systems_table(task))
    tell_table(blocks_table(task))
    if task.closest is not None:
        tell_line(f"the closest atoms are {task.closest:.4f} Å apart")
    memory = task.memory
    parts = {"weights and optimizer": memory.parameters, "neighbour lists": memory.lists, "a step": memory.step}
    tell_line(f"memory, about: {', '.join(f'{name} {megabytes(size)}' for name, size in parts.items())}")


def megabytes(size: int) -> str:
    """Return a number of bytes in words.

    >>> megabytes(2_500_000), megabytes(2_500_000_000)
    ('2.5 MB', '2.5 GB')
    """
    return f"{size / 1e9:.2g} GB" if size >= 1e9 else f"{size / 1e6:.2g} MB" if size < 1e8 else f"{size / 1e6:.0f} MB"


def systems_table(task) -> Table:
    """A row for each system."""
    table = Table("data", "system", "frames", "atoms", "in a batch", "batches", "chosen", "labels")
    for kind, systems in (("training", task.training), ("validation", task.validation)):
        for s in systems:
            numbers = (str(n) for n in (s.frames, s.atoms, s.batch_size, s.batches))
            table.add_row(kind, s.name, *numbers, f"{100 * s.probability:.3g} %", ", ".join(s.labels) or "none")
    return table


def blocks_table(task) -> Table:
    """A row for each list of neighbours."""
    table = Table("block", "cutoff / Å", "holds", "largest", "of atom")
    for b in task.blocks:
        table.add_row(b.block, f"{b.cutoff:g}", str(b.max_neighbors), str(b.largest), f"{b.atom} of {b.frame}")
    return table
