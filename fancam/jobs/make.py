"""From picks to the jobs of their cards: exact frames again, with the neighbours that are fused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fancam.cropping import with_bleed
from fancam.enhancing import PX_PER_PRINT_PX, CropRequest, EnhanceJob
from fancam.files import seed_of
from fancam.geometry import Box, CardGeometry
from fancam.jobs.stream import Item
from fancam.media import NeighbourFrame, Samples
from fancam.results import Crop, Enhanced, Evidence, Pick, Stages
from fancam.settings import Settings
from fancam.video import Video

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


def neighbours_px(geometry: CardGeometry) -> int:
    """Return how long the longer side of what is fused has to be at most: twice what the print can show of it."""
    width, height = geometry.width_px, geometry.height_px
    return math.ceil(PX_PER_PRINT_PX * (max(width, height) + 2 * _MARGIN_SHARE * width))


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
    crop, whole = pick.crop, Box(0, 0, geometry.width_px, geometry.height_px)
    real = crop.real or whole
    request = CropRequest(pixels, crop.source or crop.box, round(real.width), round(real.height))
    return EnhanceJob(
        key, request, (pick.face,), pick.crop.effective_ppi, neighbours=neighbours, neighbours_box=neighbours_box,
        is_video=is_video, seed=seed_of(pick.id), fuse=settings.fuse, clean=settings.clean,
    )  # fmt: skip


def whole_card(made: Enhanced, crop: Crop, geometry: CardGeometry) -> Enhanced:
    """Return what was made of a card's real part as the whole card: bleed that the frame does not have is drawn on.

    So it is in its stages; in its map what is drawn on counts as measured in no frame and as invented.

    Args:
        made: Of the job of a card.
        crop: What the card shows.
        geometry: Of the card.
    """
    if crop.real is None:
        return made
    stages, evidence = made.stages, made.evidence
    if stages is not None:
        network = None if stages.network is None else with_bleed(stages.network, crop, geometry)
        stages = Stages(with_bleed(stages.plain, crop, geometry), network)
    if evidence is not None:
        frames, invented = (
            np.full((geometry.height_px, geometry.width_px), value, np.float32) for value in (0, 1)
        )  # fmt: skip
        frames[crop.real.as_slices()], invented[crop.real.as_slices()] = evidence.frames, evidence.invented
        evidence = Evidence(frames, invented)
    pixels = with_bleed(made.pixels, crop, geometry)
    return dataclasses.replace(made, pixels=pixels, stages=stages, evidence=evidence)


def card_jobs(
    source: Video | Samples, picks: Sequence[Pick], geometry: CardGeometry, settings: Settings, threads: int | None
) -> Iterator[Item]:
    """Yield each pick with its job; one whose frame cannot be decoded again is left out.

    Args:
        source: The video, or the pixels of the photo: (H, W, 3) RGB in its own depth and colour space.
        picks: What was found in it.
        geometry: Of the cards.
        settings: Of fusing and cleaning.
        threads: That decode the video; None takes as many as there are.
    """
    if not isinstance(source, Video):
        for pick in picks:
            yield pick, card_job(pick, pick, source, geometry, settings, is_video=False)
        return
    by_pts: dict[int, list[Pick]] = {}
    for pick in picks:
        assert pick.pts is not None
        by_pts.setdefault(pick.pts, []).append(pick)
    width, height = source.info.width, source.info.height
    regions = {pts: [neighbours_box(pick, width, height) for pick in by_pts[pts]] for pts in sorted(by_pts)}
    windows = source.frames_with_neighbours(
        regions, settings.fuse.frames, longest_px=neighbours_px(geometry), threads=threads
    )  # fmt: skip
    for window in windows:
        pixels, pts = window.frame.pixels, window.frame.pts
        assert pts is not None
        parts = list(zip(by_pts[pts], window.neighbours, regions[pts], strict=True))
        del window  # here and below nothing is held of a card that is being made: frames around it are large
        while parts:
            pick, neighbours, box = parts.pop(0)
            job = card_job(
                pick, pick, pixels, geometry, settings, is_video=True, neighbours=neighbours, neighbours_box=box
            )  # fmt: skip
            del neighbours
            yield pick, job
            del job
