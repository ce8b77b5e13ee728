"""Which frames are safe to show when some of a stream is damaged; plain bookkeeping, no library.

A decoder flags the frame it had to conceal, but not the frames that refer to it, and with reordering some of those
come out *before* it. So frames are judged by their place in decoding order: everything decoded from a damaged frame
on is unsafe, up to the next clean key frame; and the leading frames of that key frame (decoded after it, shown before
it) are unsafe too, because they may refer to what lies before it (open groups of pictures; ITU-T H.265, 3.78 "RASL").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

FrameT = TypeVar("FrameT")
_KEPT_MARKS = 64
MAX_HELD = 17
"""No standard reorders by more than 16 frames (ITU-T H.264, A.3; H.265, A.4), so no frame waits for longer."""


@dataclass(slots=True)
class _Held(Generic[FrameT]):
    ordinal: int
    pts: int | None
    damaged: bool
    frame: FrameT


@dataclass(slots=True)
class DamageTracker(Generic[FrameT]):
    """Holds decoded frames back until all that were decoded before them are known to be clean or not."""

    _pending: dict[int, int | None] = field(default_factory=dict)
    """Packets whose frame has not come out: ordinal to pts."""
    _held: list[_Held[FrameT]] = field(default_factory=list)
    _bad: list[int] = field(default_factory=list)
    _keys: list[tuple[int, int]] = field(default_factory=list)
    """Clean key frames: (ordinal, pts)."""

    def sent(self, ordinal: int, pts: int | None) -> None:
        """Note a packet that goes to the decoder; ordinals count up."""
        self._pending[ordinal] = pts
        if len(self._pending) > 4 * MAX_HELD + 64:  # packets that never yield a frame (second fields, hidden frames)
            del self._pending[next(iter(self._pending))]

    def failed(self, ordinal: int, delay: int) -> None:
        """Note that decoding failed; with frame threads the packet at fault was sent up to ``delay`` packets ago."""
        for bad in sorted({max(ordinal - delay, 0), ordinal}):
            self._mark(self._bad, bad)

    def received(self, ordinal: int, pts: int | None, frame: FrameT, *, key: bool, corrupt: bool) -> None:
        """Note a frame that came out of the decoder."""
        self._pending.pop(ordinal, None)
        if pts is not None:
            # What should have been shown by now and was not will not come any more.
            self._pending = {o: p for o, p in self._pending.items() if p is None or p > pts}
        if corrupt:
            self._mark(self._bad, ordinal)
        elif key and pts is not None:
            self._keys = [*self._keys, (ordinal, pts)][-_KEPT_MARKS:]
        self._held.append(_Held(ordinal, pts, corrupt, frame))

    def ready(self) -> Iterator[tuple[FrameT, str | None]]:
        """Yield the frames whose fate is known, in the order they came: the frame, and why it is rejected or None."""
        while self._held:
            first = self._held[0]
            waits = any(o < first.ordinal and p is not None for o, p in self._pending.items())
            if waits and len(self._held) < MAX_HELD:
                return
            yield self._judged(self._held.pop(0))

    def rest(self) -> Iterator[tuple[FrameT, str | None]]:
        """Yield what is still held, at the end of the stream."""
        self._pending.clear()
        yield from self.ready()

    def _judged(self, held: _Held[FrameT]) -> tuple[FrameT, str | None]:
        if held.damaged:
            return held.frame, "corrupt"
        return held.frame, None if self._is_clean(held) else "after_corrupt"

    def _is_clean(self, held: _Held[FrameT]) -> bool:
        bad = max((b for b in self._bad if b <= held.ordinal), default=None)
        if bad is None:
            return True
        return any(
            bad < ordinal <= held.ordinal and held.pts is not None and pts <= held.pts
            for ordinal, pts in self._keys
            if ordinal not in self._bad
        )

    @staticmethod
    def _mark(marks: list[int], value: int) -> None:
        if value not in marks:
            marks.append(value)
            marks.sort()
            # The newest mark that lies before a frame decides, so the oldest ones can go.
            del marks[:-_KEPT_MARKS]
