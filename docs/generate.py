"""Write the parts of the documentation that follow from the code: `python docs/generate.py`.

A test fails where a page does not have them as this program writes them.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from dpa2 import config
from dpa2.backends.requirements import FUNCTIONS
from dpa2.conformance.features import FEATURES, features
from dpa2.conformance.vectors import shipped
from dpa2.serialization.settings import heads, spelling
from dpa2.tracing.intermediates import TABLE
from dpa2.training import schedules
from dpa2.training.script import course, data, loss, optimizer

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from parts import commands, drawing, errors, names, word_list  # noqa: E402

SECTIONS = {  # sections of the configuration, and the table of DeePMD-kit's words for each
    "": (config.DPA2Config, spelling.MODEL | spelling.DESCRIPTOR),
    "repinit": (config.Repinit, spelling.REPINIT),
    "repinit.attention": (config.NeighborAttention, {}),
    "repinit.compression": (config.Compression, {}),
    "three_body": (config.ThreeBody, spelling.THREE_BODY),
    "repformer": (config.Repformer, spelling.REPFORMER),
    "fitting": (config.Fitting, spelling.FITTING),
    "fitting.property": (config.Property, heads.KINDS["property"].words),
    "fitting.dos": (config.Dos, heads.KINDS["dos"].words),
    "fitting.dipole": (config.Dipole, heads.KINDS["dipole"].words),
    "fitting.polarizability": (config.Polarizability, heads.KINDS["polarizability"].words),
}


TRAINING = (  # sections of input scripts, and the settings that they have
    ("learning_rate", schedules.Schedule),
    ("learning_rate, exp", schedules.Exponential),
    ("learning_rate, wsd", schedules.WarmupStableDecay),
    ("optimizer", optimizer.OptimizerSection),
    ("loss", loss.LossSection),
    ("training", course.CourseSection),
    ("training", course.StatisticsFile),
    ("training_data", data.TrainingDataSection),
    ("validation_data", data.ValidationDataSection),
    ("model", course.StatisticsSection),
)


def intermediates() -> Iterator[str]:
    """Rows of the trace table."""
    yield "| name | axes | section |"
    yield "|---|---|---|"
    for row in TABLE:
        yield f"| `{row.name}` | {', '.join(row.axes.split())} | {row.section} |"


def settings() -> Iterator[str]:
    """Every field of the configuration with DeePMD-kit's key and its default."""
    yield "| setting | DeePMD-kit | default |"
    yield "|---|---|---|"
    for path, (section, words) in SECTIONS.items():
        theirs = {ours: key for key, ours in words.items()}
        for field in dataclasses.fields(section):
            name = f"{path}.{field.name}" if path else field.name
            key = f"`{theirs[field.name]}`" if field.name in theirs else ""
            yield f"| `{name}` | {key} | {default(field)} |"


def keys() -> Iterator[str]:
    """Every key of DeePMD-kit for a setting of the model, in the order of the alphabet, with our name."""
    yield "| DeePMD-kit | setting |"
    yield "|---|---|"
    pairs = [
        (key, f"{path}.{field.name}" if path else field.name)
        for path, (section, words) in SECTIONS.items()
        for key, ours in words.items()
        for field in dataclasses.fields(section)
        if field.name == ours
    ]
    yield from (f"| `{key}` | `{name}` |" for key, name in sorted(pairs))


def default(field: dataclasses.Field) -> str:
    """Return the default of a field as text."""
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return "required"
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return "section below" if dataclasses.is_dataclass(value) else f"`{value!r}`"


def vector_features() -> Iterator[str]:
    """Features of golden vectors, and the numbers of the vectors that have each."""
    yield "| feature | what the model or the structure has | vectors |"
    yield "|---|---|---|"
    having = {vector.name.partition("-")[0]: features(vector) for vector in shipped()}
    for name, (words, _) in FEATURES.items():
        numbers = " ".join(number for number, known in having.items() if name in known)
        yield f"| `{name}` | {words} | {numbers or 'with `--heads`'} |"


def training_settings() -> Iterator[str]:
    """Every key of an input script beside those of the model, with its default."""
    yield "| section | key | default |"
    yield "|---|---|---|"
    seen: set[tuple[str, str]] = set()
    for section, cls in TRAINING:
        for field in dataclasses.fields(cls):
            first = section.partition(",")[0], field.name
            if first not in seen and first != ("learning_rate", "steps"):
                yield f"| {section} | `{field.name}` | {default(field)} |"
            seen.add(first)


def functions() -> Iterator[str]:
    """What a library of the array-API standard needs to have."""
    yield from textwrap.wrap(
        ", ".join(f"`{name}`" for name in FUNCTIONS), 118, initial_indent="  ", subsequent_indent="  "
    )


def input_of_lammps() -> Iterator[str]:
    """The input file that the page on LAMMPS begins with."""
    yield "```text"
    yield (DOCS.parent / "examples" / "lammps" / "in.nve").read_text().rstrip()
    yield "```"


TABLES = {
    "functions": functions,
    "in.nve": input_of_lammps,
    "intermediates": intermediates,
    "settings": settings,
    "features": vector_features,
    "training": training_settings,
    "keys": keys,
    "errors": errors.all_errors,
    "exit codes": errors.codes,
    "commands": commands.commands,
    "public functions": names.functions,
    "public classes": names.classes,
    "public modules": names.modules,
    "details": names.details,
    "our words": word_list.ours,
    "their words": word_list.theirs,
}


def filled(text: str) -> str:
    """Return a page with every table between its marks written anew."""
    for name, rows in TABLES.items():
        if f"<!-- begin {name} -->" not in text:
            continue
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        table = "\n".join(rows()) + "\n"
        text = re.sub(pattern, lambda match, table=table: match[1] + table + match[2], text, flags=re.DOTALL)
    return text


def main() -> None:
    for page in DOCS.glob("*.md"):
        page.write_text(filled(page.read_text()))
    (DOCS / "drawing.svg").write_text(drawing.svg())


if __name__ == "__main__":
    main()
