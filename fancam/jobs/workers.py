"""Several devices: a process on each, fed from one queue that stays in the parent.

Each process asks over a pipe of its own for the next picture, so a process that dies takes only what it was working on
with it, and never a lock that the others wait for.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from fancam.errors import DeviceError, FancamError
from fancam.jobs.context import Context
from fancam.jobs.photos import PhotoMaker, PhotoResult
from fancam.jobs.workspace import Source, Workspace

Outcome = tuple[Source, PhotoResult | FancamError]
Maker = Callable[[Context, Workspace], Callable[[Iterable[Source]], Iterator[Outcome]]]
"""Makes, in the process, what enhances the pictures it is given."""

_WANT, _DONE, _END = "want", "done", "end"


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, its pipe, and what it holds."""

    device: str
    process: BaseProcess
    pipe: Connection
    alone: Source | None = None
    """The only picture it gets, because a process died over it, or beside it; None for one that works off the queue."""
    taken: list[Source] = field(default_factory=list)
    finished: int = 0
    ended: bool = False


class Workers:
    """Enhances pictures in a process per device.

    A process that dies takes no picture with it: what it held is tried once more, each in a process of its own, so that
    the one picture that kills is the one that fails.

    Args:
        context: Of the parent; its models are used by all.
        workspace: The output folder.
        devices: One process each; a device may be named twice.
        record: Called for each picture that a process has finished.
        maker: What works in each process.
    """

    def __init__(
        self, context: Context, workspace: Workspace, devices: Sequence[str],
        record: Callable[[Source, PhotoResult], None], maker: Maker = PhotoMaker,
    ) -> None:  # fmt: skip
        self.context = context
        self.workspace = workspace
        self.devices = devices
        self.record = record
        self.maker = maker
        self._workers: list[_Worker] = []
        self._again: deque[tuple[str, Source]] = deque()

    def __call__(self, sources: Iterable[Source]) -> Iterator[Outcome]:
        """Yield each source with its row or with what went wrong, in the order they are finished.

        Raises:
            FancamError: A process cannot begin: a device or a model is missing.
        """
        left = iter(sources)
        self._workers = [self._start(device) for device in self.devices]
        try:
            while running := self._running():
                for ready in wait([worker.pipe for worker in running]):
                    worker = next(worker for worker in running if worker.pipe is ready)
                    yield from self._serve(worker, left)
            for source in left:
                yield source, DeviceError("no worker is left", item=source.path, remedy="run the same command again")
        finally:
            for worker in self._workers:
                worker.process.terminate()
                worker.process.join()
                worker.pipe.close()

    def _running(self) -> list[_Worker]:
        """Return the processes that are at work, after one was started for a picture that is tried again."""
        running = [worker for worker in self._workers if not worker.ended]
        if self._again and not any(worker.alone for worker in running):
            device, source = self._again.popleft()
            running.append(self._start(device, source))
            self._workers.append(running[-1])
        return running

    def _start(self, device: str, alone: Source | None = None) -> _Worker:
        context = self.context
        settings = dataclasses.replace(
            context.settings, enhance=dataclasses.replace(context.settings.enhance, device=device)
        )
        make_context = functools.partial(
            Context, settings, context.store, keep_stages=context.keep_stages, keep_evidence=context.keep_evidence,
            by_preset=context.by_preset,
        )  # fmt: skip
        # Spawned: a forked process cannot use CUDA once the parent has.
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(
            target=_work,
            args=(self.maker, make_context, self.workspace.folder, theirs),
            name=f"fancam {device}",
            daemon=True,
        )
        process.start()
        theirs.close()
        return _Worker(device, process, ours, alone)

    def _serve(self, worker: _Worker, left: Iterator[Source]) -> Iterator[Outcome]:
        """Answer one message of a worker; the end of its pipe is one, too."""
        try:
            kind, *rest = worker.pipe.recv()
            if kind == _WANT:
                self._hand_over(worker, left)
        except (EOFError, ConnectionError):
            yield from self._buried(worker)
            return
        if kind == _DONE:
            source, outcome = rest
            worker.taken.remove(source)
            worker.finished += 1
            if not isinstance(outcome, FancamError):
                self.record(source, outcome)
            yield source, outcome
        elif kind == _END:
            worker.ended = True
            (error,) = rest
            if error is not None:
                raise error

    def _hand_over(self, worker: _Worker, left: Iterator[Source]) -> None:
        """Answer a worker that asks for a picture: None where there is no other for it."""
        if worker.alone is None:
            source = next(left, None)
        else:
            source = worker.alone if not (worker.taken or worker.finished) else None
        if source is not None:
            # Before the first result lies there: a process that starts later must see whose folder it is.
            self.workspace.make_parent(self.workspace.journal_path)
            worker.taken.append(source)
        worker.pipe.send(source)

    def _buried(self, worker: _Worker) -> Iterator[Outcome]:
        """See to what a dead worker held, and put another in its place if it had done anything."""
        worker.ended = True
        worker.process.join()
        if worker.alone is None:
            self._again.extend((worker.device, source) for source in worker.taken)
            if worker.finished:
                self._workers.append(self._start(worker.device))
            return
        for source in worker.taken:
            yield source, DeviceError(
                f"a worker on {worker.device} died twice over it (exit code {worker.process.exitcode})",
                item=source.path, remedy="try it with --device cpu, or run the same command again",
            )  # fmt: skip


def _work(maker: Maker, make_context: Callable[[], Context], folder: Path, pipe: Connection) -> None:
    """Run in the process of a device until there is nothing left to do."""
    sending = threading.Lock()

    def wanted() -> Iterator[Source]:
        while True:
            with sending:
                pipe.send((_WANT,))
            source = pipe.recv()
            if source is None:
                return
            yield source

    error: FancamError | None = None
    try:
        for source, outcome in maker(make_context(), Workspace(folder))(wanted()):
            with sending:
                pipe.send((_DONE, source, outcome))
    except FancamError as problem:
        error = problem
    with sending:
        pipe.send((_END, error))
    pipe.close()
