"""Runs a network over a batch of equal tiles: layout, precision, copies, and the check for non-numbers."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhance.device import Compute
from fancam.enhance.upscalers import Network
from fancam.errors import ModelDamagedError

FIXED_POINT = 128
"""Steps per level of 255 in the results of tiles that are blended: rounding them twice to whole levels would cost
about 58 dB, more than the seams do. 255 × 128 fits in 16 bits."""

_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How allocators say so that raise a plain RuntimeError (CPU, MPS)."""


@dataclass(slots=True, eq=False)
class Pending:
    """A batch on its way: the work may still run on the device."""

    tiles: npt.NDArray[np.uint8]
    """(N, H, W, 3), kept until the results are known to be numbers."""
    fine: bool
    results: torch.Tensor
    """On the host; not valid before the event."""
    finite: torch.Tensor
    """(N,) bool on the host; not valid before the event."""
    event: torch.cuda.Event | None


class Runner:
    """A network on a device.

    Weights and activations are ``channels_last`` in the precision of ``compute``. The first and the last convolution
    stay in fp32 where the architecture allows it: they are a hundredth of the arithmetic, and bf16 has only 128 steps
    between 0.5 and 1, which shows as banding in bright areas.
    """

    def __init__(self, network: Network, compute: Compute) -> None:
        self.network = network
        self.compute = compute
        self._fp32: torch.nn.Module | None = None
        self._ends_fp32 = network.fp32_ends and compute.dtype != torch.float32
        if compute.dtype == torch.float32:
            self._module = self._fp32_module()
        else:
            module = _copied(network.module, compute.device, compute.dtype)
            self._module = keep_ends_fp32(module, compute.dtype) if self._ends_fp32 else module

    def _fp32_module(self) -> torch.nn.Module:
        if self._fp32 is None:
            self._fp32 = _copied(self.network.module, self.compute.device, torch.float32)
        return self._fp32

    def launch(self, tiles: npt.NDArray[np.uint8], *, fine: bool) -> Pending:
        """Start a batch; on CUDA this returns before the work is done.

        Args:
            tiles: (N, H, W, 3) uint8 RGB.
            fine: Whether the results are wanted in steps of 1/128 of a level.

        Raises:
            RuntimeError: Also when the device has no memory left; see ``is_out_of_memory``.
        """
        entry = torch.float32 if self._ends_fp32 else self.compute.dtype
        return self._launch(self._module, tiles, entry, fine=fine)

    def collect(self, pending: Pending) -> tuple[npt.NDArray, npt.NDArray[np.bool_]]:
        """Wait for a batch and return (results, which tiles were redone in fp32).

        Results are (N, scale × H, scale × W, 3): uint8, or int16 in steps of 1/128 where ``fine`` was asked for.

        Raises:
            ModelDamagedError: A result holds values that are not numbers even in fp32.
        """
        if pending.event is not None:
            pending.event.synchronize()
        results, finite = pending.results.numpy(), pending.finite.numpy()
        for index in np.flatnonzero(~finite):
            results[index] = self._redone(pending, int(index))
        return results, ~finite

    def _redone(self, pending: Pending, index: int) -> npt.NDArray:
        if self.compute.dtype != torch.float32:
            tile = pending.tiles[index : index + 1]
            again = self._launch(self._fp32_module(), tile, torch.float32, fine=pending.fine)
            if again.event is not None:
                again.event.synchronize()
            if bool(again.finite.all()):
                return again.results.numpy()[0]
        raise ModelDamagedError(
            "the network gives values that are not numbers, in fp32 too",
            item=self.network.name,
            remedy="the weights are broken; choose another upscaler",
        )

    def _launch(
        self, module: torch.nn.Module, tiles: npt.NDArray[np.uint8], entry: torch.dtype, *, fine: bool
    ) -> Pending:
        device = self.compute.device
        on_cuda = device.type == "cuda"
        host = torch.from_numpy(tiles)
        host = host.pin_memory() if on_cuda else host
        # TF32 would make "fp32" mean ten bits; a fixed algorithm makes the same input give the same bytes.
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            # HWC bytes seen as NCHW are channels_last already: no copy is needed for the layout.
            batch = host.to(device, non_blocking=True).permute(0, 3, 1, 2).to(entry).div_(255)
            output = module(batch).float()
            finite = output.isfinite().flatten(1).all(1)
            steps = 255 * FIXED_POINT if fine else 255
            levels = output.clamp_(0, 1).mul_(steps).round_().to(torch.int16 if fine else torch.uint8)
            results = levels.permute(0, 2, 3, 1).contiguous()
            if not on_cuda:
                return Pending(tiles, fine, results.cpu(), finite.cpu(), None)
            event = torch.cuda.Event()
            pending = Pending(tiles, fine, _to_pinned(results), _to_pinned(finite), event)
            event.record(torch.cuda.current_stream(device))
            return pending


def _copied(module: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    # The stubs of torch do not know all three in one call.
    return copy.deepcopy(module).to(device, dtype).to(memory_format=torch.channels_last)


def _to_pinned(tensor: torch.Tensor) -> torch.Tensor:
    """Start the copy of a tensor into page-locked memory, which does not stop the device."""
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


def keep_ends_fp32(module: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Make the first and last convolution of a half-precision network work in fp32, and return the network.

    Args:
        module: A network whose first convolution is its entry and whose last is its exit; changed in place.
        dtype: Of everything in between.
    """
    convolutions = [part for part in module.modules() if isinstance(part, torch.nn.Conv2d)]
    first, last = convolutions[0].float(), convolutions[-1].float()
    first.register_forward_hook(lambda _module, _inputs, output: output.to(dtype))
    last.register_forward_pre_hook(lambda _module, inputs: (inputs[0].float(),))
    return module


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the host, has no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
