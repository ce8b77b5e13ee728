"""Reads ``.pth`` and ``.safetensors`` weight files without running anything that is in them."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from fancam.errors import ModelDamagedError, UsageError

TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")

_WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model")
"""Keys under which training programs put the parameters, best first: BasicSR writes ``params_ema`` and ``params``."""

_BROKEN = (
    RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    ArithmeticError, ImportError, MemoryError, struct.error,
)  # fmt: skip
"""What ``torch.load`` raises on files that are cut short or changed at random: its unpickler does not check lengths."""


def load_torch(path: Path) -> dict[str, torch.Tensor]:
    """Return the parameters in a weight file: name to tensor, on the CPU, as stored.

    Wrappers (``params_ema``, ``params``, ``state_dict`` …) and the ``module.`` prefix of parallel training are removed.

    Raises:
        UsageError: The file name has another ending.
        ModelDamagedError: The file is broken, holds objects other than tensors and plain values (such a file could run
            a program when it is opened, so it is refused), holds no tensors, or holds values that are not numbers.
    """
    suffix = path.suffix.lower()
    if suffix not in TORCH_SUFFIXES:
        raise UsageError(f"weights of type {suffix!r}", item=path, remedy=f"it must be {', '.join(TORCH_SUFFIXES)}")
    content = _load_safetensors(path) if suffix == ".safetensors" else _load_pickled(path)
    state = _unwrapped(content)
    if not state:
        raise ModelDamagedError("holds no weights", item=path, remedy="give a file of network weights")
    broken = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise ModelDamagedError(f"{broken[0]} holds values that are not numbers", item=path, remedy="replace the file")
    return state


def _load_safetensors(path: Path) -> Any:
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise ModelDamagedError(f"cannot be read: {error}", item=path, remedy="replace the file") from error


def _load_pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message is a page on how to switch the protection off; only its first sentence is of use here.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "not a pickle"
        raise ModelDamagedError(
            f"refused: it is broken, or holds more than tensors and could run a program when opened ({reason[:99]})",
            item=path,
            remedy="use a .safetensors file, or weights from a source you trust saved again as tensors only",
        ) from error
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelDamagedError(
            f"cannot be read: {type(error).__name__}: {reason}", item=path, remedy="replace the file"
        ) from error


def _unwrapped(content: Any) -> dict[str, torch.Tensor]:
    for _ in range(len(_WRAPPERS)):
        wrapper = next((key for key in _WRAPPERS if isinstance(_get(content, key), Mapping)), None)
        if wrapper is None:
            break
        content = content[wrapper]
    if not isinstance(content, Mapping):
        return {}
    state = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _get(content: Any, key: str) -> Any:
    return content.get(key) if isinstance(content, Mapping) else None
