"""What the detectors that run in torch share: the device, exact arithmetic, and batches that fit into its memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from fancam.errors import DeviceError
from fancam.faces.detections import CPU_BATCH_PIXELS

T = TypeVar("T")

GPU_BATCH_PIXELS = 4_000_000
"""Pixels per forward pass: 15 faces of 512x512, 7 frames of 960x540, one photo of 2048x1536. CenterFace needs about 120
bytes of memory per pixel, RetinaFace with ResNet-50 about 320."""

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def usable_device(name: str) -> torch.device:
    """Return the torch device of this name (``cpu``, ``cuda``, ``cuda:N``, ``mps``).

    Raises:
        DeviceError: torch does not have it.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(
            "torch cannot use this device", item=name, remedy="choose another with --device, for example cpu"
        ) from error
    return device


def batch_pixels(device: torch.device) -> int:
    """Return the most pixels of a forward pass on this device."""
    return CPU_BATCH_PIXELS if device.type == "cpu" else GPU_BATCH_PIXELS


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Inference in which fp32 means fp32, and the same input gives the same output.

    By default cuDNN rounds the factors of convolutions to ten bits (TF32) and may choose another algorithm each time.
    """
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), flags:
        yield


def in_parts_that_fit(run: Callable[[Sequence[T]], list], members: Sequence[T], device: torch.device) -> list:
    """Return ``run(members)``; when the device's memory is too small for it, run the halves one after the other.

    Raises:
        DeviceError: There is not enough memory for one.
    """
    try:
        return run(members)
    except RuntimeError as error:  # CUDA's own error is one of these; MPS and the CPU have none of their own
        if not any(words in str(error).lower() for words in _NO_MEMORY):
            raise
    # The halves run outside of the block above: the error keeps alive what was allocated.
    if len(members) == 1:
        raise DeviceError(
            "not enough memory for one picture of the face detector", item=str(device), remedy="use --device cpu"
        )
    half = len(members) // 2
    return [*in_parts_that_fit(run, members[:half], device), *in_parts_that_fit(run, members[half:], device)]
