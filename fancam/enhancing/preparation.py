"""Before a picture is enlarged: its neighbours fused with it, screen, blocks and noise taken out, grain measured."""

from __future__ import annotations

import dataclasses
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import cv2
import numpy as np

from fancam.enhancing.cleaning.deblock import deblock, find_blocks, measure_blockiness
from fancam.enhancing.cleaning.denoise import denoise, is_noisy
from fancam.enhancing.cleaning.learned import LearnedDenoiser
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.enhancing.cleaning.traces import BANDED_SHARE, BANDED_SHARE_PHOTO, measure_traces, smooth_traces
from fancam.enhancing.descreen.paper import lighten_paper
from fancam.enhancing.descreen.removal import descreen
from fancam.enhancing.descreen.screens import HalftoneScreen, find_screens
from fancam.enhancing.dithering import to_depth
from fancam.enhancing.fusion.fuse import GRID, Fused, fuse
from fancam.enhancing.grain.measure import measure_grain
from fancam.enhancing.grain.model import Grain, remove_grain
from fancam.enhancing.resolution import measure_resolution
from fancam.enhancing.work import PX_PER_PRINT_PX, CropRequest, EnhanceJob, Work
from fancam.geometry import Box
from fancam.media import Samples
from fancam.pictures import resample
from fancam.results import Cleaned, Fusion, NoiseModel

Measured = TypeVar("Measured")

CONTEXT_PX = 64
"""Real pixels around what is shown that are cleaned as well, and help to measure; more than any filter reaches."""
FACE_REACH = 0.3
"""Of its size around a face box: hair, ears and the line of the jaw are in it, and they have edges."""


