"""Keeps a device busy with the tiles of many pictures, a few pictures at a time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhancing.tiledprint import TiledPrint, TileTask
from fancam.enhancing.tiling import Tile, TilePlan
from fancam.enhancing.work import CropRequest
from fancam.errors import DeviceError, FancamError, ModelDamagedError
from fancam.media import Progress, Samples, no_progress
from fancam.nn.device import is_out_of_memory
from fancam.nn.planner import BatchPlanner
from fancam.nn.runtime import Finish, ItemResult, Pending, Runtime
from fancam.results import Enhanced

_BATCHES_OPEN = 4
"""Pictures that may be open, in batches; also how many full batches of other pictures may go before the oldest."""
_OPEN_PX = 128 * 2**20
"""Pixels of sources and results that may be open together; one picture may have more, but then it is the last."""


@dataclass(slots=True, eq=False)
class Enlargement:
    """A crop on its way through the network."""

    index: int
    """Number of its request."""
    crop: CropRequest
    share: float = 0.0
    """Of the network's picture in the print."""
    measured: CropRequest | None = None
    """What the print is joined with, where ``crop`` is a smaller one of it; None where it is whole."""
    outcome: Enhanced | FancamError | None = None
    """What came of it where no network was needed, or why it failed; None while it is enlarged and after that."""
    notes: list[str] = field(default_factory=list)
    tiled: TiledPrint | None = None
    """None until the first tile is wanted."""

    @property
    def kept_px(self) -> int:
        """Pixels it keeps in memory: of the source and of the print."""
        height, width = self.crop.region.pixels.shape[:2]
        return height * width + (math.prod(self.tiled.size) if self.tiled is not None else 0)


_Part = list[tuple[Enlargement, Tile]]


