"""Runs a network over a batch of equal tiles: layout, precision, copies, and the check for non-numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhance.compiled import CompiledNetwork, has_triton
from fancam.enhance.layout import Order
from fancam.errors import ModelDamagedError
from fancam.media import Samples
from fancam.nn.device import Compute, exact_algorithms
from fancam.nn.device import is_out_of_memory as is_out_of_memory
from fancam.nn.upscalers import Network

_Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(slots=True, eq=False)
class Pending:
    """A batch on its way: the work may still run on the device."""

    tiles: Samples
    """(N, H, W, 3), kept until the results are known to be numbers."""
    orders: Sequence[Order]
    results: list[torch.Tensor]
    """One per tile, on the host; not valid before the event."""
    finite: torch.Tensor
    """(N,) bool on the host; not valid before the event."""
    event: torch.cuda.Event | None


@dataclass(frozen=True, slots=True, eq=False)
class TileResult:
    """What came of one tile."""

    values: npt.NDArray
    """See ``Order.fill``."""
    redone: bool = False
    """Whether half precision gave non-numbers and fp32 was used."""
    error: ModelDamagedError | None = None
    """Set where fp32 gives non-numbers too; the values mean nothing then."""


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
        self._compiled: CompiledNetwork | None = None
        ends_fp32 = network.fp32_ends and compute.dtype != torch.float32
        self._entry = torch.float32 if ends_fp32 else compute.dtype
        if compute.dtype == torch.float32:
            self._module = self._fp32_module()
        else:
            module = _copied(network.module, compute.device, compute.dtype)
            self._module = keep_ends_fp32(module, compute.dtype) if ends_fp32 else module

    def _fp32_module(self) -> torch.nn.Module:
        if self._fp32 is None:
            self._fp32 = _copied(self.network.module, self.compute.device, torch.float32)
        return self._fp32

    @property
    def compiles_well(self) -> bool:
        """Whether compiling is known to pay on the device."""
        return self.compute.device.type == "cuda" and has_triton()

    @property
    def compile_note(self) -> str | None:
        """Why the network runs as it is although compiling was asked for; None where nothing failed."""
        return self._compiled.note if self._compiled is not None else None

    def use_compiled(self, tiles: int) -> None:
        """Compile the network at the next batch, unless it is compiled already.

        Args:
            tiles: In a full batch.
        """
        if self._compiled is None:
            rules = self.network.size_multiple, self.network.square
            self._compiled = CompiledNetwork(self._module, self._entry, tiles, *rules)

    def expect(self, tiles: int) -> None:
        """Take this many tiles for a full batch from now on."""
        if self._compiled is not None:
            self._compiled.tiles = tiles

    def launch(self, tiles: Samples, orders: Sequence[Order]) -> Pending:
        """Start a batch; on CUDA this returns before the work is done.

        Args:
            tiles: (N, H, W, 3) RGB, uint8 or uint16.
            orders: What is wanted of each tile.

        Raises:
            RuntimeError: Also when the device has no memory left; see ``is_out_of_memory``.
        """
        return self._launch(self._compiled or self._module, self._entry, tiles, orders)

    def collect(self, pending: Pending) -> list[TileResult]:
        """Wait for a batch and return what came of each tile; tiles of non-numbers are redone in fp32."""
        if pending.event is not None:
            pending.event.synchronize()
        finite = pending.finite.numpy()
        return [
            TileResult(values.numpy()) if finite[index] else self._redone(pending, index)
            for index, values in enumerate(pending.results)
        ]

    def _redone(self, pending: Pending, index: int) -> TileResult:
        if self.compute.dtype != torch.float32:
            tile, orders = pending.tiles[index : index + 1], pending.orders[index : index + 1]
            again = self._launch(self._fp32_module(), torch.float32, tile, orders)
            if again.event is not None:
                again.event.synchronize()
            if bool(again.finite.all()):
                return TileResult(again.results[0].numpy(), redone=True)
        error = ModelDamagedError(
            "the network gives values that are not numbers, in fp32 too",
            item=self.network.name,
            remedy="the weights are broken; choose another upscaler",
        )
        return TileResult(pending.results[index].numpy(), error=error)

    def _launch(self, forward: _Forward, entry: torch.dtype, tiles: Samples, orders: Sequence[Order]) -> Pending:
        device = self.compute.device
        on_cuda = device.type == "cuda"
        # Not every device knows 16-bit whole numbers without a sign; as floats they are as exact.
        host = torch.from_numpy(tiles if tiles.dtype == np.uint8 else tiles.astype(np.float32))
        host = host.pin_memory() if on_cuda else host
        with torch.inference_mode(), exact_algorithms():
            # HWC bytes seen as NCHW are channels_last already: no copy is needed for the layout.
            batch = host.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / np.iinfo(tiles.dtype).max
            output = forward(batch.to(entry)).float()
            finite = output.isfinite().flatten(1).all(1)
            output = output.clamp_(0, 1)
            results = [order.fill(batch[index], output[index]) for index, order in enumerate(orders)]
            if not on_cuda:
                return Pending(tiles, orders, [values.cpu() for values in results], finite.cpu(), None)
            event = torch.cuda.Event()
            pending = Pending(tiles, orders, [_to_pinned(values) for values in results], _to_pinned(finite), event)
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
