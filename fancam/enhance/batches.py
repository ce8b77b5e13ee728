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

from fancam.enhance.layout import Canvas, Layout, Order
from fancam.enhance.tiling import Tile, TilePlan
from fancam.errors import DeviceError, FancamError, ModelDamagedError
from fancam.media import Progress, Samples
from fancam.nn.device import is_out_of_memory
from fancam.nn.planner import BatchPlanner
from fancam.nn.runtime import Finish, ItemResult, Pending, Runtime

_BATCHES_OPEN = 4
"""Pictures that may be open, in batches, and batches for which one may wait for company of its size."""
_OPEN_PX = 128 * 2**20
"""Pixels of sources and results that may be open together; one picture may have more, but then it is the last."""

_Finish = Callable[[Samples, tuple[str, ...]], object]


@dataclass(slots=True, eq=False)
class Job:
    """A picture on its way through the network."""

    index: int
    picture: Samples
    """(H, W, 3) RGB, all that the network is to see."""
    arrange: Callable[[TilePlan], Layout]
    """Says where the tiles of a plan lie in the result."""
    finish: _Finish
    """Makes the outcome of the pixels and the notes."""
    notes: list[str] = field(default_factory=list)
    outcome: object | None = None
    """What came of it; a ``FancamError`` where it failed."""
    plan: TilePlan | None = None
    layout: Layout | None = None
    canvas: Canvas | None = None
    laid: int = 0
    """Tiles that are laid down."""

    @classmethod
    def done(cls, index: int, outcome: object) -> Job:
        """Return a job that needs no network."""
        return cls(index, np.empty((0, 0, 3), np.uint8), _unused, _unused, outcome=outcome)

    @property
    def kept_px(self) -> int:
        """Pixels it keeps in memory: of the source and of the result."""
        result = math.prod(self.layout.size) if self.layout is not None else 0
        return self.picture.shape[0] * self.picture.shape[1] + result


def _unused(*_arguments: object) -> Layout:
    raise AssertionError("the job needs no network")


class Count:
    """Tiles done, told to the caller.

    Args:
        progress: Called as ``("enhance", tiles done, tiles in all)``.
        total: Tiles in all; None while that is unknown.
    """

    def __init__(self, progress: Progress, total: int | None = None) -> None:
        self._progress = progress
        self._total = total
        self._seen = 0
        self._done = 0

    def seen(self, tiles: int) -> None:
        """Count the tiles of a picture that has come."""
        self._seen += tiles

    def complete(self) -> None:
        """Take what has come for all there is."""
        self._total = self._seen

    def replanned(self, lost: int, before: int, now: int) -> None:
        """Count a picture that begins again with other tiles."""
        self._done -= lost
        self._seen += now - before
        if self._total is not None:
            self._total += now - before

    def tick(self) -> None:
        """Count one tile."""
        self._done += 1
        self._progress("enhance", self._done, self._total)


_Part = list[tuple[Job, Tile]]


