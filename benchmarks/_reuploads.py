"""Re-uploads with truth: short clips made smaller, enlarged again as a site or an editor does it, and compressed.

A truth is crisp to its pixel: it is made smaller by an area filter from a larger picture. Photos become clips by a
known motion, a hand's: each frame is the picture shifted and turned a little. Clips move by themselves. The truth is
averaged over areas of ``reduction`` pixels, enlarged ``enlarged`` times by ``filter_name``, and coded by x264. What
such a source truly holds is 1 / ``enlarged`` of its pixels a side, whatever the coder takes away beyond that.

People in TUNE and REPORT are different people in different pictures. Constants were fitted on TUNE (and ``resolution``
on its own pictures), but REPORT was looked at meanwhile: which features tell the resolution, where a picture counts as
sharp, nine tenths of the drawn and the least height of a face were settled with its results in view.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from benchmarks._fancams import encode
from fancam import video
from fancam.geometry import Box
from fancam.media import NeighbourFrame, Picture
from fancam.pictures import read_picture

REACH = 4
"""Frames before and after the picked one."""
_LEAD = 3
"""Frames before and after those, so that none of them is the stream's first."""
_SWAY_PX, _SWAY_DEG = 3.0, 0.25
"""Largest movement of the hand, in pixels of the truth and in degrees: a phone held still."""
FILTERS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@dataclass(frozen=True, slots=True)
class Material:
    """Where a truth comes from."""

    name: str
    file: str
    """Under ``data/photo`` or ``data/video``, or the name of a picture in scikit-image."""
    left: int
    top: int
    side: int
    """Of the square that is shown, in pixels of the file."""
    reduction: float
    """Pixels of the file per pixel of the truth; ``side / reduction`` divides by 36."""
    picked: int = 0
    """Number of the frame; clips only."""
    face: bool = True

    @property
    def is_clip(self) -> bool:
        """Whether the material moves by itself."""
        return self.file.endswith((".mp4", ".mkv"))


