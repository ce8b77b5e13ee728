"""From picks to cards: exact frames again, decoded beside the network, enhanced and written one by one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fancam import pictures, video
from fancam.cards import write_card
from fancam.enhance import CropRequest, EnhanceJob, Work
from fancam.errors import FancamError, NotMediaError
from fancam.files import seed_of, sha256_of_file
from fancam.geometry import Box
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.overlap import WriteBehind, read_ahead
from fancam.jobs.sources import Source
from fancam.jobs.stages import extras_are_whole, keep_provenance, keep_stages
from fancam.media import Frame, NeighbourFrame, Progress
from fancam.provenance import Provenance
from fancam.results import CardGeometry, Decision, Enhanced, Pick

Json = dict[str, Any]

_FRAMES_AHEAD = 2
_CARDS_BEHIND = 2


class CardMaker:
    """Makes the cards of one input after the other.

    Args:
        context: Settings, models, output folder.
        geometry: Of the cards.
        threads: That decode the video; None takes as many as there are.
    """

    def __init__(self, context: Context, geometry: CardGeometry, threads: int | None = None) -> None:
        self.context = context
        self.settings = context.settings
        self.workspace = context.workspace
        self.geometry = geometry
        self._threads = threads

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
            card = done.get(f"card {pick.id}")
            if card and self._is_whole(card):
                cards[pick.id] = card
            else:
                todo.append(pick)
        if todo:
            show = self._counted(lambda: len(cards) + len(errors), len(picks), self._tiles(todo))
            for pick, made in self._made(source, todo, key, show):
                if isinstance(made, FancamError):
                    errors.append(made)
                else:
                    cards[pick.id] = made
        self.context.progress("enhance", len(picks), len(picks))
        lost = len(picks) - len(cards) - len(errors)
        if lost:
            errors.append(NotMediaError(f"{lost} picked frames could not be decoded again", item=source.path,
                                        remedy="copy the file anew and run again"))  # fmt: skip
        return cards, errors

    def _is_whole(self, card: Json) -> bool:
        """Whether the card, and what is wanted beside it, are still as they were written."""
        folder = self.workspace.folder
        if not extras_are_whole(folder, card, stages=self.context.keep_stages, provenance=self.context.keep_evidence):
            return False
        path = folder / card["path"]
        return path.is_file() and sha256_of_file(path) == card["sha256"]

    def _tiles(self, picks: Sequence[Pick]) -> int:
        """Return about how many tiles the cards will take, so that the first minute of a bar is not a standstill."""
        engine = self.context.enhancer.engine
        if engine.network is None:
            return 0
        boxes = (pick.crop.box for pick in picks)
        return sum(len(engine.plan(math.ceil(box.height), math.ceil(box.width))) for box in boxes)

    def _counted(self, finished: Callable[[], int], total: int, tiles: int) -> Progress:
        """Return a progress callback that counts cards, by their tiles."""
        before = finished()

        def show(_stage: str, done: int, of: int | None) -> None:
            of = of or tiles
            by_tiles = before + (total - before) * done / of if of else 0.0
            self.context.progress("enhance", int(1000 * min(max(finished(), by_tiles), total)), 1000 * total)

        return show

    def _made(
        self, source: Source, picks: Sequence[Pick], key: str, show: Progress
    ) -> Iterator[tuple[Pick, Json | FancamError]]:
        """Yield each pick with what was written and recorded for it, or with what went wrong."""
        writer = WriteBehind[tuple[Pick, Json]](_CARDS_BEHIND)
        prepared = read_ahead(self._prepared(source, picks), _FRAMES_AHEAD)
        failed: list[tuple[Pick, FancamError]] = []

        def sound() -> Iterator[Work]:
            for pick, one in prepared:
                if isinstance(one, FancamError):
                    failed.append((pick, one))
                else:
                    yield one

        try:
            results = self.context.enhancer(sound(), show)
            for done, made in self.context.watch.iterated("enhance", results):
                pick = done.key
                if isinstance(made, FancamError):
                    yield pick, made
                else:
                    yield from writer.add(self._writing(source, pick, key, made))
            yield from writer.finish()
            yield from failed
        finally:
            writer.close()
            prepared.close()

    def _prepared(self, source: Source, picks: Sequence[Pick]) -> Iterator[tuple[Pick, Work | FancamError]]:
        """Yield each pick with its picture as it goes into the network; runs in a thread beside it."""
        prepare = self.context.enhancer.prepare
        for pick, frame, neighbours, box in self._pictures_of(source, picks):
            request = CropRequest(frame.pixels, pick.crop.box, self.geometry.width_px, self.geometry.height_px)
            job = EnhanceJob(
                pick, request, (pick.face,), pick.crop.effective_ppi,
                neighbours=neighbours, neighbours_box=box, is_video=source.is_video, seed=seed_of(pick.id),
                fuse=self.settings.fuse, clean=self.settings.clean,
            )  # fmt: skip
            try:
                with self.context.watch("prepare"):
                    made = prepare(job)
            except FancamError as error:
                yield pick, error
            else:
                yield pick, made

    def _pictures_of(
        self, source: Source, picks: Sequence[Pick]
    ) -> Iterator[tuple[Pick, Frame, tuple[NeighbourFrame, ...], Box | None]]:
        """Yield each pick with its frame, and with the neighbours around it and where they lie."""
        if not source.is_video:
            frame = pictures.read_picture(source.path)
            yield from ((pick, frame, (), None) for pick in picks)
            return
        by_pts: dict[int, list[Pick]] = {}
        for pick in picks:
            assert pick.pts is not None
            by_pts.setdefault(pick.pts, []).append(pick)
        film = video.open_video(source.path, stream=self.context.stream)
        info = film.info
        regions = {
            pts: [_neighbours_box(pick, info.width, info.height) for pick in by_pts[pts]] for pts in sorted(by_pts)
        }
        windows = film.frames_with_neighbours(regions, self.settings.fuse.frames, threads=self._threads)
        for window in windows:
            pts = window.frame.pts
            assert pts is not None
            for pick, neighbours, box in zip(by_pts[pts], window.neighbours, regions[pts], strict=True):
                yield pick, window.frame, neighbours, box

    def _writing(self, source: Source, pick: Pick, key: str, made: Enhanced) -> Callable[[], tuple[Pick, Json]]:
        def write() -> tuple[Pick, Json]:
            with self.context.watch("write"):
                card = self._write_card(source, pick, made)
                # Here, so that a stop between writing and the next card does not lose it.
                self.workspace.record(key, f"card {pick.id}", card)
                return pick, card

        return write

    def _write_card(self, source: Source, pick: Pick, made: Enhanced) -> Json:
        path = self.workspace.card_path(pick.id, self.settings.card.format)
        self.workspace.make_parent(path)
        provenance = Provenance.of_pick(source.path.name, pick, made, self.geometry)
        file = write_card(made, self.geometry, provenance, path, self.settings.card)
        row = {
            "path": self.workspace.relative(path),
            "sha256": file.sha256,
            "width_px": file.width_px,
            "height_px": file.height_px,
            "dpi": round(file.dpi, 3),
            "enhance": manifest.enhance_values(made),
            "chain": [dataclasses.asdict(decision) for decision in self._chain(made)],
            "warnings": list(made.warnings),
        }
        if self.context.keep_stages:
            row["compare"] = keep_stages(
                self.workspace, pick.id, pick.crop.box, made,
                faces=(pick.face,), effective_ppi=pick.crop.effective_ppi,
            )  # fmt: skip
        if self.context.keep_evidence:
            row["provenance"] = keep_provenance(self.workspace, pick.id, pick.crop.box, made, faces=(pick.face,))
        return row

    def _chain(self, made: Enhanced) -> list[Decision]:
        preset = self.context.preset
        return [*([preset] if preset else []), *made.decisions]


_MARGIN_SHARE = 0.08
"""Around a crop, in parts of its width: what moves into it between the frames comes from there."""


def _neighbours_box(pick: Pick, width: int, height: int) -> Box:
    """Return the whole pixels that are fused for a pick: its crop and some more, within the frame."""
    box = pick.crop.box
    margin = _MARGIN_SHARE * box.width
    return Box(
        max(math.floor(box.x0 - margin), 0), max(math.floor(box.y0 - margin), 0),
        min(math.ceil(box.x1 + margin), width), min(math.ceil(box.y1 + margin), height),
    )  # fmt: skip
