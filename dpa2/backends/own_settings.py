"""Settings of libraries that the user may have changed, and under which evaluations would fail or lose precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache, wraps
from threading import local
from typing import Any, TypeVar

import numpy as np

from ..errors import BackendError
from .forks import refuse_lost
from .process_setting import ProcessSetting

Function = TypeVar("Function", bound=Callable[..., Any])


def under(settings_of: Callable[[Any], AbstractContextManager[Any]]) -> Callable[[Function], Function]:
    """Return a decorator of functions that are run under the settings that their first argument has."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def run(owner: Any, *arguments: Any, **options: Any) -> Any:
            with settings_of(owner):
                return function(owner, *arguments, **options)

        return run  # type: ignore[return-value]

    return decorate


def undisturbed(function: Function) -> Function:
    """Return a function whose first argument has a `backend`, run under the settings that this back end wants."""
    return under(lambda model: model.backend.own_settings())(function)


def numpy_settings() -> AbstractContextManager[Any]:
    """Numbers that vanish are no error, whatever `numpy.seterr` says."""
    return np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")


@contextmanager
def torch_settings(device: str) -> Iterator[None]:
    """No autocast, and products of float32 that are not rounded."""
    import torch

    with numpy_settings(), torch.autocast(device, enabled=False), exact_products():
        yield


@cache
def exact_products() -> ProcessSetting:
    """PyTorch's products of float32 in full, a setting of the process."""
    import torch

    def make() -> Callable[[], object]:
        try:
            before = torch.get_float32_matmul_precision()
        except RuntimeError:  # the user has set precisions of single libraries, which one word does not describe
            return exact_libraries()
        if before == "highest":
            return lambda: None
        torch.set_float32_matmul_precision("highest")
        return lambda: torch.set_float32_matmul_precision(before)

    return ProcessSetting(make)


def exact_libraries() -> Callable[[], object]:
    """Make the products of each library that PyTorch calls exact; return the function that undoes it."""
    import torch

    backends: Any = torch.backends
    places = backends.cuda.matmul, backends.mkldnn.matmul
    before = [place.fp32_precision for place in places]

    def set_all(values: list[str]) -> None:
        for place, value in zip(places, values, strict=True):
            place.fp32_precision = value

    set_all(["ieee"] * len(places))
    return lambda: set_all(before)


@contextmanager
def paddle_settings() -> Iterator[None]:
    """No autocast. Raises a `BackendError` in Paddle's static mode."""
    import paddle

    refuse_static_mode()
    exact = paddle.amp.auto_cast(enable=False) if paddle.is_autocast_enabled() else nullcontext()
    with numpy_settings(), exact:
        yield


def refuse_static_mode() -> None:
    """Raise a `BackendError` where Paddle makes programs instead of numbers."""
    import paddle

    if not paddle.in_dynamic_mode():
        hint = "paddle.disable_static()"
        what = f"Paddle is in its static mode, in which nothing is evaluated: call {hint} first"
        raise BackendError(what, backend="paddle", hint=hint)


@contextmanager
def jax_settings() -> Iterator[None]:
    """Products of float32 in full; shapes and precisions may be mixed, and numbers be transferred.

    Raises a `BackendError` in a process that was forked from one that used JAX.
    """
    import jax

    refuse_lost("jax")
    with ExitStack() as settings:
        settings.enter_context(numpy_settings())
        settings.enter_context(jax.default_matmul_precision("highest"))
        settings.enter_context(jax.numpy_rank_promotion("allow"))
        settings.enter_context(jax.numpy_dtype_promotion("standard"))
        settings.enter_context(jax.transfer_guard("allow"))
        yield


KEPT = local()  # settings of a thread, which end with it


def settle_thread() -> None:
    """Give this thread, which only evaluates, the settings of JAX that evaluations want; they are its own."""
    KEPT.settings = jax_settings()
    KEPT.settings.__enter__()
