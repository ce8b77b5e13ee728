"""How much a device is given at a time: the size of tiles and batches, which shrink where memory runs out."""

from __future__ import annotations

import math

import torch

from fancam.enhance.runner import Runner
from fancam.enhance.tiling import SIDE_MULTIPLE, TilePlan, plan_tiles
from fancam.errors import DeviceError
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
_BUCKET_PX = 32
"""Sides of tiles are rounded up to this where tiles of different sizes cost more than the pixels that are added."""
_COMPILE_AFTER_PX = 2**30
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


class Pace:
    """The tiles and batches for one network on one device; an engine keeps it from picture to picture.

    Args:
        runner: The network on its device.
        settings: Tiles, batch and compiling.
    """

    def __init__(self, runner: Runner, settings: EnhanceSettings) -> None:
        compute = runner.compute
        kind = compute.device.type
        tile_px, batch = _TILE_PX.get(compute.precision, _HALF_PRECISION_TILE_PX), 1
        if kind == "cuda":
            total = torch.cuda.get_device_properties(compute.device).total_memory
            tile_px, batch = cuda_tiles(total, compute.precision, settings.tile_overlap_px)
        self.batch = settings.batch_tiles or batch
        """Tiles per pass."""
        self.ahead = _BATCHES_AHEAD.get(kind, 0)
        """Batches that may run while the host does something else."""
        self.tile_px = settings.tile_px or tile_px
        """Side of a tile in source pixels, its overlap not counted."""
        self._runner = runner
        self._overlap_px = settings.tile_overlap_px
        self._notes: list[str] = []
        self._launched_px = 0
        self._compile = settings.compile
        bucketed = kind == "cuda" or settings.compile == "on"
        self._side_multiple = _BUCKET_PX if bucketed else SIDE_MULTIPLE
        self._multiple = math.lcm(runner.network.size_multiple, _BUCKET_PX if bucketed else 1)
        if settings.compile == "on":
            runner.use_compiled(self.batch)

    def notes(self) -> list[str]:
        """Return what happened so far that belongs to every picture completed from now on."""
        note = self._runner.compile_note
        return [*self._notes, note] if note is not None else list(self._notes)

    def plan(self, height: int, width: int) -> TilePlan:
        """Return the tiles of a picture of this size."""
        tile_px = self.tile_px if self._runner.network.tiles else max(height, width)
        return plan_tiles(height, width, tile_px, self._overlap_px, multiple=self._side_multiple)

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the size that a tile is brought to: one that the network takes and that other tiles have, too."""
        least, multiple = self._runner.network.minimum_px, self._multiple
        height, width = (-(-max(side, least) // multiple) * multiple for side in (height, width))
        return (max(height, width),) * 2 if self._runner.network.square else (height, width)

    def launching(self, pixels: int) -> None:
        """Count the source pixels that the network is about to get, and compile it once that pays."""
        self._launched_px += pixels
        if self._compile == "auto" and self._launched_px >= _COMPILE_AFTER_PX and self._runner.compiles_well:
            self._runner.use_compiled(self.batch)

    def use_smaller_batches(self, tried: int) -> None:
        """Halve the batch after this many tiles did not fit."""
        self.batch = tried // 2
        self._runner.expect(self.batch)
        self._notes.append(f"memory ran out: {self.batch} tile(s) per pass")
        self._release_memory()

    def use_smaller_tiles(self, error: BaseException) -> None:
        """Halve the tile after even one did not fit.

        Raises:
            DeviceError: It is as small as can be.
        """
        self._release_memory()
        if self.tile_px <= _SMALLEST_TILE_PX:
            raise DeviceError(
                f"not enough memory for one tile of {self.tile_px} pixels",
                item=str(self._runner.compute.device),
                remedy="close other programs that use it, or use --device cpu",
            ) from error
        self.tile_px = max(self.tile_px // 2, _SMALLEST_TILE_PX)
        self._notes.append(f"memory ran out: tiles of {self.tile_px} pixels")

    def _release_memory(self) -> None:
        """Give unused blocks back, so that a smaller request is not refused for fragmentation."""
        if self._runner.compute.device.type == "cuda":
            torch.cuda.empty_cache()
