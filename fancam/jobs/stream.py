"""Pictures through the enhancer: the next are read beside the network, the last are written beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from fancam.enhancing import EnhanceJob, Work
from fancam.errors import FancamError, OutputError
from fancam.jobs.context import Context
from fancam.jobs.overlap import WriteBehind, read_ahead
from fancam.media import Progress
from fancam.results import Enhanced

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
