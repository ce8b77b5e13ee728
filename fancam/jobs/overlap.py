"""Lets decoding and writing run beside the network: a bounded queue on each side, errors handed on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()


def read_ahead(items: Iterable[Item], depth: int) -> Generator[Item]:
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
