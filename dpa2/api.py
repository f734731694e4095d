"""The functions with which everything starts: load, save, convert, build."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral
from os import PathLike
from typing import Any

from . import serialization
from .config import DPA2Config
from .construction.initialization import fresh_weights
from .errors import InputError, shorten
from .model.descriptor_view import DescriptorView
from .model.model import Model
from .nn.module import leaves
from .serialization.checkpoint import Checkpoint


def load(
    file: str | PathLike[str],
    backend: str = "numpy",
    dtype: Any = None,
    device: str | None = None,
    head: str | None = None,
) -> Model:
    """Return the model in a file of any format that dpa2 reads (`docs/formats.md`). No code in a file is ever run.

    Parameters
    ----------
    file
        A model file of DeePMD-kit or of dpa2; `FILE#HEAD` is one task head of a multi-task file.
    backend
        Library that computes: one of `dpa2.backends.NAMES`, such as "numpy" or "torch".
    dtype
        Precision: "float64", "float32", "bfloat16" or "float16"; None for that of the file.
    device
        Device as the library names it, for example "cuda:0"; None for the library's default.
    head
        Task head to load from a multi-task file, if `file` does not name it; None for a file of one model.

    Raises
    ------
    FileMissing
        There is no such file.
    FormatError
        The file is damaged (facts: file, and tensor or key).
    UnsupportedModel
        The file holds another kind of model (facts: file, what); `dpa2.load_descriptor` may read its descriptor.
    InputError
        The file does not have the head that is asked for, or has several and none is asked for (facts: heads).
    BackendError, MissingDependency
        The library cannot compute in that precision or on that device, or is not installed.

    Examples
    --------
    >>> import dpa2
    >>> dpa2.load(dpa2.demo.MODEL, backend="numpy", dtype="float32").config.dtype
    'float32'
    """
    return Model.from_checkpoint(serialization.read(file, head=head), backend, dtype, device, source=str(file))


def load_descriptor(
    file: str | PathLike[str],
    backend: str = "numpy",
    dtype: Any = None,
    device: str | None = None,
    head: str | None = None,
    part: str | None = None,
) -> DescriptorView:
    """Return the DPA-2 descriptor in a file, whatever the kind of the model around it.

    Native trees (`.dp`, `.yaml`, `.json`) of models with spins, with a repulsive pair potential (ZBL), of sums of
    models and of hybrid descriptors hold it as a part of its own, which is read; a file of a descriptor alone is, too.
    Files of other formats are read if `load` reads them.

    Parameters
    ----------
    file, backend, dtype, device, head
        As for `load`.
    part
        The path of the descriptor in the file, where there are several; the error names them.

    Raises
    ------
    UnsupportedModel
        There is no DPA-2 descriptor, or a file of another format holds another kind of model (facts: file, what).
    InputError
        There are several and none is named (facts: argument, parts); and all errors of `load`.

    Examples
    --------
    >>> import dpa2
    >>> dpa2.load_descriptor(dpa2.demo.MODEL).evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"]).descriptor.shape
    (2, 17)
    """
    found = serialization.read_descriptor(file, head=head, part=part)
    return Model.from_checkpoint(found, backend, dtype, device, source=str(file)).descriptor


def load_multitask(
    file: str | PathLike[str], backend: str = "numpy", dtype: Any = None, device: str | None = None
) -> dict[str, Model]:
    """Return the models of all heads of a file, by name; tensors that they share in the file stay shared.

    Heads may predict different things (`model.kind`). A warning names those whose kind is not known.

    Parameters
    ----------
    file, backend, dtype, device
        As for `load`.

    Raises
    ------
    InputError
        The file holds a single model (facts: argument, file); and all errors of `load`.
    """
    contents = serialization.contents(file)
    moved: dict[Any, Any] = {}
    if contents.heads is None:
        raise InputError(f"{file}: holds one model; read it with `dpa2.load`", argument="file", file=str(file))
    if contents.others():
        warnings.warn(f"{file}: {contents.others()[2:]}", stacklevel=2)
    read = {head: serialization.read_from(contents, file, head) for head in contents.known_heads}
    return {name: Model.from_checkpoint(c, backend, dtype, device, str(file), moved) for name, c in read.items()}


def save(model: Model, file: str | PathLike[str], overwrite: bool = True) -> None:
    """Write a model to a file, which appears complete or not at all.

    Parameters
    ----------
    model
        The model.
    file
        Its suffix chooses the format: `.dp`, `.yaml`, `.json`, `.safetensors`, `.pt`, `.pd` or `.jax`.
    overwrite
        Whether an existing file is replaced, as `numpy.save` does it; otherwise it is an `InputError`.

    Raises
    ------
    InputError
        The suffix names no format, or the file exists and may not be replaced.
    TargetLacks
        The format has no place for something that the model has (facts: file, what).
    WriteFailed
        The system does not let the file be written (facts: file, reason).

    Examples
    --------
    >>> import dpa2, tempfile
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dpa2.save(model, folder + "/water.safetensors")
    ...     dpa2.load(folder + "/water.safetensors").type_map
    ('O', 'H')
    """
    serialization.write(model.checkpoint(), file, overwrite)


def save_multitask(models: Mapping[str, Model], file: str | PathLike[str], overwrite: bool = True) -> None:
    """Write the models of several heads as one training checkpoint of PyTorch, which appears complete or not at all.

    Tensors that are the same arrays are kept once, so that `load_multitask` gives heads that share them again.

    Parameters
    ----------
    models
        The models by the names of their heads, in the order of the file.
    file
        Its suffix must be `.pt`.
    overwrite
        Whether an existing file is replaced; otherwise it is an `InputError`.

    Raises
    ------
    InputError
        The suffix is another, a name cannot be that of a head, the models differ in their types, or the file exists and
        may not be replaced (facts: argument).
    TargetLacks, WriteFailed
        As for `save`.

    Examples
    --------
    >>> import dpa2, tempfile
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dpa2.save_multitask({"sea": model, "ice": model}, folder + "/water.pt")
    ...     sorted(dpa2.load_multitask(folder + "/water.pt"))
    ['ice', 'sea']
    """
    done: dict[Any, Any] = {}
    checkpoints: dict[str | None, Checkpoint] = {head: model.checkpoint(done) for head, model in models.items()}
    serialization.write_checkpoints(checkpoints, file, overwrite)


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    head: str | None = None,
    dtype: Any = None,
    overwrite: bool = False,
) -> str:
    """Write a model file in another format, read it back, compare, and return the digest of the model.

    Parameters
    ----------
    source, target
        The file to read, and the file to write; the suffix of `target` chooses its format, as for `save`.
    head
        Task head to convert from a multi-task file.
    dtype
        Precision to round all numbers to; None changes no bit.
    overwrite
        Whether an existing target is replaced; otherwise it is an `InputError`.

    Raises
    ------
    VerificationFailed
        The target does not read back as the same model; it is not written (facts: file, source). And all errors of
        `load` and `save`.

    Examples
    --------
    >>> import dpa2, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dpa2.convert(dpa2.demo.MODEL, folder + "/water.yaml")[:7]
    'sha256:'
    """
    return serialization.convert(source, target, head, dtype, overwrite)


def build(
    config: DPA2Config | dict[str, Any], seed: int = 0, backend: str = "numpy", device: str | None = None
) -> Model:
    """Return a new, untrained model.

    Parameters
    ----------
    config
        A `DPA2Config`, or the `model` section of an input.json as a dictionary.
    seed
        Seed of the random weights.
    backend, device
        As for `load`.

    Raises
    ------
    ConfigurationError
        The dictionary does not describe a DPA-2 model (facts: path, value).

    Notes
    -----
    Source: the initial distributions of section 16 of the specification.

    Examples
    --------
    >>> import dpa2
    >>> small = {"rcut": 3.0, "rcut_smth": 1.0, "nsel": 20}
    >>> large = {"rcut": 4.0, "rcut_smth": 1.0, "nsel": 40}
    >>> script = {"type_map": ["O", "H"], "descriptor": {"type": "dpa2", "repinit": large, "repformer": small}}
    >>> dpa2.build(script | {"fitting_net": {}}, seed=1).config.descriptor_dim
    136
    """
    if isinstance(config, dict):
        config = serialization.script_to_config(config)
    if not isinstance(config, DPA2Config):
        wanted = "a DPA2Config, or the `model` section of an input.json as a dictionary, is wanted"
        raise InputError(f"config: is {shorten(config)}; {wanted}", argument="config")
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError(f"seed = {seed!r}: an integer, 0 or more, is wanted", argument="seed")
    weights = leaves(fresh_weights(config, int(seed)))
    return Model.from_checkpoint(Checkpoint(config, weights, {}), backend, device=device)
