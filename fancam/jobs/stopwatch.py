"""Seconds per stage, for the manifest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Marks the end of an iteration."""


_END = _End()


class Stopwatch:
    """Adds up the wall-clock seconds spent in each stage; stages that overlap each count in full."""

    def __init__(self, *stages: str) -> None:
        self.seconds = dict.fromkeys(stages, 0.0)
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what happens inside the block, also when it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def iterated(self, stage: str, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items and count the time until each of them is there, not what the caller does with it."""
        while True:
            with self(stage):
                item = next(items, _END)
            if isinstance(item, _End):
                return
            yield item
