"""From picks to cards: exact frames again, decoded beside the network, enhanced and written one by one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fancam import pictures, video
from fancam.cards import write_card
from fancam.enhance import CropRequest, EnhanceJob
from fancam.errors import FancamError, NotMediaError
from fancam.files import seed_of, sha256_of_file
from fancam.geometry import Box
from fancam.jobs import manifest
from fancam.jobs.context import Context
from fancam.jobs.sources import Source
from fancam.jobs.stages import extras_are_whole, keep_evidence_map, keep_stages
from fancam.jobs.stream import Item, enhance_and_write
from fancam.jobs.workspace import Workspace
from fancam.media import NeighbourFrame, Picture, Progress, Samples
from fancam.provenance import Provenance
from fancam.results import CardGeometry, Decision, Enhanced, Pick
from fancam.settings import Settings

Json = dict[str, Any]

_MARGIN_SHARE = 0.08
"""Around a crop, in parts of its width: what moves into it between the frames comes from there."""


def neighbours_box(pick: Pick, width: int, height: int) -> Box:
    """Return the whole pixels that are fused for a pick: its crop and some more, within the frame."""
    box = pick.crop.box
    margin = _MARGIN_SHARE * box.width
    return Box(
        max(math.floor(box.x0 - margin), 0), max(math.floor(box.y0 - margin), 0),
        min(math.ceil(box.x1 + margin), width), min(math.ceil(box.y1 + margin), height),
    )  # fmt: skip


def card_job(
    key: Any, pick: Pick, pixels: Samples, geometry: CardGeometry, settings: Settings, *,
    is_video: bool, neighbours: tuple[NeighbourFrame, ...] = (), neighbours_box: Box | None = None,
) -> EnhanceJob:  # fmt: skip
    """Return the job of a card.

    Args:
        key: The caller's own.
        pick: The face and the part that is shown.
        pixels: (H, W, 3) RGB of the whole frame.
        geometry: Of the card.
        settings: Of fusing and cleaning.
        is_video: Whether the frame comes from a video.
        neighbours: What lies around the frame in time.
        neighbours_box: Where they lie in the frame.
    """
    request = CropRequest(pixels, pick.crop.box, geometry.width_px, geometry.height_px)
    return EnhanceJob(
        key, request, (pick.face,), pick.crop.effective_ppi, neighbours=neighbours, neighbours_box=neighbours_box,
        is_video=is_video, seed=seed_of(pick.id), fuse=settings.fuse, clean=settings.clean,
    )  # fmt: skip


class CardMaker:
    """Makes the cards of one input after the other.

    Args:
        context: Settings and models.
        workspace: The output folder.
        geometry: Of the cards.
        threads: That decode the video; None takes as many as there are.
    """

    def __init__(
        self, context: Context, workspace: Workspace, geometry: CardGeometry, threads: int | None = None
    ) -> None:  # fmt: skip
        self.context = context
        self.settings = context.settings
        self.workspace = workspace
        self.geometry = geometry
        self._threads = threads
        self._profile: bytes | None = None
        """Of the pixels that are enhanced; None: sRGB."""

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

        def write(pick: Pick, made: Enhanced) -> Json:
            card = self._write_card(source, pick, made)
            # Here, so that a stop between writing and the next card does not lose it.
            self.workspace.record(key, f"card {pick.id}", card)
            return card

        if todo:
            self._profile = None
            show = self._counted(lambda: len(cards) + len(errors), len(picks), self._tiles(todo))
            for pick, made in enhance_and_write(self.context, self._items(source, todo), write, show):
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

    def _items(self, source: Source, picks: Sequence[Pick]) -> Iterator[Item]:
        """Yield each pick with its job: its frame, the neighbours around it and where they lie."""
        settings = self.settings
        if not source.is_video:
            # In its own depth and colour space, which the card keeps where its format can.
            pixels, self._profile = self.context.photo(source.path).opaque_rgb()
            for pick in picks:
                yield pick, card_job(pick, pick, pixels, self.geometry, settings, is_video=False)
            return
        by_pts: dict[int, list[Pick]] = {}
        for pick in picks:
            assert pick.pts is not None
            by_pts.setdefault(pick.pts, []).append(pick)
        film = video.open_video(source.path, stream=self.context.stream)
        width, height = film.info.width, film.info.height
        regions = {pts: [neighbours_box(pick, width, height) for pick in by_pts[pts]] for pts in sorted(by_pts)}
        for window in film.frames_with_neighbours(regions, settings.fuse.frames, threads=self._threads):
            pts = window.frame.pts
            assert pts is not None
            for pick, neighbours, box in zip(by_pts[pts], window.neighbours, regions[pts], strict=True):
                yield pick, card_job(
                    pick, pick, window.frame.pixels, self.geometry, settings, is_video=True, neighbours=neighbours,
                    neighbours_box=box,
                )  # fmt: skip

    def _write_card(self, source: Source, pick: Pick, made: Enhanced) -> Json:
        path = self.workspace.card_path(pick.id, self.settings.card.format)
        self.workspace.make_parent(path)
        provenance = Provenance.of_pick(source.path.name, pick, made, self.geometry)
        file = write_card(made, self.geometry, provenance, path, self.settings.card, profile=self._profile)
        row = {
            "path": self.workspace.relative(path),
            "sha256": file.sha256,
            "width_px": file.width_px,
            "height_px": file.height_px,
            "dpi": round(file.dpi, 3),
            "enhance": manifest.enhance_values(made),
            "chain": [dataclasses.asdict(decision) for decision in self._chain(made)],
            "warnings": [*made.warnings, *file.warnings],
        }

        def view(pixels: Samples) -> Picture:
            return pictures.StillPicture.of(pixels, profile=self._profile).srgb()

        if self.context.keep_stages:
            row["compare"] = keep_stages(
                self.workspace, pick.id, pick.crop.box, made,
                faces=(pick.face,), effective_ppi=pick.crop.effective_ppi, view=view,
            )  # fmt: skip
        if self.context.keep_evidence:
            row["provenance"] = keep_evidence_map(
                self.workspace, pick.id, pick.crop.box, made, faces=(pick.face,), view=view
            )
        return row

    def _chain(self, made: Enhanced) -> list[Decision]:
        preset = self.context.preset
        return [*([preset] if preset else []), *made.decisions]
