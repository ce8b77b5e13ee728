"""A network compiled for its device, with the plain one behind it for when that fails."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from typing import Any

import torch

from fancam.nn.device import is_out_of_memory

_EXAMPLE_PX = 64, 96
"""Sides of the batch that is compiled for. They differ, or the compiler would take all pictures to be square."""
_LARGEST_ERROR = 0.02
"""Root mean square of the difference from the plain network on the example, of 1.0. Half precision rounds differently
where operations are fused (x4plus in bf16: 0.0013); a network compiled wrongly differs by much more."""

_FAILURES = (RuntimeError, OSError, ImportError, AssertionError, LookupError, TypeError, subprocess.SubprocessError)
"""What a compiler raises where it finds no tool chain, or meets what it cannot translate."""


def has_triton() -> bool:
    """Whether the library is there by which torch compiles for CUDA."""
    return importlib.util.find_spec("triton") is not None


class CompiledNetwork:
    """Calls the compiled network, or the plain one after compiling failed; ``note`` says why.

    It is compiled once for all sizes, at the first call. Batches are filled up to ``tiles`` by repetition, because the
    compiler would start again for a batch of one.

    Args:
        module: The network, on its device and in its precision.
        entry: Of the values that go in.
        tiles: In a full batch.
        size_multiple: Height and width must be a multiple of this.
        square: Whether height and width must be equal.
    """

    def __init__(
        self, module: torch.nn.Module, entry: torch.dtype, tiles: int, size_multiple: int = 1, square: bool = False
    ) -> None:
        self.module = module
        self.tiles = tiles
        self.note: str | None = None
        self._entry = entry
        sides = tuple(-(-side // size_multiple) * size_multiple for side in _EXAMPLE_PX)
        self._example_sides = (sides[1], sides[1]) if square else sides
        self._compiled: Callable[[torch.Tensor], torch.Tensor] | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Return what the network makes of a batch, (N, 3, H, W) in ``channels_last``."""
        if self.note is None:
            try:
                if self._compiled is None:
                    self._compiled = self._prepared(batch.device)
                if self._compiled is not None:
                    return self._compiled(_filled(batch, self.tiles))[: batch.shape[0]]
            except _FAILURES as error:
                if is_out_of_memory(error):
                    raise
                self.note = f"the network runs as it is: compiling it failed ({_reason(error)})"
        return self.module(batch)

    def _prepared(self, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """Return the compiled network, or None with a note where it does not give what the plain one gives."""
        options: dict[str, Any] | None = {"freezing": True} if device.type == "cpu" else None
        compiled = torch.compile(self.module, dynamic=True, options=options)
        generator = torch.Generator().manual_seed(0)
        example = torch.rand((self.tiles, 3, *self._example_sides), generator=generator)
        example = example.to(device, self._entry).contiguous(memory_format=torch.channels_last)
        error = (compiled(example).float() - self.module(example).float()).square().mean().sqrt().item()
        if error <= _LARGEST_ERROR:
            return compiled
        self.note = f"the network runs as it is: compiled, it is wrong by {error:.3f}"
        return None


def _filled(batch: torch.Tensor, tiles: int) -> torch.Tensor:
    missing = tiles - batch.shape[0]
    return batch if missing <= 0 else torch.cat([batch, batch[-1:].expand(missing, -1, -1, -1)])


def _reason(error: BaseException) -> str:
    """Return the line of an error that says what went wrong: compilers put who raised it before that."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.endswith(":")), type(error).__name__)[:160]
