"""Pairs with truth: crops of sharp pictures, and what a small, blurred, noisy or compressed camera would keep of them.

Every crop is first made smaller by an area filter (except where the picture is sharp at its own size), so that the
truth is crisp to the pixel and free of its own file's compression. Crops for tuning and crops for reporting come from
different pictures.

The people are official portraits and press pictures of the US government and NASA, and a photograph of 1927, all in the
public domain; of the pictures in scikit-image, the coffee and the cat are CC0 by their photographers, the rocket was
released by SpaceX and the deep field by NASA.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from fancam.media import Picture
from fancam.pictures import read_picture
from tests.figures import compressed

TRUTH_PX = 256
"""Side of a truth."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Where a truth comes from."""

    name: str
    picture: str
    """A file under ``data/photo``, or the name of a picture in scikit-image."""
    left: int
    top: int
    reduction: float = 1.0
    """Pixels of the picture per pixel of the truth."""
    face: bool = False


REPORT = (
    Crop("face, portrait", "people/biden/biden2.jpg", 332, 152, 2.5, face=True),
    Crop("face, indoors", "people/biden/biden.jpg", 312, 116, 2.0, face=True),
    Crop("face, stage, one", "group/obama_and_biden.jpg", 658, 322, 1.5, face=True),
    Crop("face, stage, two", "group/obama_and_biden.jpg", 1046, 290, 1.5, face=True),
    Crop("face, astronaut", "astronaut", 98, 0, face=True),
    Crop("faces, 1927", "group/solvay1927.jpg", 1040, 160),
    Crop("hand and truss", "group/obama_and_biden.jpg", 90, 60, 1.5),
    Crop("wrist watch", "people/biden/biden.jpg", 228, 794, 2.0),
    Crop("patches", "astronaut", 30, 256),
    Crop("lights at night", "rocket", 256, 171),
    Crop("cat", "chelsea", 60, 20),
    Crop("letters", "group/solvay1927.jpg", 790, 640),
)  # fmt: skip
TUNE = (
    Crop("face, smiling", "people/obama/obama.jpg", 298, 56, 1.5, face=True),
    Crop("face, speaking", "people/obama/obama2.jpg", 82, 171, 2.0, face=True),
    Crop("face, standing", "people/obama/obama3.jpg", 526, 175, 2.0, face=True),
    Crop("chandelier", "people/obama/obama3.jpg", 480, 0, 2.0),
    Crop("tie and hands", "people/obama/obama.jpg", 300, 500, 1.5),
    Crop("microphone", "people/obama/obama2.jpg", 150, 640, 1.5),
    Crop("cup", "coffee", 200, 60),
    Crop("points of light", "hubble_deep_field", 560, 230),
)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A crop as it would be without loss."""

    crop: Crop
    pixels: Picture
    """(TRUTH_PX, TRUTH_PX, 3) RGB."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A truth and what the camera kept of it."""

    truth: Truth
    degradation: str
    source: Picture
    """Smaller than the truth by ``scale``."""

    @property
    def scale(self) -> float:
        """Truth pixels per source pixel."""
        return self.truth.pixels.shape[1] / self.source.shape[1]


def truths(crops: tuple[Crop, ...], photos: Path) -> list[Truth]:
    """Return the truths of these crops.

    Args:
        crops: ``REPORT``, ``TUNE`` or some of them.
        photos: The folder ``data/photo``.
    """
    return [Truth(crop, _cut(crop, _picture(crop.picture, photos))) for crop in crops]


def _picture(name: str, photos: Path) -> Picture:
    if "/" in name:
        return read_picture(photos / name).pixels
    pixels: Picture = getattr(skimage.data, name)()
    return pixels


def _cut(crop: Crop, picture: Picture) -> Picture:
    side = round(TRUTH_PX * crop.reduction)
    part = picture[crop.top : crop.top + side, crop.left : crop.left + side]
    if part.shape != (side, side, 3):
        raise ValueError(f"{crop} is not inside a picture of {picture.shape}")
    return smaller(part, TRUTH_PX)


def smaller(picture: Picture, side: int) -> Picture:
    """Return a square picture made smaller by averaging areas."""
    if picture.shape[0] == side:
        return picture
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


# --- what is lost -------------------------------------------------------------------------------------------------


def with_noise(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    """Return the picture with white noise of this standard deviation in levels, independent in each channel."""
    noisy = picture + rng.normal(0, sigma, picture.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _clean(truth: Picture, side: int, _rng: np.random.Generator) -> Picture:
    return smaller(truth, side)


def _blur_noise_jpeg(truth: Picture, side: int, rng: np.random.Generator) -> Picture:
    """Out of focus by 0.35 source pixels beyond the area filter, noise 4, JPEG 70."""
    blurred = cv2.GaussianBlur(truth, (0, 0), 0.35 * TRUTH_PX / side)
    return compressed(with_noise(smaller(np.asarray(blurred, np.uint8), side), 4, rng), 70)


def _jpeg(truth: Picture, side: int, _rng: np.random.Generator) -> Picture:
    return compressed(smaller(truth, side), 30)


def _noise(truth: Picture, side: int, rng: np.random.Generator) -> Picture:
    return with_noise(smaller(truth, side), 8, rng)


def _camera(truth: Picture, side: int, rng: np.random.Generator) -> Picture:
    """Light noise and light compression: a good frame of a good clip."""
    return compressed(with_noise(smaller(truth, side), 2, rng), 85)


Degradation = Callable[[Picture, int, np.random.Generator], Picture]
DEGRADATIONS: dict[str, Degradation] = {
    "clean": _clean,
    "blur, noise 4, JPEG 70": _blur_noise_jpeg,
    "JPEG 30": _jpeg,
    "noise 8": _noise,
}
CAMERA: dict[str, Degradation] = {"noise 2, JPEG 85": _camera, "blur, noise 4, JPEG 70": _blur_noise_jpeg}
"""What the share of the network is chosen on."""


def pairs(found: list[Truth], scale: float, degradations: dict[str, Degradation]) -> Iterator[Pair]:
    """Yield every truth with every degradation; the same call gives the same pixels.

    Args:
        found: The truths.
        scale: Truth pixels per source pixel, rounded to what gives whole source pixels.
        degradations: Name to function.
    """
    side = round(TRUTH_PX / scale)
    for truth in found:
        for name, degrade in degradations.items():
            rng = np.random.default_rng([zlib.crc32(f"{truth.crop.name}/{name}".encode()), side])
            yield Pair(truth, name, degrade(truth.pixels, side, rng))


# --- how near -----------------------------------------------------------------------------------------------------


def steepness(picture: Picture) -> float:
    """Return the 98th percentile of the gradient of the luma, in levels per pixel: how crisp its edges are."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    dy, dx = np.gradient(cv2.GaussianBlur(luma, (0, 0), 0.7))
    return float(np.percentile(np.hypot(dx, dy), 98))
