"""The super-resolution engine: any number of pictures through one network, in batches of equal tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhance.canvas import Canvas
from fancam.enhance.crops import CropRequest, Region, cut_region, print_scale, resample_region
from fancam.enhance.device import Compute, choose_compute
from fancam.enhance.runner import Pending, Runner, is_out_of_memory
from fancam.enhance.tiling import Tile, TilePlan, plan_tiles
from fancam.enhance.upscalers import PLAIN_FILTERS, Network, load_upscaler
from fancam.errors import DeviceError, UsageError
from fancam.models import ModelStore
from fancam.records import Enhanced, Picture, Progress, no_progress
from fancam.settings import EnhanceSettings

ENOUGH_PIXELS = 1.02
"""Up to this many print pixels per source pixel the network is skipped: there is nothing to invent."""

_BATCH_TILES = {"cuda": 4}
"""Tiles per pass where the settings leave it open. On a CPU one tile fills all cores."""
_TILE_PX = {"fp32": 272}
_HALF_PRECISION_TILE_PX = 336
"""Tile sides where the settings leave them open: with x4plus the whole job stays under 2.5 GB for a 1080p video."""
_SMALLEST_TILE_PX = 32
_PICTURES_AT_ONCE = 8


@dataclass(slots=True, eq=False)
class _Job:
    """A picture, its tiles, and what has happened to it."""

    index: int
    picture: Picture
    plan: TilePlan
    canvas: Canvas | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Count:
    """Tiles done, told to the caller."""

    progress: Progress
    done: int
    total: int

    def tick(self) -> None:
        self.done += 1
        self.progress("enhance", self.done, self.total)


class Engine:
    """Super-resolution with one network on one device.

    The network is loaded and the device checked here, so that what is missing is said before the long work begins.

    Args:
        settings: Upscaler, device, precision, tiles and batch.
        store: Where the weights are.

    Raises:
        UsageError: A setting names nothing known, or the user's file holds no network that upscales.
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are not the known ones, or cannot be loaded safely.
        DeviceError: The device is not there, or cannot compute in the precision that was asked for.
    """

    def __init__(self, settings: EnhanceSettings, store: ModelStore) -> None:
        network = load_upscaler(settings, store)
        self._setup(settings, network)

    @classmethod
    def with_network(cls, settings: EnhanceSettings, network: Network) -> Self:
        """Return an engine around a network that is loaded already."""
        engine = cls.__new__(cls)
        engine._setup(settings, network)
        return engine

    def _setup(self, settings: EnhanceSettings, network: Network | None) -> None:
        self.settings = settings
        self.network = network
        self.compute = choose_compute(settings.device, settings.precision)
        if network is not None and self.compute.precision not in network.precisions:
            self.compute = _in_fp32(self.compute, network, settings.precision)
        self._runner = Runner(network, self.compute) if network is not None else None
        self._batch = settings.batch_tiles or _BATCH_TILES.get(self.compute.device.type, 1)
        self._tile_px = settings.tile_px or _TILE_PX.get(self.compute.precision, _HALF_PRECISION_TILE_PX)
        self._notes: list[str] = list(self.compute.notes) if network is not None else []

    @property
    def scale(self) -> int:
        """Output pixels per source pixel of the network; 1 for a plain filter."""
        return self.network.scale if self.network is not None else 1

    @property
    def tile_px(self) -> int:
        """Side of a tile in source pixels, its overlap not counted; smaller after memory ran out."""
        return self._tile_px

    @property
    def pictures_at_once(self) -> int:
        """How many crops are worth handing over together: a CPU gains nothing, and a stop would lose them all."""
        return 1 if self.compute.device.type == "cpu" else _PICTURES_AT_ONCE

    # --- pictures ----------------------------------------------------------------------------------------------

    def upscale(self, pictures: Sequence[Picture], progress: Progress = no_progress) -> list[Picture]:
        """Return the pictures larger by the scale of the network, each (scale × H, scale × W, 3) uint8 RGB.

        Args:
            pictures: (H, W, 3) uint8 RGB each, of any sizes; one or many take the same way.
            progress: Called as ``("enhance", tiles done, tiles in all)``.

        Raises:
            UsageError: The upscaler is a plain filter.
            DeviceError: The device has not enough memory for one small tile.
            ModelDamagedError: The network gives values that are not numbers.
        """
        results: list[Picture | None] = [None] * len(pictures)
        for index, pixels, _notes in self._upscaled(pictures, progress):
            results[index] = pixels
        return [pixels for pixels in results if pixels is not None]

    def _upscaled(
        self, pictures: Sequence[Picture], progress: Progress
    ) -> Iterator[tuple[int, Picture, tuple[str, ...]]]:
        """Yield (index, pixels, notes) of each picture as soon as it is complete, not always in order."""
        if self.network is None:
            raise UsageError(f"{self.settings.upscaler} is no network", remedy="choose an upscaler that is one")
        for picture in pictures:
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or picture.size == 0:
                raise ValueError(f"not an RGB picture: {picture.shape} {picture.dtype}")
        waiting, done = dict(enumerate(pictures)), 0
        while waiting:
            jobs = [_Job(index, picture, self._plan(picture)) for index, picture in waiting.items()]
            count = _Count(progress, done, done + sum(len(job.plan) for job in jobs))
            try:
                for job in self._run(jobs, count):
                    assert job.canvas is not None
                    del waiting[job.index]
                    done += len(job.plan)
                    yield job.index, job.canvas.pixels(), (*self._notes, *job.notes)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._use_smaller_tiles(error)

    def _plan(self, picture: Picture) -> TilePlan:
        assert self.network is not None
        height, width = picture.shape[:2]
        tile_px = self._tile_px if self.network.tiles else max(height, width)
        return plan_tiles(height, width, tile_px, self.settings.tile_overlap_px)

    # --- tiles -------------------------------------------------------------------------------------------------

    def _run(self, jobs: Sequence[_Job], count: _Count) -> Iterator[_Job]:
        """Yield the jobs as they are completed; tiles of one shape share batches, also across pictures."""
        groups: dict[tuple[tuple[int, int], bool], list[_Job]] = {}
        for job in jobs:
            groups.setdefault((job.plan.shape, len(job.plan) > 1), []).append(job)
        for (_shape, blended), group in groups.items():
            yield from self._run_group([(job, tile) for job in group for tile in job.plan], count, blended=blended)

    def _run_group(self, queue: list[tuple[_Job, Tile]], count: _Count, *, blended: bool) -> Iterator[_Job]:
        """Run equal tiles; while the device works on one batch the host lays down the one before."""
        position = 0
        flying: tuple[list[tuple[_Job, Tile]], Pending] | None = None
        while position < len(queue) or flying is not None:
            launched = None
            if position < len(queue):
                launched = self._launch(queue[position : position + self._batch], fine=blended)
                position += len(launched[0])
            if flying is not None:
                yield from self._collect(*flying, count)
            flying = launched

    def _launch(self, part: list[tuple[_Job, Tile]], *, fine: bool) -> tuple[list[tuple[_Job, Tile]], Pending]:
        """Start as many of these tiles as the memory allows and return them with the running batch."""
        assert self._runner is not None
        while True:
            try:
                return part, self._runner.launch(np.stack([self._cut(job, tile) for job, tile in part]), fine=fine)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(part) == 1:
                    raise
                self._batch = len(part) // 2
                part = part[: self._batch]
                self._notes.append(f"memory ran out: {self._batch} tile(s) per pass")
            self._release_memory()

    def _collect(self, part: list[tuple[_Job, Tile]], pending: Pending, count: _Count) -> Iterator[_Job]:
        """Lay the results of a batch down and yield the pictures they complete."""
        assert self._runner is not None
        results, redone = self._runner.collect(pending)
        for (job, tile), values, again in zip(part, results, redone, strict=True):
            if job.canvas is None:
                job.canvas = Canvas(job.plan, self.scale)
            if again:
                job.notes.append(
                    f"the tile at x {tile.x}, y {tile.y} was redone in fp32: {self.compute.precision} gave non-numbers"
                )
            complete = job.canvas.add(tile, values[: tile.height * self.scale, : tile.width * self.scale])
            count.tick()
            if complete:
                yield job

    def _cut(self, job: _Job, tile: Tile) -> npt.NDArray[np.uint8]:
        """Return the pixels of a tile, mirrored outward to a size the network takes."""
        assert self.network is not None
        pixels = job.picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        height, width = (
            -(-max(side, self.network.minimum_px) // self.network.size_multiple) * self.network.size_multiple
            for side in (tile.height, tile.width)
        )
        if self.network.square:
            height = width = max(height, width)
        if (height, width) == (tile.height, tile.width):
            return pixels
        return np.pad(pixels, ((0, height - tile.height), (0, width - tile.width), (0, 0)), mode="symmetric")

    def _use_smaller_tiles(self, error: BaseException) -> None:
        """Halve the tile after even one did not fit; pictures that are not complete begin again."""
        self._release_memory()
        if self._tile_px <= _SMALLEST_TILE_PX or (self.network is not None and not self.network.tiles):
            raise DeviceError(
                f"not enough memory for one tile of {self._tile_px} pixels",
                item=str(self.compute.device),
                remedy="close other programs that use it, or use --device cpu",
            ) from error
        self._tile_px = max(self._tile_px // 2, _SMALLEST_TILE_PX)
        self._notes.append(f"memory ran out: tiles of {self._tile_px} pixels")

    def _release_memory(self) -> None:
        """Give unused blocks back, so that a smaller request is not refused for fragmentation."""
        if self.compute.device.type == "cuda":
            torch.cuda.empty_cache()

    # --- crops -------------------------------------------------------------------------------------------------

    def enhance(self, requests: Sequence[CropRequest], progress: Progress = no_progress) -> list[Enhanced]:
        """Return the crops at their print size, in the order of the requests.

        Each crop is cut out first, with some pixels around it for context; it goes through the network only where it
        has fewer pixels than the print; one resample then brings it to the exact size.

        Args:
            requests: What to show and how large.
            progress: Called as ``("enhance", tiles done, tiles in all)``.

        Raises:
            DeviceError: The device has not enough memory for one small tile.
            ModelDamagedError: The network gives values that are not numbers.
            ValueError: A box is empty or has no pixel of the frame in it.
        """
        regions = [cut_region(request) for request in requests]
        needing = [
            index
            for index, request in enumerate(requests)
            if self.network is not None and print_scale(request) > ENOUGH_PIXELS
        ]
        results: dict[int, Enhanced] = {}
        if needing:
            larger = self._upscaled([regions[index].pixels for index in needing], progress)
            for position, pixels, notes in larger:
                index = needing[position]
                results[index] = self._with_network(requests[index], regions[index], pixels, notes)
        for index, request in enumerate(requests):
            if index not in results:
                results[index] = self._without_network(request, regions[index])
        return [results[index] for index in range(len(requests))]

    def _with_network(self, request: CropRequest, region: Region, pixels: Picture, notes: tuple[str, ...]) -> Enhanced:
        assert self.network is not None
        scale = print_scale(request)
        if scale > self.scale * ENOUGH_PIXELS:
            more = f"the print needs x{scale:.2f} and the network gives x{self.scale}; the rest is Lanczos"
            notes = (*notes, more)
        return Enhanced(
            pixels=resample_region(request, region, pixels, self.scale, "lanczos"),
            upscaler=self.network.name,
            upscaler_sha256=self.network.sha256,
            scale=scale,
            invented=True,
            notes=(*region.notes, *notes),
        )

    def _without_network(self, request: CropRequest, region: Region) -> Enhanced:
        chosen = self.settings.upscaler
        name = chosen if chosen in PLAIN_FILTERS else "lanczos"
        return Enhanced(
            pixels=resample_region(request, region, region.pixels, 1, name),
            upscaler=name,
            upscaler_sha256=None,
            scale=print_scale(request),
            invented=False,
            notes=region.notes,
        )


def _in_fp32(compute: Compute, network: Network, asked: str) -> Compute:
    """Return fp32 on the same device for a network that is not known to work in half precision."""
    notes = compute.notes
    if asked != "auto":
        notes = (*notes, f"{network.architecture} networks do not work in {asked}; fp32 was used")
    return Compute(compute.device, torch.float32, "fp32", notes)
