"""Pictures through the enhancer: the next are read beside the network, the last are written beside it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from fancam.enhancing import EnhanceJob, Work
from fancam.errors import FancamError, OutputError
from fancam.jobs.context import Context
from fancam.media import Progress
from fancam.results import Enhanced

Made = TypeVar("Made")
Result = TypeVar("Result")

_END = object()


def read_ahead(items: Iterable[Made], depth: int) -> Generator[Made]:
    """Yield the items in order while a thread of its own prepares up to ``depth`` more.

    What the iteration raises is raised here, after the items before it. When the caller stops early the thread ends
    after the item it is at, and the iterable is closed in the thread that used it.

    Args:
        items: Iterated in the other thread.
        depth: Bound on the items that wait; with the one at work this is all that is held.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=max(depth, 1))
    stop = threading.Event()
    failure: list[BaseException] = []

    def offer(item: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def fill() -> None:
        try:
            for item in items:
                if not offer(item):
                    break
                del item  # the next one may be all that there is room for
        except BaseException as error:  # noqa: BLE001 - handed on to the thread that asked, whatever it is
            failure.append(error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            offer(_END)

    thread = threading.Thread(target=fill, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc] # only items and the end mark are ever put in
        if failure:
            raise failure[0]
    finally:
        stop.set()
        thread.join()


class WriteBehind(Generic[Result]):
    """Runs jobs one after the other in a thread of its own; results come back in the order of the jobs.

    Args:
        depth: How many jobs may wait before ``add`` blocks: bounds what is held in memory.
    """

    def __init__(self, depth: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write-behind")
        self._depth = max(depth, 1)
        self._running: list[Future[Result]] = []

    def add(self, job: Callable[[], Result]) -> list[Result]:
        """Start a job and return the results of those that had to be finished for it.

        Raises:
            Exception: What an earlier job raised.
        """
        self._running.append(self._pool.submit(job))
        done = []
        while self._running and (len(self._running) > self._depth or self._running[0].done()):
            done.append(self._running.pop(0).result())
        return done

    def finish(self) -> list[Result]:
        """Wait for the jobs that are left and return their results.

        Raises:
            Exception: What a job raised.
        """
        running, self._running = self._running, []
        return [future.result() for future in running]

    def close(self) -> None:
        """Let the jobs that are waiting end, so that nothing that was made is lost; their results are."""
        self._pool.shutdown(wait=True)


# --- through the enhancer -----------------------------------------------------------------------------------------

Row = TypeVar("Row")
Item = tuple[Any, EnhanceJob | FancamError]
"""The caller's key, and the job that has it as its key or what went wrong when its picture was read."""

_AHEAD = 2
_BEHIND = 2
_LARGE_SAMPLES = 3 * 48_000_000
"""A result larger than this is written before the next one is made: two of them side by side are gigabytes."""


def enhance_stream(
    context: Context, items: Iterable[Item], progress: Progress
) -> Iterator[tuple[Any, Enhanced | FancamError]]:  # fmt: skip
    """Yield each key with its result or with what went wrong, not always in order.

    Args:
        context: Holds the enhancer.
        items: Iterated in a thread of its own, a few ahead of the network: what it does to read a picture overlaps.
        progress: Called as ``("enhance", tiles done, tiles known so far)``.

    Raises:
        FancamError: No picture can succeed: a model or device is missing.
    """
    enhancer = context.enhancer  # what is missing is said before the first picture is read
    failed: list[tuple[Any, FancamError]] = []

    def prepared() -> Iterator[Work]:
        number = 0
        for number, (key, job) in enumerate(items, start=1):
            context.progress("prepare", number - 1, None)
            if isinstance(job, FancamError):
                failed.append((key, job))
                continue
            try:
                with context.watch("prepare"):
                    one = enhancer.prepare(job)
            except FancamError as error:
                failed.append((key, error))
                continue
            del job  # and the frames around it
            yield one
            del one
        context.progress("prepare", number, number)

    ahead = read_ahead(prepared(), _AHEAD)
    try:
        for job, made in context.watch.iterated("enhance", enhancer(ahead, progress)):
            yield job.key, made
            while failed:
                yield failed.pop(0)
        yield from failed
    finally:
        ahead.close()


def enhance_and_write(
    context: Context, items: Iterable[Item], write: Callable[[Any, Enhanced], Row], progress: Progress
) -> Iterator[tuple[Any, Row | FancamError]]:
    """Yield each key with what was written for it, or with what went wrong, not always in order.

    Args:
        context: Holds the enhancer.
        items: As for ``enhance_stream``.
        write: Writes a result and records it, in a thread of its own; what it made before a stop is not lost.
        progress: As for ``enhance_stream``.

    Raises:
        FancamError: No further picture can succeed: a model or device is missing, the disk is full.
    """
    writer = WriteBehind[tuple[Any, Row | FancamError]](_BEHIND)

    def writing(key: Any, made: Enhanced) -> Callable[[], tuple[Any, Row | FancamError]]:
        def job() -> tuple[Any, Row | FancamError]:
            try:
                with context.watch("write"):
                    return key, write(key, made)
            except OutputError:
                raise  # the next one cannot be written either
            except FancamError as error:
                return key, error

        return job

    results = enhance_stream(context, items, progress)
    try:
        for key, made in results:
            if isinstance(made, FancamError):
                yield key, made
                continue
            yield from writer.add(writing(key, made))
            if made.pixels.size > _LARGE_SAMPLES:
                yield from writer.finish()
        yield from writer.finish()
    finally:
        writer.close()
        results.close()  # type: ignore[attr-defined] # it is a generator