class Preparation:
    """Prepares pictures for the enlargement; may be called in a thread beside the network, one picture at a time.

    Args:
        denoiser: A network that takes noise out; None takes the built-in filter.
    """

    def __init__(self, denoiser: LearnedDenoiser | None = None) -> None:
        self.denoiser = denoiser
        self._of: weakref.ref[Samples] | None = None
        self._measured: dict[str, Any] = {}

    def __call__(self, job: EnhanceJob) -> Work:
        """Return the work of a job, ready for the engine. Nothing of the job's own pixels is changed.

        Raises:
            DeviceError: The device of the denoiser has not enough memory for a tile.
        """
        work = Work(job, job.request, job.faces)
        if job.neighbours and job.neighbours_box is not None and job.fuse.frames > 1:
            work = self._fused(work, job.neighbours_box)
        else:
            work = self._cleaned(dataclasses.replace(work, fusion=Fusion(reason=_why_alone(job))))
        # One that was cleaned with fewer pixels tells nothing of those that it has; fused frames tell nothing of one.
        whole, alone = PX_PER_PRINT_PX * job.request.scale >= 1, work.frames is None
        crop = dataclasses.replace(
            work.crop, true_scale=_true_scale(work if whole and alone else Work(job, job.request, job.faces)),
            fused_scale=_true_scale(work) if whole and not alone else None,
            face_height_px=work.faces[0].box.height if work.faces else None,
        )  # fmt: skip
        return dataclasses.replace(work, crop=crop)

    # --- several frames ----------------------------------------------------------------------------------------

    def _fused(self, work: Work, box: Box) -> Work:
        """Return the work of a frame and its neighbours: fused where that is worth it, else the frame's alone."""
        job = work.job
        reference = np.asarray(job.request.pixels[box.as_slices()], np.uint8)  # frames of videos are
        high, wide = job.neighbours[0].pixels.shape[:2]
        if (high, wide) != reference.shape[:2]:
            reference = resample(reference, Box(0, 0, box.width, box.height), wide, high)
        scale = wide / box.width, high / box.height
        around = job.faces[0].box.shifted(-box.x0, -box.y0).scaled(*scale) if job.faces else None
        fused = fuse(reference, job.neighbours, job.fuse, face=around, grid=GRID if job.request.scale > 1 else 1)
        about = Fusion(
            fused.frames_used, fused.frames_offered, fused.expected_gain_db if fused.frames_offered > 1 else None,
            fused.reason,
        )  # fmt: skip
        # The neighbours are not needed any more, and there are many of them.
        work = dataclasses.replace(work, job=dataclasses.replace(job, neighbours=()), fusion=about)
        return self._cleaned(work) if fused.frames_used == 1 else self._cleaned_finer(work, box, fused)

    def _cleaned_finer(self, work: Work, box: Box, fused: Fused) -> Work:
        """Return a fused picture: noise is taken out of it on its own grid, and that of the frame is made of it."""
        finer, cleaned, grain, notes = self._clean(work.job, fused.pixels, grid=fused.grid)
        height, width = round(box.height), round(box.width)
        scale = finer.shape[1] / width, finer.shape[0] / height
        filter_ = cv2.INTER_AREA if scale[0] > 1 else cv2.INTER_CUBIC
        same = finer.shape[:2] == (height, width)
        pixels = finer if same else cast(Samples, cv2.resize(finer, (width, height), interpolation=filter_))
        work = _cut_to(work, box, pixels)
        own = dataclasses.replace(work.crop, pixels=finer, box=work.crop.box.scaled(*scale))
        return dataclasses.replace(
            work, crop=dataclasses.replace(work.crop, finer=None if same else own), frames=fused.evidence_frames,
            cleaned=cleaned, grain=grain, notes=notes,
        )  # fmt: skip

    # --- one picture -------------------------------------------------------------------------------------------

    def _cleaned(self, work: Work) -> Work:
        """Return a single picture without what the settings take out; the part around what is shown, if it is less."""
        box = _with_context(work.crop)
        part = work.crop.pixels[box.as_slices()]
        shown = PX_PER_PRINT_PX * work.crop.scale
        # Blocks and screens of a photo, and grain that is put back, are what they are at its own size only.
        if work.job.is_video and work.job.clean.grain_strength == 0 and shown < 1:
            height, width = part.shape[:2]
            part = resample(part, Box(0, 0, width, height), math.ceil(width * shown), math.ceil(height * shown))
            pixels, cleaned, grain, notes = self._clean(work.job, part, grid=shown)
            if pixels is not part:
                pixels = cast(Samples, cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC))
        else:
            pixels, cleaned, grain, notes = self._clean(work.job, part)
        if pixels is not part:
            work = _cut_to(work, box, pixels)
        return dataclasses.replace(work, cleaned=cleaned, grain=grain, notes=notes)

    def _clean(
        self, job: EnhanceJob, pixels: Samples, grid: float | None = None
    ) -> tuple[Samples, Cleaned, Grain | None, tuple[str, ...]]:
        """Return the pixels without screen, paper, blocks and noise; the same array where there was none of it.

        What is the same all over a picture is measured on all of it: the job's frame, of which ``pixels`` is a part.

        Args:
            job: The picture, and what is asked of it.
            pixels: A part of it, or what was fused of several frames.
            grid: Pixels along each axis for each of the frame's; None where they are its own.
        """
        settings, whole, other = job.clean, job.request.pixels, grid is not None
        if settings.lift != "off":
            pixels = to_depth(pixels, np.dtype(np.uint16))  # opened shadows have no room between 8-bit levels
        part = pixels
        about = Cleaned(blockiness=self._known(whole, "blockiness", measure_blockiness))
        if not job.is_video:
            pixels, screens = self._descreened(job, pixels)
            about = dataclasses.replace(about, screens=tuple(_screen_values(screen) for screen in screens))
            if settings.paper == "auto":
                pixels, paper = lighten_paper(pixels)
                about = dataclasses.replace(about, paper=paper)
        if settings.deblock == "auto" and not about.screens:  # the blocks of a halftone are gone with it
            pixels, about = self._without_traces(job, pixels, about, grid)
        untouched = pixels is part and not other
        if settings.grain_strength > 0:
            grain = self._known(whole, "grain", measure_grain) if untouched else measure_grain(pixels)
            if grain is not None:
                about = dataclasses.replace(about, grain=grain.sigma, grain_strength=settings.grain_strength)
                return remove_grain(pixels, grain), about, grain, ()
        # A crop may be all fur, which is like noise: all of a picture tells them apart.
        noise = self._known(whole, "noise", measure_noise) if untouched else measure_noise(pixels)
        pixels, about, notes = self._denoised(job, pixels, noise, about)
        return pixels, about, None, notes

    def _without_traces(
        self, job: EnhanceJob, pixels: Samples, about: Cleaned, grid: float | None
    ) -> tuple[Samples, Cleaned]:
        """Return the pixels without what compression left in them, and what that was."""
        whole = job.request.pixels
        traces = self._known(whole, "traces", measure_traces)
        blocks = self._known(whole, "blocks", lambda picture: find_blocks(picture, about.blockiness))
        quality = None if blocks is None else blocks.quality
        about = dataclasses.replace(
            about, banded_share=traces.share, banding_step=traces.steps[0], jpeg_quality=quality
        )  # fmt: skip
        # The low seams of video go with the rest of its traces, and those of fused frames are averaged out.
        low = blocks is None or (job.is_video and (quality is None or grid is not None))
        if low and traces.share >= (BANDED_SHARE if job.is_video else BANDED_SHARE_PHOTO):
            return smooth_traces(pixels, traces, grid or 1), dataclasses.replace(about, smoothed=True)
        if blocks is not None and grid is None:
            return deblock(pixels, blocks), dataclasses.replace(about, deblocked=True)
        return pixels, about

    def _known(self, whole: Samples, what: str, measure: Callable[[Samples], Measured]) -> Measured:
        """Return what is measured on a whole picture; once where several cards are made of it."""
        if self._of is None or self._of() is not whole:
            self._of, self._measured = weakref.ref(whole), {}
        if what not in self._measured:
            self._measured[what] = measure(whole)
        return cast(Measured, self._measured[what])

    def _descreened(self, job: EnhanceJob, pixels: Samples) -> tuple[Samples, Sequence[HalftoneScreen]]:
        if job.clean.descreen == "off":
            return pixels, ()
        screens = self._known(
            job.request.pixels, "screens", lambda whole: find_screens(whole, job.source_dpi, job.clean.lpi)
        )
        return (descreen(pixels, screens), screens) if screens else (pixels, ())

    def _denoised(
        self, job: EnhanceJob, pixels: Samples, noise: NoiseModel, about: Cleaned
    ) -> tuple[Samples, Cleaned, tuple[str, ...]]:
        about = dataclasses.replace(
            about, noise_luma=noise.luma_sigma, noise_chroma=noise.chroma_sigma, noise_evidence=noise.evidence
        )
        strength = job.clean.denoise_strength
        if strength == 0 or (job.clean.denoise == "auto" and not is_noisy(noise)):
            return pixels, about, ()
        if self.denoiser is None:
            about = dataclasses.replace(about, denoiser="builtin", denoise_strength=strength)
            return denoise(pixels, noise, strength), about, ()
        about = dataclasses.replace(
            about, denoiser=self.denoiser.name, denoiser_sha256=self.denoiser.sha256, denoise_strength=strength
        )
        done = self.denoiser.denoise(pixels, noise.luma_sigma * strength, noise)
        return done.pixels, about, done.notes


