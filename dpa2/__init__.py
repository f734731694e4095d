"""DPA-2: the reference of the descriptor and its energy model, on NumPy, PyTorch, JAX and Paddle.

>>> import dpa2
>>> model = dpa2.load(dpa2.demo.MODEL)
>>> model.type_map
('O', 'H')
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

HOMES = {
    "load": "api",
    "load_descriptor": "api",
    "load_multitask": "api",
    "save": "api",
    "save_multitask": "api",
    "build": "api",
    "convert": "api",
    "script_to_config": "serialization",
    "config_to_script": "serialization",
    "compress": "model.compression",
    "trace": "tracing.trace",
    "Model": "model.model",
    "System": "structures.system",
    "Evaluation": "evaluation.results",
    "DescriptorEvaluation": "evaluation.results",
    "PropertyEvaluation": "evaluation.outputs",
    "DosEvaluation": "evaluation.outputs",
    "DipoleEvaluation": "evaluation.outputs",
    "PolarizabilityEvaluation": "evaluation.outputs",
    "DPA2Config": "config",
    "read_dataset": "structures.datasets",
    "compute_statistics": "model.statistics",
    "fit_output_bias": "model.output_bias",
    "DPA2Error": "errors",
    "InputError": "errors",
    "TooManyNeighbors": "errors",
    "ConfigurationError": "errors",
    "FormatError": "errors",
    "FileMissing": "errors",
    "UnsupportedModel": "errors",
    "TargetLacks": "errors",
    "VerificationFailed": "errors",
    "WriteFailed": "errors",
    "TrainingStopped": "errors",
    "MissingDependency": "errors",
    "BackendError": "errors",
    "ExtrapolationWarning": "model.extrapolation",
    "TruncationWarning": "model.truncation",
}
MODULES = (
    "backends", "config", "conformance", "data", "demo", "errors", "serialization", "surveys", "testing", "training",
)  # fmt: skip
NEEDING_MORE = ("ase", "lammps")  # modules that need packages which dpa2 does not install by itself

__all__ = ["__version__", *HOMES, *MODULES]


def __getattr__(name: str):
    """Public names are imported when they are first used, so that `import dpa2` costs nothing."""
    if name in HOMES:
        value = getattr(import_module(f".{HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in MODULES or name in NEEDING_MORE:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'dpa2' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *NEEDING_MORE])