class Batches:
    """One run: cuts pictures into tiles, fills batches with tiles of any of them, and lays the results together.

    Pictures are taken from an iterable only as they are needed; how many depends on counts and sizes, never on time, so
    that the same pictures always share the same batches.

    Args:
        runtime: The network on its device.
        planner: Tiles and batches.
        plan: Returns the tiles of a picture of some height and width.
        count: Told of every tile.
    """

    def __init__(
        self, runtime: Runtime, planner: BatchPlanner, plan: Callable[[int, int], TilePlan], count: Count
    ) -> None:
        self._runtime = runtime
        self._planner = planner
        self._plan = plan
        self._count = count
        self._queues: dict[tuple[tuple[int, int], np.dtype], deque[tuple[Job, Tile]]] = {}
        self._open: list[Job] = []
        self._flying: deque[tuple[_Part, Pending]] = deque()
        self._passed_over = 0

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Yield the jobs with their outcome as they are completed, not always in order.

        A job that has its outcome already is handed on. One whose tiles give non-numbers in fp32 fails alone.

        Args:
            jobs: Taken a few ahead of the one that is yielded.

        Raises:
            DeviceError: The device has not enough memory for one small tile.
        """
        source: Iterator[Job] | None = iter(jobs)
        while source is not None or self._open:
            while source is not None and self._wants_more():
                job = next(source, None)
                if job is None:
                    source = None
                    self._count.complete()
                elif job.outcome is not None or not self._begin(job):
                    yield job
            part = self._next_part()
            if part:
                self._launch(part)
            while len(self._flying) > (self._planner.ahead if part else 0):
                yield from self._collect(*self._flying.popleft())
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

    def _begin(self, job: Job) -> bool:
        """Queue the tiles of a picture that has come; False, with the outcome set, where there is no room for it."""
        if not self._arrange(job):
            return False
        assert job.plan is not None
        self._count.seen(len(job.plan))
        self._open.append(job)
        return True

    def _arrange(self, job: Job) -> bool:
        job.canvas, job.laid = None, 0
        try:
            job.plan = self._plan(*job.picture.shape[:2])
            job.layout = job.arrange(job.plan)
            job.canvas = Canvas(job.layout)
        except MemoryError as error:
            job.outcome = _no_room(error, job)
            return False
        key = (self._planner.padded(*job.plan.shape), job.picture.dtype)
        self._queues.setdefault(key, deque()).extend((job, tile) for tile in job.plan)
        return True

    def _failed(self) -> Iterator[Job]:
        """Yield the open pictures that failed."""
        for job in [job for job in self._open if job.outcome is not None]:
            self._open.remove(job)
            yield job

    # --- tiles -------------------------------------------------------------------------------------------------

    def _next_part(self) -> _Part:
        """Return the tiles of the next batch: a full one if there is, else that of the picture that waits longest.

        After some full batches of others its turn comes anyhow, or a picture without company would wait to the end.
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
                pending = self._runtime.launch(tiles, [_filled(_layout(job).order(tile)) for job, tile in taken])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(taken) == 1:
                    self._start_over(taken[0][0], error)
                    return
                self._planner.use_smaller_batches(len(taken))
            else:
                self._flying.append((taken, pending))
                part = part[len(taken) :]

    def _collect(self, part: _Part, pending: Pending) -> Iterator[Job]:
        """Lay the results of a batch down and yield the pictures they complete."""
        results = self._runtime.collect(pending)
        no_memory = next((result.no_memory for result in results if result.no_memory is not None), None)
        if no_memory is not None:  # a tile is redone in fp32, which takes more
            self._start_over(part[0][0], no_memory)
            return
        for (job, tile), result in zip(part, results, strict=True):
            # A picture may have failed by another of its tiles.
            if job.outcome is None and self._lay(job, tile, result):
                assert job.canvas is not None
                self._open.remove(job)
                job.outcome = job.finish(job.canvas.pixels(), (*self._planner.notes(), *job.notes))
                yield job

    def _lay(self, job: Job, tile: Tile, result: ItemResult) -> bool:
        """Lay one tile down and return whether its picture is complete."""
        if result.failure:
            name = self._runtime.network.name
            remedy = "the weights are broken; choose another upscaler"
            job.outcome = ModelDamagedError(result.failure, item=name, remedy=remedy)
            return False
        if result.redone:
            precision = self._runtime.compute.precision
            job.notes.append(f"the tile at x {tile.x}, y {tile.y} was redone in fp32: {precision} gave non-numbers")
        assert job.canvas is not None
        try:
            complete = job.canvas.add(tile, result.values)
        except MemoryError as error:
            job.outcome = _no_room(error, job)
            return False
        job.laid += 1
        self._count.tick()
        return complete

    def _cut(self, job: Job, tile: Tile) -> Samples:
        """Return the pixels of a tile, mirrored outward to the size it is brought to."""
        pixels: npt.NDArray[Any] = job.picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        height, width = self._planner.padded(tile.height, tile.width)
        if (height, width) == (tile.height, tile.width):
            return pixels
        return np.pad(pixels, ((0, height - tile.height), (0, width - tile.width), (0, 0)), mode="symmetric")

    def _start_over(self, job: Job, error: BaseException) -> None:
        """Begin all open pictures again with smaller tiles; where pictures cannot be cut, this one fails."""
        if self._runtime.network.tiles:
            self._planner.use_smaller_tiles(error)
        else:
            job.outcome = _no_room(error, job)
        self._queues.clear()
        self._flying.clear()
        for other in self._open:
            if other.outcome is None:
                before, lost = len(_layout(other).plan), other.laid
                if self._arrange(other):
                    self._count.replanned(lost, before, len(_layout(other).plan))


def _filled(order: Order) -> Finish:
    """Return what makes of a tile and the answer of the network what the order wants."""

    def finish(tile: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        return order.fill(tile, output.clamp_(0, 1))

    return finish


def _layout(job: Job) -> Layout:
    assert job.layout is not None
    return job.layout


def _no_room(error: BaseException, job: Job) -> FancamError:
    height, width = job.picture.shape[:2]
    failure = DeviceError(
        f"not enough memory for a picture of {width}x{height}",
        remedy="ask for a smaller print, close other programs, or use another device",
    )
    failure.__cause__ = error
    return failure
