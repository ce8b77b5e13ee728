"""Prints of a clip with truth: of one frame and of several, by plain filters and through a network."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._fancams import Case
from fancam.enhancing import CropRequest, Engine
from fancam.enhancing.cleaning.denoise import denoise, is_noisy
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.enhancing.colour import match_low_band
from fancam.enhancing.engine import auto_share
from fancam.enhancing.enhancer import replace_plain
from fancam.enhancing.fusion.fuse import Fused, fuse
from fancam.geometry import Box
from fancam.media import Picture
from fancam.nn.networks import Network
from fancam.pictures import resample
from fancam.results import Enhanced
from fancam.settings import EnhanceSettings, FuseSettings

T = TypeVar("T")


def whole(pixels: npt.NDArray[np.uint8]) -> Box:
    """Return the box of a whole picture."""
    return Box(0, 0, pixels.shape[1], pixels.shape[0])


def around_face(case: Case, side_px: int) -> Case:
    """Return a square of a case around its face, for a slow network."""
    high, wide = case.reference.shape[:2]
    grid = case.degradation.reduction
    x, y = case.face.centre
    left, top = (min(max(round(c - side_px / 2), 0), n - side_px) for c, n in ((x, wide), (y, high)))
    small = np.s_[top : top + side_px, left : left + side_px]
    large = np.s_[top * grid : (top + side_px) * grid, left * grid : (left + side_px) * grid]
    neighbours = tuple(dataclasses.replace(neighbour, pixels=neighbour.pixels[small]) for neighbour in case.neighbours)
    face = case.face
    moved = Box(face.x0 - left, face.y0 - top, face.x1 - left, face.y1 - top).clipped(side_px, side_px)
    return dataclasses.replace(
        case, truth=case.truth[large], reference=case.reference[small], neighbours=neighbours, face=moved
    )  # fmt: skip


class Engines:
    """One network with the law's share of its picture, or with a given one.

    Args:
        settings: Of the law's.
        network: Loaded.
    """

    def __init__(self, settings: EnhanceSettings, network: Network) -> None:
        self._settings, self._network = settings, network
        self._known: dict[float | None, Engine] = {}

    def __call__(self, share: float | None = None) -> Engine:
        """Return the engine that mixes this share of the network's picture in; None for the law's."""
        if share not in self._known:
            asked = EnhanceSettings(upscaler=self._settings.upscaler, device=self._settings.device, detail=share)
            self._known[share] = Engine.with_network(asked, self._network)
        return self._known[share]


class Prints:
    """What can be made of a case at the size of its truth; each thing is made once, when it is first asked for.

    Args:
        case: The truth, the picked frame and its neighbours.
        engines: The network that enlarges.
    """

    def __init__(self, case: Case, engines: Engines) -> None:
        self.case = case
        self._engines = engines
        self._high, self._wide = case.truth.shape[:2]
        self.seconds: dict[str, float] = {}
        """How long each step took."""

    @property
    def scale(self) -> float:
        """Print pixels per source pixel."""
        return self._wide / self.case.reference.shape[1]

    # --- by plain filters ---------------------------------------------------------------------------------------

    def plain(self, pixels: Picture, filter_name: str = "lanczos") -> Picture:
        """Return a picture at the size of the truth by a plain filter."""
        return resample(pixels, whole(pixels), self._wide, self._high, filter_name)

    @cached_property
    def fused(self) -> Fused:
        """The frames on a finer grid, or the picked frame alone where they do not help."""
        case = self.case
        return self._timed("fuse", lambda: fuse(case.reference, case.neighbours, FuseSettings(), face=case.face))

    @cached_property
    def _small(self) -> Picture:
        """The fused picture with as many pixels as the source."""
        high, wide = self.case.reference.shape[:2]
        if self.fused.grid == 1:
            return self.fused.pixels
        return np.asarray(cv2.resize(self.fused.pixels, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def denoised(self) -> Picture:
        """The picked frame without its noise where there is enough of it to pay; the frame itself where not."""
        noise = measure_noise(self.case.reference)
        if not is_noisy(noise):
            return self.case.reference
        return self._timed("denoise", lambda: np.asarray(denoise(self.case.reference, noise, 1.0), np.uint8))

    # --- through the network ------------------------------------------------------------------------------------

    @cached_property
    def of_one(self) -> Picture:
        """The picked frame."""
        return self._enlarged("one", self.case.reference)[1]

    @cached_property
    def of_denoised(self) -> Picture:
        """The picked frame without its noise."""
        if self.denoised is self.case.reference:
            pixels = self.of_one
            self.seconds["one, denoised"] = self.seconds["one"]
            return pixels
        return self._enlarged("one, denoised", self.denoised)[1]

    @cached_property
    def of_fused(self) -> Picture:
        """The fused picture made as small as the source; the plain filter's part of the print is of the fine one."""
        return self._with_fine("fused", None)

    @cached_property
    def of_fused_less(self) -> Picture:
        """The same with the network's share that the law gives for the scale from the fine grid to the print."""
        return self._with_fine("fused, less", auto_share(self.scale / self.fused.grid))

    def with_share(self, share: float) -> Picture:
        """Return the same with a share of the network's picture that is given."""
        return self._with_fine(f"fused, {share:g}", share)

    @cached_property
    def of_fine(self) -> Picture:
        """The fused picture itself: four times the tiles, and half the scale."""
        return self._enlarged("fine", self.fused.pixels)[1]

    def _with_fine(self, name: str, share: float | None) -> Picture:
        enhanced, pixels = self._enlarged(name, self._small, share)
        if self.fused.grid == 1:
            return pixels
        fine, plain = self.plain(self.fused.pixels), self.plain(self._small)
        return np.asarray(replace_plain(fine, plain, pixels, enhanced.detail), np.uint8)

    def _enlarged(self, name: str, pixels: Picture, share: float | None = None) -> tuple[Enhanced, Picture]:
        """Return the engine's result, and its pixels with the colours of the source."""
        engine = self._engines(share)
        request = CropRequest(pixels, whole(pixels), self._wide, self._high)
        enhanced = self._timed(name, lambda: engine.enhance([request])[0])
        return enhanced, np.asarray(match_low_band(pixels, whole(pixels), enhanced.pixels), np.uint8)

    def _timed(self, name: str, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = work()
        self.seconds[name] = time.perf_counter() - start
        return result
