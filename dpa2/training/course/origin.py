"""What a training starts from."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from ...errors import InputError
from ..start import with_model_of_file, with_parts_of_file

File = str | PathLike[str]
FILES = ("restart", "init_model", "init_frz_model", "finetune")  # the files of an origin, of which it has one at most


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The origin of a training: one of the files, or random weights without any.

    restart: a checkpoint, of `dpa2 train` or of DeePMD-kit's PyTorch trainer, from which it goes on. init_model: a file
    of the models; init_frz_model: the same, which may have other tensors. finetune: a pretrained file, with the branch
    that is taken of it. force_load: whether tensors that a file lacks keep their initial values. use_pretrain_script:
    whether the script takes its model from the file.
    """

    restart: File | None = None
    init_model: File | None = None
    init_frz_model: File | None = None
    finetune: File | None = None
    model_branch: str | None = None
    force_load: bool = False
    use_pretrain_script: bool = False

    def __post_init__(self) -> None:
        given = self.given
        if len(given) > 1:
            raise InputError(f"{given[1]} stands beside {given[0]}; give one of them", argument=given[1])
        if self.model_branch is not None and self.finetune is None:
            raise InputError("model_branch is a branch of a file to fine-tune; give that, too", argument="model_branch")
        if self.use_pretrain_script and (not given or self.restart is not None):
            rule = "needs a file of models to begin with (init_model, init_frz_model or finetune)"
            raise InputError(f"use_pretrain_script {rule}", argument="use_pretrain_script")

    @property
    def given(self) -> list[str]:
        """The names of the files that are given."""
        return [name for name in FILES if getattr(self, name) is not None]

    def change(self, script: dict[str, Any]) -> dict[str, Any]:
        """Return a script as it is read with this origin: with the model of the file, if that is wanted."""
        if not self.use_pretrain_script:
            return script
        if self.finetune is not None:
            return with_parts_of_file(self.finetune, self.model_branch)(script)
        return with_model_of_file(self.init_model or self.init_frz_model or "")(script)