TUNE = (
    Material("smiling", "people/obama/obama.jpg", 250, 20, 432, 1.5),
    Material("speaking", "people/obama/obama2.jpg", 25, 140, 576, 2.0),
    Material("standing", "people/obama/obama3.jpg", 494, 130, 576, 2.0),
    Material("chandelier", "people/obama/obama3.jpg", 400, 0, 576, 2.0, face=False),
    Material("tie and hands", "people/obama/obama.jpg", 300, 480, 432, 1.5, face=False),
    Material("cup", "coffee", 180, 60, 324, 1.125, face=False),
)  # fmt: skip
REPORT = (
    Material("portrait", "people/biden/biden2.jpg", 300, 130, 720, 2.5),
    Material("indoors", "people/biden/biden.jpg", 280, 96, 576, 2.0),
    Material("stage", "group/obama_and_biden.jpg", 640, 300, 432, 1.5),
    Material("astronaut", "astronaut", 70, 0, 324, 1.125),
    Material("selfie", "phone_selfie.mp4", 190, 500, 720, 2.5, picked=26),
    Material("dance", "dance.mp4", 140, 20, 324, 1.125, picked=700),
    Material("signer", "asl/sister.mkv", 150, 30, 324, 1.125, picked=43),
    Material("cat", "chelsea", 60, 5, 288, 1.0, face=False),
    Material("wrist watch", "people/biden/biden.jpg", 228, 794, 576, 2.0, face=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reupload:
    """What is lost on the way."""

    reduction: int
    """Truth pixels per pixel of what was kept."""
    enlarged: float
    """Pixels of the source per pixel of what was kept, along each axis."""
    filter_name: str
    crf: int | None
    """None leaves the coder out."""

    @property
    def true_scale(self) -> float:
        """What share of its pixels along each axis the source holds."""
        return 1 / self.enlarged

    def __str__(self) -> str:
        """Return it in short."""
        again = "" if self.enlarged == 1 else f" x{self.enlarged:g} {self.filter_name}"
        return f"/{self.reduction}{again}" + ("" if self.crf is None else f" crf {self.crf}")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A truth and what its re-upload holds of it."""

    material: Material
    reupload: Reupload
    truth: Picture
    reference: Picture
    neighbours: tuple[NeighbourFrame, ...]

    @property
    def name(self) -> str:
        """Material and degradation."""
        return f"{self.material.name} {self.reupload}"

    @property
    def box(self) -> Box:
        """The whole reference."""
        return Box(0, 0, self.reference.shape[1], self.reference.shape[0])


def truths(material: Material, media: Path) -> list[Picture]:
    """Return the frames of the material as they would be without loss; the picked one is in the middle.

    Args:
        material: One of ``TUNE`` or ``REPORT``.
        media: The folder that holds ``data``.
    """
    count = 2 * (REACH + _LEAD) + 1
    if material.is_clip:
        path = media / "data/video" / material.file
        with video.open_video(path).scan() as frames:
            pts = [frame.pts for frame in frames]
        first = material.picked - count // 2
        return [_cut(frame.pixels, material) for frame in video.open_video(path).frames(pts[first : first + count])]
    pixels = _photo(material, media)
    path_px, turns_deg = _sway(count, material.name)
    return [
        _cut(_moved(pixels, material, shift * material.reduction, turn), material)
        for shift, turn in zip(path_px, turns_deg, strict=True)
    ]


def picked_truth(material: Material, media: Path) -> Picture:
    """Return the picked frame of the material as it would be without loss."""
    if not material.is_clip:
        return _cut(_photo(material, media), material)
    path = media / "data/video" / material.file
    with video.open_video(path).scan() as frames:
        pts = [frame.pts for frame in frames]
    return _cut(next(iter(video.open_video(path).frames([pts[material.picked]]))).pixels, material)


def _photo(material: Material, media: Path) -> Picture:
    if "/" in material.file:
        return read_picture(media / "data/photo" / material.file).pixels
    pixels: Picture = getattr(skimage.data, material.file)()
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _sway(count: int, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (count, 2) shifts in pixels of the truth and (count,) turns in degrees; none in the middle frame."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    time = np.arange(count) - count // 2
    waves = rng.uniform(0.35, 0.9, (3, 2)), rng.uniform(0, 2 * np.pi, (3, 2))
    swing = np.sin(time[:, None, None] * waves[0] + waves[1]) - np.sin(waves[1])
    paths = swing.sum(axis=2) / 4
    return paths[:, :2] * _SWAY_PX, paths[:, 2] * _SWAY_DEG


def _moved(pixels: Picture, material: Material, shift_px: npt.NDArray[np.float64], turn_deg: float) -> Picture:
    if turn_deg == 0 and not shift_px.any():
        return pixels
    middle = material.left + material.side / 2, material.top + material.side / 2
    matrix = cv2.getRotationMatrix2D(middle, turn_deg, 1.0)
    matrix = matrix + np.array([[0, 0, shift_px[0]], [0, 0, shift_px[1]]])
    size = (pixels.shape[1], pixels.shape[0])
    moved = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


def _cut(pixels: Picture, material: Material) -> Picture:
    part = pixels[material.top : material.top + material.side, material.left : material.left + material.side]
    if part.shape[:2] != (material.side, material.side):
        raise ValueError(f"{material} is not inside a picture of {pixels.shape}")
    side = round(material.side / material.reduction)
    return np.ascontiguousarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def degrade(frames: list[Picture], reupload: Reupload) -> list[Picture]:
    """Return the frames as a site delivers them; the same call gives the same pixels."""
    kept = frames[0].shape[0] // reupload.reduction
    side = round(kept * reupload.enlarged)
    small = []
    for frame in frames:
        pixels = cv2.resize(frame, (kept, kept), interpolation=cv2.INTER_AREA)
        if side != kept:
            pixels = cv2.resize(pixels, (side, side), interpolation=FILTERS[reupload.filter_name])
        small.append(np.asarray(pixels, np.uint8))
    return small if reupload.crf is None else encode(small, reupload.crf)


def case(material: Material, frames: list[Picture], reupload: Reupload) -> Case:
    """Return the case of a material whose true frames are these."""
    seen = degrade(frames, reupload)
    middle = len(frames) // 2
    near = [i for i in range(middle - REACH, middle + REACH + 1) if i != middle]
    neighbours = tuple(NeighbourFrame(seen[i], i, (i - middle) / 30) for i in near)
    return Case(material, reupload, frames[middle], seen[middle], neighbours)


def cases(materials: tuple[Material, ...], reuploads: list[Reupload], media: Path) -> Iterator[Case]:
    """Yield every material with every degradation, one at a time."""
    for material in materials:
        frames = truths(material, media)
        for reupload in reuploads:
            yield case(material, frames, reupload)


# --- how near -----------------------------------------------------------------------------------------------------

_FINE_SIGMA_PX = 1.5
"""Pixels of the truth: what a Gaussian of this width takes out is fine."""
_STEEP_PERCENTILE, _COHERENT, _OBLIQUE = 85, 0.9, 0.35
_EDGE_PX = 8
"""Along the borders nothing is measured."""

_Plane = npt.NDArray[np.float32]


def fine_contrast(pixels: Picture) -> float:
    """Return the standard deviation of what is fine in a picture, in levels of its luma."""
    luma = _luma(pixels)
    fine = luma - _blurred(luma, _FINE_SIGMA_PX)
    return float(fine[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX].std())


class Staircase:
    """How ragged edges are that are smooth in truth.

    Looked at are the steepest pixels of the truth whose surroundings have one direction (structure tensor, coherence
    above 0.9), oblique to the grid, and of those the half that is smoothest in truth. Ragged is how fast the picture
    bends along such an edge in proportion to how fast it rises across it: second derivative along, first across, root
    mean square, at 0.7 pixels of the truth.

    Args:
        truth: Without loss.
    """

    def __init__(self, truth: Picture) -> None:
        luma = _luma(truth)
        dy, dx = _gradient(_blurred(luma, 1.0))
        xx, yy, xy = (_blurred(product, 3.0) for product in (dx * dx, dy * dy, dx * dy))
        coherence = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / np.maximum(xx + yy, 1e-6)
        self._across = np.asarray(0.5 * np.arctan2(2 * xy, xx - yy), np.float32)
        steep = np.hypot(dx, dy)
        here = (steep > np.percentile(steep, _STEEP_PERCENTILE)) & (coherence > _COHERENT)
        here &= np.abs(np.sin(2 * self._across)) > _OBLIQUE
        inner = np.zeros_like(here)
        inner[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] = True
        here &= inner
        along, across = self._bends(luma)
        ragged = np.sqrt(_blurred(along * along, 2.0) / np.maximum(_blurred(across * across, 2.0), 1e-6))
        self._here = here & (ragged <= np.median(ragged[here]))

    def __call__(self, pixels: Picture) -> float:
        """Return how ragged the truth's smooth edges are in a picture of its size, per pixel."""
        along, across = (values[self._here] for values in self._bends(_luma(pixels)))
        return float(np.sqrt((along * along).mean() / (across * across).mean()))

    def _bends(self, luma: _Plane) -> tuple[_Plane, _Plane]:
        """Return (second derivative along the edge, first across it)."""
        dy, dx = _gradient(_blurred(luma, 0.7))
        (dyy, dxy), (_, dxx) = _gradient(dy), _gradient(dx)
        cos, sin = np.cos(self._across), np.sin(self._across)
        along = sin * sin * dxx - 2 * sin * cos * dxy + cos * cos * dyy
        return np.asarray(along, np.float32), np.asarray(cos * dx + sin * dy, np.float32)


def _gradient(plane: _Plane) -> tuple[_Plane, _Plane]:
    padded = np.pad(plane, 1, mode="edge")
    down, right = padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    return np.asarray(down / 2, np.float32), np.asarray(right / 2, np.float32)


def _luma(pixels: Picture) -> _Plane:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)


def _blurred(values: _Plane, sigma_px: float) -> _Plane:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)