class Batches:
    """One run: cuts pictures into tiles, fills batches with tiles of any of them, and lays the results together.

    Pictures are taken from an iterable only as they are needed; how many depends on counts and sizes, never on time, so
    that the same pictures always share the same batches.

    Args:
        runtime: The network on its device.
        planner: Tiles and batches.
        plan: Returns the tiles of a picture of some height and width.
        progress: Called as ``("enhance", tiles done, tiles in all)``.
        total: Tiles in all; None while that is unknown.
    """

    def __init__(
        self, runtime: Runtime, planner: BatchPlanner, plan: Callable[[int, int], TilePlan],
        progress: Progress = no_progress, total: int | None = None,
    ) -> None:  # fmt: skip
        self._runtime = runtime
        self._planner = planner
        self._plan = plan
        self._progress = progress
        self._done, self._seen, self._total = 0, 0, total
        """Tiles that are laid down, of the crops that have come, and in all."""
        self._queues: dict[tuple[tuple[int, int], np.dtype], deque[tuple[Enlargement, Tile]]] = {}
        self._open: list[Enlargement] = []
        self._in_flight: deque[tuple[_Part, Pending]] = deque()
        self._passed_over = 0

    def run(self, jobs: Iterable[Enlargement]) -> Iterator[Enlargement]:
        """Yield the crops as they are complete, not always in order: with an outcome, or with a print that is done.

        A crop that has its outcome already is handed on. One whose tiles give non-numbers in fp32 fails alone.

        Args:
            jobs: Taken a few ahead of the one that is yielded.

        Raises:
            DeviceError: The device has not enough memory for one small tile.
        """
        source: Iterator[Enlargement] | None = iter(jobs)
        while source is not None or self._open:
            while source is not None and self._wants_more():
                job = next(source, None)
                if job is None:
                    source, self._total = None, self._seen
                elif job.outcome is not None or not self._begin(job):
                    yield job
            part = self._next_part()
            if part:
                self._launch(part)
            while len(self._in_flight) > (self._planner.ahead if part else 0):
                yield from self._collect(*self._in_flight.popleft())
            yield from self._failed()

    # --- pictures ----------------------------------------------------------------------------------------------

    def _wants_more(self) -> bool:
        """Whether another picture may come: no batch is full or the next would be the last, and there is room."""
        queued = [len(queue) for queue in self._queues.values()]
        if max(queued, default=0) >= self._planner.batch < sum(queued):
            return False
        if len(self._open) >= self._planner.batch * _BATCHES_OPEN:
            return False
        return sum(job.kept_px for job in self._open) < _OPEN_PX

    def _begin(self, job: Enlargement) -> bool:
        """Queue the tiles of a crop that has come; False, with the outcome set, where there is no room for it."""
        plan = self._arrange(job)
        if plan is not None:
            self._seen += len(plan)
            self._open.append(job)
        return plan is not None

    def _arrange(self, job: Enlargement) -> TilePlan | None:
        """Cut a crop into tiles and queue them; None, with the outcome set, where there is no room for its print."""
        region, size = job.crop.region, (job.crop.height_px, job.crop.width_px)
        plan = self._plan(*region.pixels.shape[:2])
        job.tiled = None
        try:
            job.tiled = TiledPrint(
                plan, self._runtime.network.scale, region.pixels.dtype, self._runtime.compute.device, region.box, size,
                job.share if job.measured is None else 1.0,
            )  # fmt: skip
        except MemoryError as error:
            job.outcome = _no_room(error, job)
            return None
        key = (self._planner.padded(*plan.shape), region.pixels.dtype)
        self._queues.setdefault(key, deque()).extend((job, tile) for tile in plan)
        return plan

    def _failed(self) -> Iterator[Enlargement]:
        """Yield the open pictures that failed."""
        for job in [job for job in self._open if job.outcome is not None]:
            self._open.remove(job)
            yield job

    # --- tiles -------------------------------------------------------------------------------------------------

    def _next_part(self) -> _Part:
        """Return the tiles of the next batch: a full one if there is, else that of the picture that waits longest.

        After some full batches of others its turn comes anyhow, or a picture of an odd size would wait to the end.
        """
        for key, queue in list(self._queues.items()):
            if any(job.outcome is not None for job, _ in queue):
                self._queues[key] = queue = deque((job, tile) for job, tile in queue if job.outcome is None)
            if not queue:
                del self._queues[key]
        if not self._queues:
            return []
        batch = self._planner.batch
        age = {id(job): number for number, job in enumerate(self._open)}
        by_age = sorted(self._queues.values(), key=lambda queue: age[id(queue[0][0])])
        full = next((queue for queue in by_age if len(queue) >= batch), by_age[0])
        queue = full if self._passed_over < _BATCHES_OPEN else by_age[0]
        self._passed_over = 0 if queue is by_age[0] else self._passed_over + 1
        return [queue.popleft() for _ in range(min(batch, len(queue)))]

    def _launch(self, part: _Part) -> None:
        """Start these tiles, in several batches where memory runs out; begin again where not even one tile fits."""
        self._planner.launching(sum(tile.height * tile.width for _, tile in part))
        while part:
            taken = part[: self._planner.batch]
            try:
                tiles: npt.NDArray[Any] = np.stack([self._cut(job, tile) for job, tile in taken])
                pending = self._runtime.launch(tiles, [_finish(_tiled(job).task(tile)) for job, tile in taken])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(taken) == 1:
                    self._start_over(taken[0][0], error)
                    return
                self._planner.use_smaller_batches(len(taken))
            else:
                self._in_flight.append((taken, pending))
                part = part[len(taken) :]

    def _collect(self, part: _Part, pending: Pending) -> Iterator[Enlargement]:
        """Lay the results of a batch down and yield the pictures they complete."""
        results = self._runtime.collect(pending)
        no_memory = next((result.no_memory for result in results if result.no_memory is not None), None)
        if no_memory is not None:  # a tile is redone in fp32, which takes more
            self._start_over(part[0][0], no_memory)
            return
        for (job, tile), result in zip(part, results, strict=True):
            # A crop may have failed by another of its tiles.
            if job.outcome is None and self._lay(job, tile, result):
                self._open.remove(job)
                job.notes = [*self._planner.notes(), *job.notes]
                yield job

    def _lay(self, job: Enlargement, tile: Tile, result: ItemResult) -> bool:
        """Lay one tile down and return whether its print is complete."""
        if result.failure:
            name = self._runtime.network.name
            remedy = "the weights are broken; choose another upscaler"
            job.outcome = ModelDamagedError(result.failure, item=name, remedy=remedy)
            return False
        if result.redone:
            precision = self._runtime.compute.precision
            job.notes.append(f"the tile at x {tile.x}, y {tile.y} was redone in fp32: {precision} gave non-numbers")
        try:
            complete = _tiled(job).add(tile, result.values)
        except MemoryError as error:
            job.outcome = _no_room(error, job)
            return False
        self._done += 1
        self._progress("enhance", self._done, self._total)
        return complete

    def _cut(self, job: Enlargement, tile: Tile) -> Samples:
        """Return the pixels of a tile, mirrored outward to the size it is brought to."""
        source: npt.NDArray[Any] = job.crop.region.pixels
        pixels = source[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        height, width = self._planner.padded(tile.height, tile.width)
        if (height, width) == (tile.height, tile.width):
            return pixels
        return np.pad(pixels, ((0, height - tile.height), (0, width - tile.width), (0, 0)), mode="symmetric")

    def _start_over(self, job: Enlargement, error: BaseException) -> None:
        """Begin all open crops again with smaller tiles; where pictures cannot be cut, this one fails."""
        if self._runtime.network.tiles:
            self._planner.use_smaller_tiles(error)
        else:
            job.outcome = _no_room(error, job)
        self._queues.clear()
        self._in_flight.clear()
        for other in self._open:
            if other.outcome is None:
                before = _tiled(other)
                plan = self._arrange(other)
                if plan is not None:
                    self._done -= before.laid
                    self._seen += len(plan) - len(before.plan)
                    self._total = None if self._total is None else self._total + len(plan) - len(before.plan)


def _finish(task: TileTask) -> Finish:
    """Return what makes of a tile and of the network's answer what the tile adds to the print."""

    def finish(tile: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        return task.fill(tile, output.clamp_(0, 1))

    return finish


def _tiled(job: Enlargement) -> TiledPrint:
    assert job.tiled is not None
    return job.tiled


def _no_room(error: BaseException, job: Enlargement) -> FancamError:
    height, width = job.crop.region.pixels.shape[:2]
    failure = DeviceError(
        f"not enough memory for a picture of {width}x{height}",
        remedy="ask for a smaller print, close other programs, or use another device",
    )
    failure.__cause__ = error
    return failure
