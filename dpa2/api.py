"""The functions with which everything starts: load, save, convert, build."""

from __future__ import annotations

from os import PathLike

from . import serialization
from .config import DPA2Config
from .construction.initialization import fresh_weights
from .errors import InputError
from .model.model import Model
from .nn.module import leaves
from .serialization.checkpoint import Checkpoint


def load(file: str | PathLike, backend: str = "numpy", dtype=None, device=None, head=None) -> Model:
    """A model from a file of any format that is read (`docs/formats.md`); no code in a file is ever run.

    backend: one of `dpa2.backends.NAMES`, such as "numpy" or "torch". dtype: "float64", "float32", "bfloat16",
    "float16"; the file's if None. device: as the library names it. head: which model of a multi-task file, which must
    be said for such a file.

    Raises `FormatError` for a damaged file, `UnsupportedModel` for something else than a DPA-2 energy model,
    `BackendError` and `MissingDependency` for what the library cannot do.

    >>> import dpa2
    >>> dpa2.load(dpa2.demo.MODEL, backend="numpy", dtype="float32").config.dtype
    'float32'
    """
    return Model.from_checkpoint(serialization.read(file, head=head), backend, dtype, device, source=str(file))


def load_multitask(file: str | PathLike, backend: str = "numpy", dtype=None, device=None) -> dict[str, Model]:
    """All heads of a multi-task file by name. What they share in the file they share in memory.

    Raises what `load` raises, and `InputError` for a file of one model.
    """
    contents = serialization.contents(file)
    moved: dict = {}
    if contents.heads is None:
        raise InputError(f"{file}: holds one model; `dpa2.load` reads it", argument="file", file=str(file))
    read = {head: serialization.read_from(contents, file, head) for head in contents.heads}
    return {name: Model.from_checkpoint(c, backend, dtype, device, str(file), moved) for name, c in read.items()}


def save(model: Model, file: str | PathLike, overwrite: bool = True) -> None:
    """Write a model; the suffix says in which format. The file appears complete or not at all.

    An existing file is replaced unless `overwrite` is False, as one saves a model again and again.

    Raises `TargetLacks` where the format has no place for something that the model has, `WriteFailed` where the system
    does not let it be written.
    """
    serialization.write(model.checkpoint(), file, overwrite)


def convert(source: str | PathLike, target: str | PathLike, head=None, dtype=None, overwrite: bool = False) -> str:
    """Write a model file in another format, read that back, and compare: the digest of both.

    head: which model of a multi-task file. dtype: round all numbers to "float32", ...; not a bit changes if None.
    An existing target is an `InputError` unless `overwrite` says that it may go.

    Raises what `load` and `save` raise, and `VerificationFailed` if a single bit changed on the way.

    >>> import dpa2, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dpa2.convert(dpa2.demo.MODEL, folder + "/water.yaml")[:7]
    'sha256:'
    """
    return serialization.convert(source, target, head, dtype, overwrite)


def build(config: DPA2Config | dict, seed: int = 0, backend: str = "numpy", device=None) -> Model:
    """A new model with the initial distributions of section 16 of the specification.

    config: a `DPA2Config`, or the `model` section of an input.json.

    Raises `ConfigurationError` for a dictionary that describes no model.

    >>> import dpa2
    >>> small = {"rcut": 3.0, "rcut_smth": 1.0, "nsel": 20}
    >>> large = {"rcut": 4.0, "rcut_smth": 1.0, "nsel": 40}
    >>> script = {"type_map": ["O", "H"], "descriptor": {"type": "dpa2", "repinit": large, "repformer": small}}
    >>> dpa2.build(script | {"fitting_net": {}}, seed=1).config.descriptor_dim
    136
    """
    if isinstance(config, dict):
        config = serialization.script_to_config(config)
    weights = leaves(fresh_weights(config, seed))
    return Model.from_checkpoint(Checkpoint(config, weights, {}), backend, device=device)