def _why_alone(job: EnhanceJob) -> str:
    """Return why a picture is not fused with others."""
    if not job.is_video:
        return "a photo has no neighbouring frames"
    return "asked for" if job.fuse.frames == 1 else "no neighbouring frames"


def _true_scale(work: Work) -> float | None:
    """Return what share of its pixels the picture holds at its first face; of all that is shown where that is bare."""
    faces = [measure_resolution(work.crop.pixels, face.box.grown(FACE_REACH)) for face in work.faces[:1]]
    found = faces[0] if faces else None
    return measure_resolution(work.crop.pixels, work.crop.box) if found is None else found


def _with_context(request: CropRequest) -> Box:
    """Return the whole pixels around what is shown, within the frame."""
    height, width = request.pixels.shape[:2]
    box = request.box
    around = Box(
        math.floor(box.x0) - CONTEXT_PX, math.floor(box.y0) - CONTEXT_PX,
        math.ceil(box.x1) + CONTEXT_PX, math.ceil(box.y1) + CONTEXT_PX,
    )  # fmt: skip
    inside = around.clipped(width, height)
    return inside if inside.area > 0 else Box(0, 0, width, height)


def _cut_to(work: Work, part: Box, pixels: Samples) -> Work:
    """Return the work of a part of the frame, whose pixels are these now."""
    x, y = -part.x0, -part.y0
    return dataclasses.replace(
        work, crop=dataclasses.replace(work.crop, pixels=pixels, box=work.crop.box.shifted(x, y)),
        faces=tuple(face.shifted(x, y) for face in work.faces), offset=(part.x0, part.y0),
    )  # fmt: skip


def _screen_values(screen: HalftoneScreen) -> dict[str, object]:
    return {
        "ink": screen.ink,
        "lpi": None if screen.lpi is None else round(screen.lpi, 2),
        "angle_deg": round(screen.angle_deg, 2),
        "period_px": round(screen.period_px, 3),
    }
