"""Which device computes, and in which precision: chosen by what the hardware can do, never by a stopwatch.

The same settings on the same kind of device must give the same bytes, so nothing here is timed. What a device claims is
checked with a small convolution, because drivers are known to claim half precision and return black or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch

from fancam.errors import DeviceError, unknown_choice
from fancam.settings import PRECISIONS

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
_PROBE_TOLERANCE = 0.05
"""Largest relative error of the probe; bf16 has 8 significant bits, and its error there is about 0.005."""


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how the network runs."""

    device: torch.device
    dtype: torch.dtype
    """Of the weights and activations."""
    precision: str
    """``fp32``, ``bf16`` or ``fp16``."""
    notes: tuple[str, ...] = ()
    """What was asked for and could not be had, or is not advisable."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device of this machine, as ``doctor`` shows it."""

    name: str
    """As the setting takes it: ``cpu``, ``cuda:0``, ``mps``."""
    description: str
    precision: str
    """What ``auto`` chooses there."""


def exact_algorithms() -> AbstractContextManager[None]:
    """Return a block in which cuDNN is exact and repeatable.

    TF32 would make "fp32" mean ten bits; a fixed algorithm makes the same input give the same bytes.
    """
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def describe_devices() -> list[DeviceInfo]:
    """Return the devices of this machine, the CPU first."""
    capability = torch.backends.cpu.get_cpu_capability()
    found = [("cpu", f"{torch.get_num_threads()} threads, {capability}")]
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(number)
        found.append((f"cuda:{number}", f"{card.name}, {card.total_memory / 1024**3:.0f} GiB"))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU"))
    return [DeviceInfo(name, description, choose_compute(name).precision) for name, description in found]


def choose_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Return the device and precision for these settings.

    ``auto`` takes CUDA, then MPS, then the CPU; bf16 on CUDA from compute capability 8 on and on CPUs with bf16
    arithmetic (AVX512-BF16 or AMX), fp16 on older CUDA devices, else fp32.

    Raises:
        UsageError: The device or the precision is not one of these.
        DeviceError: The device is not there, or cannot compute in the precision that was asked for.
    """
    if precision not in PRECISIONS:
        raise unknown_choice("precision", precision, PRECISIONS)
    chosen = resolve_device(device)
    if precision != "auto":
        return _asked_for(chosen, precision)
    best = _best_precision(chosen)
    if best == "fp32" or can_compute(chosen, _DTYPES[best]):
        return Compute(chosen, _DTYPES[best], best)
    note = f"{chosen} claims {best} but computes it wrongly; fp32 was used"
    return Compute(chosen, torch.float32, "fp32", (note,))


def resolve_device(name: str) -> torch.device:
    """Return the torch device for a setting.

    Raises:
        UsageError: The name is no device.
        DeviceError: The device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdecimal())) or name[-1] == ":":
        raise unknown_choice("device", name, _DEVICES)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("this machine has no MPS device", item=name, remedy="use --device auto or cpu")
    if kind == "cuda":
        return _cuda_device(name, index)
    return torch.device(kind)


def _cuda_device(name: str, index: str) -> torch.device:
    if not torch.cuda.is_available():
        reason = "this build of torch has no CUDA" if torch.version.cuda is None else "torch sees no CUDA device"
        raise DeviceError(reason, item=name, remedy="use --device auto or cpu, or check the driver with nvidia-smi")
    count = torch.cuda.device_count()
    number = int(index) if index else torch.cuda.current_device()
    if number >= count:
        there = ", ".join(f"cuda:{n}" for n in range(count))
        raise DeviceError("there is no such CUDA device", item=name, remedy=f"there: {there}")
    return torch.device("cuda", number)


def cpu_has_fast_bf16() -> bool:
    """Whether the CPU has bf16 arithmetic; without it oneDNN emulates bf16 and is slower than in fp32."""
    if not torch.backends.mkldnn.is_available():
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    # Releases of torch before the public call have these, or nothing that would tell.
    checks = (getattr(torch.cpu, f"_is_{part}_supported", None) for part in ("avx512_bf16", "amx_tile"))
    return any(check() for check in checks if check is not None)


def _best_precision(device: torch.device) -> str:
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
    if device.type == "cpu":
        return "bf16" if cpu_has_fast_bf16() else "fp32"
    return "fp32"


def _asked_for(device: torch.device, precision: str) -> Compute:
    if precision == "fp16" and device.type == "cpu":
        raise DeviceError(
            "fp16 on the CPU is about ten times slower than fp32", item="fp16", remedy="use --precision auto or bf16"
        )
    if precision != "fp32" and not can_compute(device, _DTYPES[precision]):
        raise DeviceError(f"{device} cannot compute in {precision}", item=precision, remedy="use --precision auto")
    notes: tuple[str, ...] = ()
    if precision == "bf16" and device.type == "cpu" and not cpu_has_fast_bf16():
        notes = ("this CPU has no bf16 arithmetic, so bf16 is slower than fp32",)
    return Compute(device, _DTYPES[precision], precision, notes)


def can_compute(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a small convolution in this precision agrees with the same in fp32 on the CPU."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand((1, 16, 8, 8), generator=generator)
    w = torch.rand((16, 16, 3, 3), generator=generator) - 0.4
    expected = torch.nn.functional.conv2d(x, w)
    try:
        got = torch.nn.functional.conv2d(x.to(device, dtype), w.to(device, dtype)).float().cpu()
    except (RuntimeError, TypeError):  # "not implemented for 'BFloat16'", or MPS: "does not support bfloat16"
        return False
    error = (got - expected).abs().max() / expected.abs().max()
    return bool(error < _PROBE_TOLERANCE)  # a NaN compares as false


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


_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How allocators say so that raise a plain RuntimeError (CPU, MPS)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the host, has no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
