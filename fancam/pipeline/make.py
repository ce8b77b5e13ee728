"""From picks to cards: exact frames again, enhanced in groups, written one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from fancam import __version__, pictures, printing, video
from fancam.enhance import CropRequest, Engine
from fancam.errors import FancamError, NotMediaError
from fancam.files import sha256_of_file
from fancam.models import ModelStore
from fancam.pipeline.sources import Source
from fancam.pipeline.stopwatch import Stopwatch
from fancam.records import CardGeometry, Enhanced, Frame, Pick, Progress
from fancam.settings import Settings
from fancam.workspace import Workspace

Json = dict[str, Any]


class CardMaker:
    """Makes the cards of one input after the other.

    Args:
        settings: Of every stage.
        store: Where the weights are.
        geometry: Of the cards.
        workspace: The output folder.
        stream: Video stream to use; None takes the best.
        progress: Told of every step.
        watch: Counts the seconds of each stage.
    """

    def __init__(
        self, settings: Settings, store: ModelStore, geometry: CardGeometry, workspace: Workspace, *,
        stream: int | None, progress: Progress, watch: Stopwatch,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.store = store
        self.geometry = geometry
        self.workspace = workspace
        self.stream = stream
        self.progress = progress
        self.watch = watch

    @cached_property
    def engine(self) -> Engine:
        """The super-resolution engine, loaded when the first card needs it."""
        return Engine(self.settings.enhance, self.store)

    def prepare(self) -> None:
        """Load the engine, so that a missing model or device is said before the long work begins.

        Raises:
            FancamError: See ``Engine``.
        """
        _ = self.engine

    def __call__(
        self, source: Source, picks: Sequence[Pick], key: str, done: Json
    ) -> tuple[dict[str, Json], list[FancamError]]:
        """Make the cards that are not there yet.

        Args:
            source: The input.
            picks: What was found in it.
            key: Under which finished cards are recorded.
            done: The steps recorded under the key.

        Returns:
            Pick id to what was written for it, and what failed.

        Raises:
            OutputError: Nothing can be written any more.
        """
        cards: dict[str, Json] = {}
        errors: list[FancamError] = []
        todo = []
        for pick in picks:
            path = self.workspace.card_path(pick.id, self.settings.card.format)
            card = done.get(f"card {pick.id}")
            if card and path.is_file() and sha256_of_file(path) == card["sha256"]:
                cards[pick.id] = card
            else:
                todo.append(pick)
        if todo:
            for group in _grouped(self._frames_of(source, todo), self.engine.pictures_at_once):
                finished = len(cards) + len(errors)
                for pick, made in self._make_group(source, group, finished, len(picks)):
                    if isinstance(made, FancamError):
                        errors.append(made)
                    else:
                        cards[pick.id] = made
                        self.workspace.record(key, f"card {pick.id}", made)
        self.progress("enhance", len(picks), len(picks))
        lost = len(picks) - len(cards) - len(errors)
        if lost:
            errors.append(NotMediaError(f"{lost} picked frames could not be decoded again", item=source.path,
                                        remedy="copy the file anew and run again"))  # fmt: skip
        return cards, errors

    def _frames_of(self, source: Source, picks: Sequence[Pick]) -> Iterator[tuple[Pick, Frame]]:
        if not picks:
            return
        if not source.is_video:
            frame = pictures.read_picture(source.path)
            yield from ((pick, frame) for pick in picks)
            return
        by_pts: dict[int, list[Pick]] = {}
        for pick in picks:
            assert pick.pts is not None
            by_pts.setdefault(pick.pts, []).append(pick)
        for frame in video.decode_frames(source.path, sorted(by_pts), stream=self.stream):
            assert frame.pts is not None
            yield from ((pick, frame) for pick in by_pts[frame.pts])

    def _make_group(
        self, source: Source, group: Sequence[tuple[Pick, Frame]], finished: int, total: int
    ) -> Iterator[tuple[Pick, Json | FancamError]]:
        """Enhance some picks together and write their cards; one that fails is tried and reported alone."""

        def show(_stage: str, done: int, of: int | None) -> None:
            self.progress("enhance", 1000 * finished + 1000 * len(group) * done // max(of or 1, 1), 1000 * total)

        width_px, height_px = self.geometry.width_px, self.geometry.height_px
        requests = [CropRequest(frame.pixels, pick.crop.box, width_px, height_px) for pick, frame in group]
        try:
            with self.watch("enhance"):
                enhanced = self.engine.enhance(requests, show)
        except FancamError as error:
            if len(group) == 1:
                yield group[0][0], error
            else:
                for number, one in enumerate(group):
                    yield from self._make_group(source, [one], finished + number, total)
            return
        for (pick, _), result in zip(group, enhanced, strict=True):
            yield pick, self._write_card(source, pick, result)

    def _write_card(self, source: Source, pick: Pick, enhanced: Enhanced) -> Json:
        path = self.workspace.card_path(pick.id, self.settings.card.format)
        with self.watch("write"):
            self.workspace.make_parent(path)
            provenance = printing.Provenance.of(source.path.name, pick, enhanced, __version__)
            file = printing.write_card(enhanced, self.geometry, provenance, path, self.settings.card)
        return {
            "path": self.workspace.relative(path),
            "sha256": file.sha256,
            "width_px": file.width_px,
            "height_px": file.height_px,
            "dpi": round(file.dpi, 3),
            "enhance": {
                "upscaler": enhanced.upscaler,
                "upscaler_sha256": enhanced.upscaler_sha256,
                "scale": round(enhanced.scale, 4),
                "invented": enhanced.invented,
                "restorer": None,
                "fused_frames": 1,
                "identity": None,
                "notes": list(enhanced.notes),
            },
        }


def _grouped(frames: Iterator[tuple[Pick, Frame]], size: int) -> Iterator[list[tuple[Pick, Frame]]]:
    while group := list(itertools.islice(frames, size)):
        yield group
