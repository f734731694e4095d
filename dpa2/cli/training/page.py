"""The page that says what a training would do."""

from __future__ import annotations

from ..output import Table, counted, listed, tell_line, tell_table, tell_warning


def show_page(found) -> None:
    """Print the page: the course, each task, then what is to be said about it."""
    rates = ", ".join(f"{each.rate:.4g} in step {each.step}" for each in found.rates)
    tell_line(f"{counted(found.steps, 'step')} of {found.optimizer}; learning rate {rates or 'of no step'}")
    if found.origin is not None:
        show_origin(found.origin)
    for task in found.tasks:
        show_task(task)
    if found.without_effect:
        tell_line(f"without effect: {', '.join(found.without_effect)}")
    for warning in found.warnings:
        tell_warning(warning)


BIAS = {"set": "is set by the data", "change": "is changed by the data", "keep": "is that of the file"}


def show_origin(origin) -> None:
    """Print what the training starts with."""
    if origin.way == "restart":
        batches = "and the batches that come next" if origin.same_batches else "; its batches begin anew"
        what = f"goes on from {origin.file}, {counted(origin.step, 'step')} done, with the state of its optimizer"
        tell_line(f"{what}{' ' * origin.same_batches}{batches}")
        return
    tell_line(f"begins with {origin.file} ({origin.way})")
    for each in origin.heads:
        head = f"head {each.head}: " if each.head is not None else ""
        branch = f" of the branch {each.branch}" if each.branch is not None else ""
        initial = f", {each.initial} keep their initial values" * (each.initial > 0)
        left_out = f", {each.left_out} of the file are left out" * (each.left_out > 0)
        new = f"; new types: {listed(list(each.new_types))}" if each.new_types else ""
        tell_line(f"{head}{counted(each.taken, 'tensor')}{branch}{initial}{left_out}{new}; the bias {BIAS[each.bias]}")


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
