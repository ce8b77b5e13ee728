"""What ``run``, ``pick`` and ``enhance`` would do, and how long it takes: by a trial of the decoder and the network."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fancam import __version__, pictures, video
from fancam.enhancing import Engine
from fancam.files import printable
from fancam.jobs.frame import Paths, as_paths
from fancam.jobs.photos import result_size
from fancam.jobs.sources import find_media, find_pictures, find_videos, output_ending, required
from fancam.jobs.workspace import distinct_stems
from fancam.media import VideoInfo, format_time
from fancam.nn import ModelStore
from fancam.nn.networks import PLAIN_FILTERS
from fancam.paper import card_geometry
from fancam.results import Decision
from fancam.settings import DEFAULT_TOP, Settings

_TRIAL_PX = 96
"""Side of the picture that the network is tried on: 3 s with the default network on two slow cores."""
_TRIAL_FRAMES = 60
_Step = tuple[str, str, str, bool]
"""Name, choice and reason of a step, and whether it is part of the chain."""
_USUAL_SCALE = 1.5
"""Print pixels per pixel of the frame, for cards whose crop is not known yet: a face of 350 px on a card of 300 dpi."""


def plan_run(
    inputs: Paths, settings: Settings | None = None, *, stream: int | None = None, store: ModelStore | None = None,
    by_preset: Mapping[str, Settings] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what ``run`` would do, as JSON values, without writing; with each input the ``chain`` it would go through.

    Args:
        inputs: Videos, photos, or folders of them.
        settings: Of the run; the defaults where None.
        stream: Video stream to use; None takes the largest.
        store: With it ``estimated_s`` is measured, by a trial of the decoder and of the network, in some seconds.
        by_preset: As of ``run``: the preset would be chosen for each input.

    Raises:
        FancamError: An input cannot be used.
    """
    settings = settings or Settings()
    geometry = card_geometry(settings.card)
    photos_chain, videos_chain = (
        _chain(settings, for_card=True, is_video=is_video, by_preset=by_preset) for is_video in (False, True)
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    scan_s, cards = 0.0, 0
    for path, is_video in required(find_media(as_paths(inputs))):
        if is_video:
            film = video.open_video(path, stream=stream)
            info = film.info
            most = moments_at_most(info, settings)
            cards += DEFAULT_TOP if most is None else most
            scan_s += 0.0 if store is None else estimate_scan_s(film)
            rows.append({**_video_row(path, info), "cards_at_most": most, "chain": videos_chain})
        else:
            still = pictures.open_picture(path)
            cards += 1
            rows.append({"path": printable(path), "kind": "photo", "width": still.width, "height": still.height,
                         "cards_at_most": None, "warnings": [], "chain": photos_chain})  # fmt: skip
    card = {"width_px": geometry.width_px, "height_px": geometry.height_px, "dpi": round(geometry.dpi, 3)}
    size_px = (round(geometry.height_px / _USUAL_SCALE), round(geometry.width_px / _USUAL_SCALE))
    seconds = None if store is None else scan_s + estimate_enlarging_s(settings, store, [size_px] * cards)
    return _plan("run", settings, seconds, inputs=rows, card=card)


def plan_pick(
    inputs: Paths, settings: Settings | None = None, *, stream: int | None = None, measured: bool = False
) -> dict[str, Any]:  # fmt: skip
    """Return what ``pick_frames`` would do, as JSON values, without writing; with each video its ``chain``.

    Args:
        inputs: Videos, or folders of them.
        settings: Of the choice; the defaults where None.
        stream: Video stream to use; None takes the largest.
        measured: Whether ``estimated_s`` is measured, by a trial of the decoder, in a second or two; faces that are
            looked at come on top.

    Raises:
        FancamError: An input cannot be used.
    """
    settings = settings or Settings()
    rows: list[dict[str, Any]] = []
    scan_s, chain = 0.0, _as_values(_picking_steps(settings))
    for path, _ in required(find_videos(as_paths(inputs))):
        film = video.open_video(path, stream=stream)
        scan_s += estimate_scan_s(film) if measured else 0.0
        most = moments_at_most(film.info, settings)
        rows.append({**_video_row(path, film.info), "picks_at_most": most, "chain": chain})
    return _plan("pick", settings, scan_s if measured else None, inputs=rows)


def _video_row(path: Path, info: VideoInfo) -> dict[str, Any]:
    return {
        "path": printable(path), "kind": "video", "width": info.width, "height": info.height,
        "duration_s": info.duration_s, "frames_expected": info.frames_expected, "warnings": list(info.warnings),
    }  # fmt: skip


def moments_at_most(info: VideoInfo, settings: Settings) -> int | None:
    """Return how many moments of a video may be chosen; None where only its shots and persons say it."""
    pick, scan = settings.pick, settings.scan
    limits = [] if pick.limit is None else [pick.limit]
    if pick.every_s is not None and info.duration_s is not None:
        end_s = info.duration_s if scan.to_s is None else min(scan.to_s, info.duration_s)
        limits.append(math.ceil(max(end_s - (scan.from_s or 0.0), 0.0) / pick.every_s))
    return min(limits, default=None)


def plan_enhance(
    inputs: Paths, settings: Settings | None = None, *, store: ModelStore | None = None,
    by_preset: Mapping[str, Settings] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what ``enhance_pictures`` would do, as JSON values, without writing; with each picture its ``chain``.

    Args:
        inputs: Pictures, or folders of them.
        settings: Of the enlargement; the defaults where None.
        store: With it ``estimated_s`` is measured, by a trial of the network, in some seconds.
        by_preset: As of ``enhance_pictures``: the preset would be chosen for each picture.

    Raises:
        FancamError: An input cannot be used.
    """
    settings = settings or Settings()
    chain = _chain(settings, for_card=False, is_video=False, by_preset=by_preset)
    rows: list[dict[str, Any]] = []
    sizes_px: list[tuple[int, int]] = []
    paths = [path for path, _ in required(find_pictures(as_paths(inputs)))]
    for path, stem in zip(paths, distinct_stems(paths), strict=True):
        still = pictures.open_picture(path)
        aim = result_size(still, (), settings.photo)
        output = f"{stem}{output_ending(path, settings.photo)}"
        pictures.check_writable(Path(output), aim.width_px, aim.height_px)
        if aim.scale > 1:
            sizes_px.append((round(aim.box.height), round(aim.box.width)))
        rows.append({"path": printable(path), "width": still.width, "height": still.height, "output": output,
                     **aim.as_values(), "warnings": list(still.warnings), "chain": chain})  # fmt: skip
    seconds = None if store is None else estimate_enlarging_s(settings, store, sizes_px)
    return _plan("enhance", settings, seconds, pictures=rows)


def _plan(verb: str, settings: Settings, seconds: float | None, **more: Any) -> dict[str, Any]:
    document = {"fancam": __version__, "verb": verb, "dry_run": True, "settings": settings.as_dict(), **more}
    return document if seconds is None else {**document, "estimated_s": round(seconds, 1)}


def _chain(
    settings: Settings, *, for_card: bool, is_video: bool, by_preset: Mapping[str, Settings] | None
) -> list[dict[str, str]]:  # fmt: skip
    """Return the steps in the order in which they would run, as far as the settings alone tell, as JSON values.

    What is measured first is ``auto``, with what it depends on. Steps that run only where they are asked for are left
    out where they are not, as in the chain of a result.
    """
    fuse, clean, enhance, restore = settings.fuse, settings.clean, settings.enhance, settings.restore.restore
    crop, is_plain = settings.crop, enhance.upscaler in PLAIN_FILTERS
    detail = "auto" if enhance.detail is None else f"{enhance.detail:.0%} network"
    steps: list[_Step] = [
        ("preset", "auto", "measured on each input; it may change what follows", bool(by_preset)),
        *(_picking_steps(settings) if is_video else ()),
        ("crop", crop.framing, f"wider where fewer than {crop.min_ppi:g} source pixels per inch were left", for_card),
        ("fuse", fuse.fuse, f"up to {fuse.frames} frames, as far as they agree", is_video),
        ("descreen", clean.descreen, _depends(clean.descreen, "on whether a halftone is found"), not is_video),
        ("paper", clean.paper, "lightened where it is found", not is_video and clean.paper != "off"),
        ("deblock", clean.deblock, _depends(clean.deblock, "on the traces of compression that are measured"), True),
        ("denoise", clean.denoise, _depends(clean.denoise, "on the noise that is measured and is no texture"), True),
        ("upscale", enhance.upscaler, "a plain filter" if is_plain else "where pixels are missing", True),
        ("detail", detail, _depends(detail, "on the size and on what the picture truly holds"), not is_plain),
        ("restore", restore, _depends(restore, "on whether a face prior's weights are here"), True),
        ("guard", "on" if settings.guard.enabled else "off", "colours and faces are held to the source's", True),
        ("lift", clean.lift, _depends(clean.lift, "on how dark the face is"), clean.lift != "off"),
        ("grain", clean.grain, "measured, taken out, made anew at the new size", clean.grain_strength > 0),
    ]  # fmt: skip
    return _as_values(steps)


def _picking_steps(settings: Settings) -> list[_Step]:
    """Return the steps from a video to its moments."""
    scan, pick = settings.scan, settings.pick
    start, end = (None if one is None else format_time(one) for one in (scan.from_s, scan.to_s))
    parts = {f"from {start}": start, f"to {end}": end, f"within {scan.crop}": scan.crop}
    span = " ".join(words for words, given in parts.items() if given is not None)
    asked = {
        f"{pick.limit} at most": pick.limit,
        f"1 of each {pick.every_s or 0:g} s": pick.every_s,
        f"{pick.per_shot} of each shot": pick.per_shot,
        f"{pick.per_person} of each person": pick.per_person,
    }
    how_many = ", ".join(words for words, given in asked.items() if given is not None)
    judged = "sharpness, light"
    if pick.faces:
        judged = "sharpness, size, eyes, what covers the face, head, pose, light, mouth"
    return [
        ("scan", span or "all of it", "frames by their luma: where they are sharp is looked at", True),
        ("faces", settings.faces.detector, f"{pick.min_face_px} px or higher", pick.faces),
        ("score", pick.weights or "usual weights", judged, True),
        ("pick", how_many, f"different moments, {pick.gap_s:g} s apart or more within a shot", True),
    ]


def _as_values(steps: Sequence[_Step]) -> list[dict[str, str]]:
    return [
        dataclasses.asdict(Decision(step, choice, "" if choice in ("off", "none") else reason))
        for step, choice, reason, is_part in steps if is_part
    ]  # fmt: skip


def _depends(choice: str, on_what: str) -> str:
    return f"depends {on_what}" if choice == "auto" else "asked for"


def estimate_enlarging_s(settings: Settings, store: ModelStore, sizes_px: Sequence[tuple[int, int]]) -> float:
    """Return the seconds that the network needs for pictures of these sizes (height, width); 0 where none runs.

    Cleaning, reading and writing come on top; on a CPU the network is nearly all of it.

    Raises:
        ModelMissingError: The network's weights are not there.
        DeviceError: There is no such device.
    """
    engine = Engine(settings.enhance, store)
    if engine.network is None or not sizes_px:
        return 0.0
    trial = np.full((_TRIAL_PX, _TRIAL_PX, 3), 128, np.uint8)
    engine.upscale([trial[:32, :32]])  # what is only done once
    start = time.perf_counter()
    engine.upscale([trial])
    per_pixel_s = (time.perf_counter() - start) / _TRIAL_PX**2
    return per_pixel_s * sum(height * width for height, width in sizes_px)


def estimate_scan_s(film: video.Video) -> float:
    """Return the seconds that a scan of a video takes, by its first frames; 0 where its length is not known.

    Raises:
        FancamError: The video cannot be decoded.
    """
    with film.scan() as frames:
        start = time.perf_counter()
        count = sum(1 for _ in zip(range(_TRIAL_FRAMES), frames, strict=False))
        taken_s = time.perf_counter() - start
    return taken_s / max(count, 1) * len(film)
