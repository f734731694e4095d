"""Files of DeePMD-kit and of its trainers that the tests of formats share."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest

from dpa2.serialization import Checkpoint

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
TINY = ("frozen.pth", "hlo", "jax", "pd", "pt2", "pte", "trainer_checkpoint.pt", "yaml")
SOURCES = [SAMPLES / f"dpa2_tiny.{ending}" for ending in (*TINY, "dp")]
TARGETS = (".dp", ".yaml", ".json", ".safetensors", ".pt", ".pd", ".jax")
HEADS = SAMPLES / "dpa2_tiny_multitask.trainer_checkpoint.pt"
CASES = SAMPLES.parent / "cases"


def by_name(path) -> str:
    return str(getattr(path, "name", path))


def as_trained(checkpoint: Checkpoint) -> tuple[dict, dict]:
    """A state dictionary of PyTorch's arrays and the script beside it, as a training would keep them."""
    torch = pytest.importorskip("torch")
    from dpa2.serialization.settings.script import config_to_script
    from dpa2.serialization.state.state import checkpoint_to_state

    state = checkpoint_to_state(checkpoint)
    tensors = {f"model.Default.atomic_model.{n}": torch.from_numpy(a.copy()) for n, a in state.items()}
    return tensors, config_to_script(checkpoint.config)


def trained(path: Path, state: dict, script: dict, bare: bool = False) -> Path:
    """The file that PyTorch makes of them."""
    import torch

    whole = OrderedDict(state, _extra_state={"model_params": script, "train_infos": {"lr": 1e-3, "step": 7}})
    torch.save(whole if bare else {"model": whole, "optimizer": {"state": {}, "param_groups": []}}, path)
    return path


def needs(suffix: str) -> None:
    if suffix == ".jax":
        pytest.importorskip("tensorstore")
