"""Brings a network to half precision but for the parts that would show it."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch


def keep_in_fp32(
    module: torch.nn.Module, dtype: torch.dtype, fp32: Mapping[str, bool], half: tuple[str, ...] = ()
) -> torch.nn.Module:
    """Bring a network to half precision but for the parts that must stay in fp32, and return it.

    Args:
        module: In fp32; changed in place.
        dtype: The half precision.
        fp32: Pattern of the parts that stay in fp32, and whether their results go back to half; what lies inside a part
            is meant as well.
        half: Pattern of the parts that get their input from a part in fp32, and take it in half precision.
    """
    for name, part in module.named_modules():
        pattern = next((pattern for pattern in fp32 if _within(name, pattern)), None)
        if pattern is None:
            _cast_own(part, dtype)
        else:
            part.register_forward_pre_hook(lambda _part, inputs: _cast(inputs, torch.float32))
            if fp32[pattern] and fnmatchcase(name, pattern):
                part.register_forward_hook(lambda _part, _inputs, result: _cast(result, dtype))
        if any(fnmatchcase(name, pattern) for pattern in half):
            part.register_forward_pre_hook(lambda _part, inputs: _cast(inputs, dtype))
    return module


def _within(name: str, pattern: str) -> bool:
    """Whether a part is meant by a pattern, or lies inside one that is."""
    return fnmatchcase(name, pattern) or (pattern != "" and fnmatchcase(name, f"{pattern}.*"))


def _cast_own(part: torch.nn.Module, dtype: torch.dtype) -> None:
    for parameter in part.parameters(recurse=False):
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    for name, buffer in part.named_buffers(recurse=False):
        setattr(part, name, _cast(buffer, dtype))


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Return the value with every tensor of fractions in it in this precision."""
    if isinstance(value, torch.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _cast(each, dtype) for key, each in value.items()}
    return tuple(_cast(each, dtype) for each in value) if isinstance(value, tuple) else value
