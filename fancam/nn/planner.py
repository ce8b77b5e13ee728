"""The batch planner: how large the tiles are that a network is given, and how many at a time."""

from __future__ import annotations

import math

import torch

from fancam.nn.runtime import Runtime
from fancam.settings import EnhanceSettings

_CUDA_BATCH_TILES = 4
_CUDA_TILES_PX = (512, 336, 208, 128)
"""Tile sides to choose from on CUDA, their overlap not counted. 512 takes a picture of 512x512 whole."""
_CUDA_BYTES_PER_PX = {"fp32": 16 * 1024}
_CUDA_HALF_BYTES_PER_PX = 8 * 1024
"""What x4plus needs on the card for each source pixel: three maps of 64 channels at four times the size. 640x480 take
2.5 GB in fp16 (traiNNer-redux, docs/source/benchmarks.md)."""
_BATCHES_AHEAD = {"cuda": 2}
"""Batches the device is given before the host waits for the first. Elsewhere a launch returns when it is done."""
_TILE_PX = {"fp32": 272}
_HALF_PRECISION_TILE_PX = 336
"""Tile sides on a CPU where the settings leave them open: with x4plus the whole job stays under 2.5 GB for a 1080p
video. One tile fills all cores."""
_SMALLEST_TILE_PX = 32
_SIDE_MULTIPLE = 8
"""Tile sides are rounded up to this, so that tiles of pictures of nearly the same size can share a batch."""
_BUCKET_PX = 32
"""Sides of tiles are rounded up to this where tiles of different sizes cost more than the pixels that are added."""
COMPILE_AFTER_PX = 2**30
"""Source pixels after which ``auto`` compiles on CUDA. x4plus takes minutes for so many on the fastest card there is,
and compiling it takes a minute or two: it is done once it costs less than what has been spent already. On a CPU, never:
on two Zen 4 cores x4plus gains 17 % in bf16 and takes four minutes to compile."""


def cuda_tiles(memory_bytes: int, precision: str, overlap_px: int) -> tuple[int, int]:
    """Return (side of a tile, tiles per pass) that take half of a card's memory at most, or the least there is.

    All of the memory counts and not what is free of it, so that the same card gives the same result every time.

    Args:
        memory_bytes: Of the card.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        overlap_px: Context on each side of a seam.
    """
    pixels = memory_bytes // 2 // _CUDA_BYTES_PER_PX.get(precision, _CUDA_HALF_BYTES_PER_PX)
    areas = {side: (side + 2 * overlap_px) ** 2 for side in _CUDA_TILES_PX}
    side = next((side for side, area in areas.items() if area <= pixels), _CUDA_TILES_PX[-1])
    return side, max(min(pixels // areas[side], _CUDA_BATCH_TILES), 1)


class BatchPlanner:
    """The tiles and batches for one upscaler on one device; kept from picture to picture."""

    def __init__(self, runtime: Runtime, settings: EnhanceSettings) -> None:
        compute = runtime.compute
        kind = compute.device.type
        tile_px, batch = _TILE_PX.get(compute.precision, _HALF_PRECISION_TILE_PX), 1
        if kind == "cuda":
            total = torch.cuda.get_device_properties(compute.device).total_memory
            tile_px, batch = cuda_tiles(total, compute.precision, settings.tile_overlap_px)
        runtime.batch = settings.batch_tiles or batch
        self.ahead = _BATCHES_AHEAD.get(kind, 0)
        """Batches that may run while the host does something else."""
        self.tile_px = settings.tile_px or tile_px
        """Side of a tile in source pixels, its overlap not counted."""
        self._runtime = runtime
        self._notes: list[str] = []
        self._launched_px = 0
        self._compile_after_px = COMPILE_AFTER_PX if settings.compile == "auto" else math.inf
        bucketed = kind == "cuda" or settings.compile == "on"
        self.side_multiple = _BUCKET_PX if bucketed else _SIDE_MULTIPLE
        """Sides of tiles are rounded up to this."""
        self._padded_multiple = math.lcm(runtime.network.size_multiple, _BUCKET_PX if bucketed else 1)
        if settings.compile == "on":
            runtime.use_compiled()

    @property
    def batch(self) -> int:
        """Tiles per pass."""
        return self._runtime.batch

    def notes(self) -> list[str]:
        """Return what happened so far that belongs to every picture completed from now on."""
        note = self._runtime.compile_note
        return [*self._notes, note] if note is not None else list(self._notes)

    def largest_tile(self, height: int, width: int) -> int:
        """Return the side of a tile for a picture of this size, its overlap not counted."""
        return self.tile_px if self._runtime.network.tiles else max(height, width)

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the size that a tile is brought to: one that the network takes and that other tiles have, too."""
        least, multiple = self._runtime.network.minimum_px, self._padded_multiple
        height, width = (-(-max(side, least) // multiple) * multiple for side in (height, width))
        return (max(height, width),) * 2 if self._runtime.network.square else (height, width)

    def launching(self, pixels: int) -> None:
        """Count the source pixels that the network is about to get, and compile it once that pays."""
        self._launched_px += pixels
        if self._launched_px >= self._compile_after_px and self._runtime.compiles_well:
            self._runtime.use_compiled()

    def use_smaller_batches(self, tried: int) -> None:
        """Halve the batch after this many tiles did not fit."""
        self._notes.append(self._runtime.use_smaller_batches(tried))

    def use_smaller_tiles(self, error: BaseException) -> None:
        """Halve the tile after even one did not fit.

        Raises:
            DeviceError: It is as small as can be.
        """
        self._runtime.release_memory()
        if self.tile_px <= _SMALLEST_TILE_PX:
            raise self._runtime.memory_error(f"one tile of {self.tile_px} pixels") from error
        self.tile_px = max(self.tile_px // 2, _SMALLEST_TILE_PX)
        self._notes.append(f"memory ran out: tiles of {self.tile_px} pixels")
