"""Pictures full of texture and without noise: photographs reduced until none is left, and materials made by program.

What noise is told from texture by was chosen on ``TUNE_PHOTOS`` and ``TUNE_MADE``; what is reported are other
photographs and other materials.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from fancam.media import Picture
from fancam.pictures import read_picture

LARGE_PX, SMALL_PX = 512, 128
_MADE_PX = 1024
Floats = npt.NDArray[np.float32]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Photo:
    """A square part of a photograph."""

    name: str
    source: str
    """A file under ``data``, of a video its first frame; or the name of a picture in scikit-image."""
    left: int
    top: int
    side_px: int
    """Of the part; it is made smaller, which takes the camera's noise out."""
    least_reduction: float = 2.0
    """By how much it has to be made smaller until none of its own noise is left: 1 where that was done before, 4 where
    half the size still shows noise of 1.7 to 2.7 levels on plain walls, which cleaning takes out, and rightly."""


@dataclass(frozen=True, slots=True)
class Texture:
    """A texture without noise."""

    name: str
    pixels: Picture
    """(side, side, 3) RGB."""


# fmt: off
TUNE_PHOTOS = (
    Photo("tie", "photo/people/obama/obama.jpg", 330, 380, 512),
    Photo("flag", "photo/people/obama/obama.jpg", 0, 120, 512),
    Photo("red tie", "photo/people/obama/obama2.jpg", 40, 560, 512),
    Photo("chandelier", "photo/people/obama/obama3.jpg", 300, 0, 1024),
    Photo("suit", "photo/people/obama/obama3.jpg", 250, 560, 1024),
    Photo("head", "photo/people/obama/obama3.jpg", 420, 100, 768),
    Photo("coffee", "coffee", 100, 0, 400),
    Photo("bricks", "brick", 0, 0, 512, 1),
    Photo("tissue", "immunohistochemistry", 0, 0, 512),
    Photo("galaxies", "hubble_deep_field", 100, 60, 768),
    Photo("field", "camera", 0, 0, 512),
    Photo("holes", "video/odd/portrait_4k60.mp4", 1200, 500, 1536),
    Photo("boards", "video/odd/portrait_4k60.mp4", 2000, 0, 1536),
    Photo("motorcycle", "stereo_motorcycle", 150, 0, 500),
    Photo("slats", "video/odd/pixel-motion-photo-2-hevc-tracks.mp4", 512, 0, 512),
)
REPORT_PHOTOS = (
    Photo("white hair", "photo/people/biden/biden2.jpg", 300, 0, 640, 4),
    Photo("painted trees", "photo/people/biden/biden2.jpg", 0, 0, 512, 4),
    Photo("striped tie", "photo/people/biden/biden2.jpg", 340, 680, 512, 4),
    Photo("curtain", "photo/people/biden/biden.jpg", 0, 0, 512),
    Photo("dark suit", "photo/people/biden/biden.jpg", 300, 520, 640),
    Photo("trousers", "photo/people/biden/biden.jpg", 200, 1500, 640),
    Photo("girders", "photo/group/obama_and_biden.jpg", 0, 100, 1024, 4),
    Photo("two heads", "photo/group/obama_and_biden.jpg", 600, 260, 768, 4),
    Photo("crowd", "photo/group/obama_and_biden.jpg", 1400, 650, 600, 4),
    Photo("men of 1927", "photo/group/solvay1927.jpg", 300, 100, 640),
    Photo("brick house", "photo/group/solvay1927.jpg", 1100, 0, 512),
    Photo("astronaut", "astronaut", 0, 0, 512),
    Photo("space suit", "astronaut", 112, 212, 300),
    Photo("cat", "chelsea", 100, 0, 300),
    Photo("fur", "chelsea", 240, 60, 200),
    Photo("rocket", "rocket", 110, 0, 427),
    Photo("grass", "grass", 0, 0, 512, 1),
    Photo("gravel", "gravel", 0, 0, 512, 1),
    Photo("gravel, part", "gravel", 200, 200, 256, 1),
    Photo("craters", "moon", 0, 0, 512),
    Photo("vessels", "retina", 300, 300, 1024),
    Photo("graffiti", "video/odd/video_dovi_1920x1080_60fps_dvav_09.mp4", 500, 0, 1024),
    Photo("branches", "video/odd/video_dovi_1920x1080_60fps_dvav_09.mp4", 0, 100, 768),
    Photo("rubble", "video/odd/video_dovi_1920x1080_60fps_dvav_09.mp4", 600, 600, 480),
    Photo("moss in a bottle", "video/odd/8k24fps_300ms.mp4", 900, 1900, 2048),
    Photo("keys", "video/odd/8k24fps_300ms.mp4", 3000, 200, 2048),
    Photo("suits", "photo/group/obama_and_biden.jpg", 560, 400, 1024, 4),
    Photo("lattice", "photo/group/obama_and_biden.jpg", 976, 0, 1024, 4),
    Photo("portrait", "photo/people/biden/biden2.jpg", 80, 0, 1120, 4),
    Photo("painted wall", "video/odd/video_dovi_1920x1080_60fps_dvav_09.mp4", 850, 30, 1024),
    Photo("mask", "video/odd/8k24fps_300ms.mp4", 3500, 1800, 2048),
    Photo("desk", "video/odd/8k24fps_300ms.mp4", 5600, 1000, 2048),
    Photo("bottle", "video/odd/8k24fps_300ms.mp4", 1000, 600, 3600),
    Photo("sunlit face", "video/phone_selfie.mp4", 0, 0, 1024),
    Photo("tower", "video/odd/sample_edit_list_no_sync_frame_before_edit.mp4", 0, 50, 1024),
    Photo("forest", "video/odd/sample_with_colr_mdcv_and_clli.mp4", 800, 40, 1024),
    Photo("dark slope", "video/odd/sample_with_colr_mdcv_and_clli.mp4", 0, 40, 1024),
    Photo("beard", "video/phone_selfie.mp4", 120, 250, 640),
    Photo("facade", "video/odd/sample_edit_list_no_sync_frame_before_edit.mp4", 896, 0, 1024),
)
# fmt: on


def photos(chosen: tuple[Photo, ...], data: Path, side_px: int) -> Iterator[Texture]:
    """Yield the photographs that are large enough, made smaller by averaging areas.

    Args:
        chosen: ``TUNE_PHOTOS`` or ``REPORT_PHOTOS``.
        data: The folder ``data`` of the shared media.
        side_px: Of the results.
    """
    for photo in chosen:
        if photo.side_px >= photo.least_reduction * side_px:
            whole = _picture(photo.source, data)
            part = whole[photo.top : photo.top + photo.side_px, photo.left : photo.left + photo.side_px]
            if part.shape[:2] != (photo.side_px, photo.side_px):
                raise ValueError(f"{photo} is not inside a picture of {whole.shape}")
            yield Texture(photo.name, reduced(part, side_px))


def reduced(picture: Picture, side_px: int) -> Picture:
    """Return a square picture made smaller by averaging areas."""
    size = (side_px, side_px)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _picture(source: str, data: Path) -> Picture:
    if "/" not in source:
        found = getattr(skimage.data, source)()
        found = found[0] if isinstance(found, tuple) else found
        return np.asarray(found if found.ndim == 3 else np.repeat(found[..., None], 3, axis=2), np.uint8)
    if source.startswith("photo/"):
        return np.asarray(read_picture(data / source).pixels, np.uint8)
    with av.open(str(data / source)) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


# --- made by program ----------------------------------------------------------------------------------------------


def made(chosen: dict[str, Callable[[np.random.Generator], Floats]], side_px: int) -> Iterator[Texture]:
    """Yield the made textures at this size; the same call gives the same pixels."""
    for name, make in chosen.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        lit = make(rng) * (0.65 + 0.5 * _light(rng))[..., None]
        yield Texture(name, reduced(np.clip(np.rint(lit), 0, 255).astype(np.uint8), side_px))


def _light(rng: np.random.Generator) -> Floats:
    """Return light and shade that change slowly, 0 to 1."""
    coarse = rng.random((4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (_MADE_PX, _MADE_PX), interpolation=cv2.INTER_CUBIC), np.float32)


def _field(rng: np.random.Generator, across_px: float, along_px: float) -> Floats:
    """Return smooth noise of variance 1 that is stretched along the rows' axis."""
    plane = rng.standard_normal((_MADE_PX, _MADE_PX)).astype(np.float32)
    blurred = cv2.GaussianBlur(plane, (0, 0), sigmaX=across_px, sigmaY=along_px)
    return np.asarray(blurred / blurred.std(), np.float32)


def _between(first: Colour, second: Colour, share: Floats) -> Floats:
    """Return (…, 3) colours from the first to the second."""
    return np.asarray(np.array(first) + share[..., None] * (np.array(second) - np.array(first)), np.float32)


def _cloth(warp: Colour, weft: Colour, thread_px: float, over: int = 1, step: int = 1) -> Callable:
    """Return a maker of woven cloth; plain with ``over`` 1, twill with more."""

    def make(rng: np.random.Generator) -> Floats:
        y, x = np.mgrid[:_MADE_PX, :_MADE_PX].astype(np.float32) / thread_px
        bend = 0.15 * _field(rng, 40, 40)
        x, y = x + bend, y - bend
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        on_top = (column + step * row) % (over + 1) < over
        round_x, round_y = np.sin(np.pi * (x % 1)), np.sin(np.pi * (y % 1))
        height = np.where(on_top, round_x * (0.7 + 0.3 * round_y), round_y * (0.7 + 0.3 * round_x))
        threads = 1 + 0.12 * rng.standard_normal(4096).astype(np.float32)
        own = np.where(on_top, threads[column % 2048], threads[2048 + row % 2048])
        fibres = 1 + 0.08 * np.where(on_top, _field(rng, 0.7, 3), _field(rng, 3, 0.7))
        colour = np.where(on_top[..., None], np.array(warp), np.array(weft))
        return np.asarray(colour * ((0.35 + 0.65 * height) * own * fibres)[..., None], np.float32)

    return make


def _knit(colour: Colour, stitch_px: float) -> Callable:
    def make(rng: np.random.Generator) -> Floats:
        y, x = np.mgrid[:_MADE_PX, :_MADE_PX].astype(np.float32) / stitch_px
        x = x + 0.1 * _field(rng, 30, 30)
        slant = np.abs((x % 1) - 0.5)
        yarn = np.abs(np.sin(np.pi * (y * 1.3 + 1.2 * slant))) * np.abs(np.sin(2 * np.pi * x)) ** 0.5
        fuzz = 1 + 0.1 * _field(rng, 0.8, 0.8)
        return np.asarray(np.array(colour) * ((0.25 + 0.75 * yarn) * fuzz)[..., None], np.float32)

    return make


def _strokes(
    dark: Colour, bright: Colour, count: int, length_px: float, width_px: int, spread: float, wave_px: float
) -> Callable:
    """Return a maker of fur, hair or blades: curved strokes over each other along a field of directions."""

    def make(rng: np.random.Generator) -> Floats:
        turn = spread * _field(rng, wave_px, wave_px) + rng.uniform(0, np.pi)
        canvas = np.full((_MADE_PX, _MADE_PX, 3), dark, np.float32)
        start = rng.uniform(-20, _MADE_PX + 20, (count, 2))
        shade = np.clip(rng.beta(2, 2.5, count) + np.linspace(-0.15, 0.15, count), 0, 1).astype(np.float32)
        colours = _between(dark, bright, shade)
        bends = 0.15 * rng.standard_normal(count)
        for place, colour, bend in zip(start, colours, bends, strict=True):
            points = [place]
            for k in range(5):
                x, y = np.clip(points[-1].astype(int), 0, _MADE_PX - 1)
                angle = turn[y, x] + bend * k
                points.append(points[-1] + length_px / 5 * np.array([np.cos(angle), np.sin(angle)]))
            line = np.rint(np.array(points) * 16).astype(np.int32)
            cv2.polylines(canvas, [line], False, colour.tolist(), width_px, cv2.LINE_8, 4)
        return canvas

    return make


def _pieces(palette: tuple[Colour, ...], count: int, least_px: float, most_px: float, long: float) -> Callable:
    """Return a maker of leaves, confetti or sand: ellipses over each other, their sizes as in nature (dead leaves)."""

    def make(rng: np.random.Generator) -> Floats:
        canvas = np.full((_MADE_PX, _MADE_PX, 3), palette[0], np.float32)
        size = least_px / np.sqrt(1 - rng.random(count) * (1 - (least_px / most_px) ** 2))
        places = rng.uniform(0, _MADE_PX, (count, 2))
        turns, shades = rng.uniform(0, 360, count), rng.uniform(0.4, 1.25, count)
        kinds = rng.integers(0, len(palette), count)
        for k in range(count):
            box = (tuple(places[k]), (size[k], size[k] * long), turns[k])
            colour = (np.array(palette[kinds[k]]) * shades[k]).tolist()
            cv2.ellipse(canvas, box, colour, -1, cv2.LINE_8)
            if size[k] > 12:
                darker = [0.8 * value for value in colour]
                cv2.ellipse(canvas, (box[0], (2, size[k] * long * 0.9), turns[k]), darker, -1, cv2.LINE_8)
        return canvas

    return make


def _stones(palette: tuple[Colour, ...], count: int, roughness: float) -> Callable:
    """Return a maker of gravel, pebbles or leather: cells around points, each lit from one side."""

    def make(rng: np.random.Generator) -> Floats:
        seeds = np.full((_MADE_PX, _MADE_PX), 255, np.uint8)
        at = rng.integers(0, _MADE_PX, (count, 2))
        seeds[at[:, 0], at[:, 1]] = 0
        distance, label = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        gap = cv2.Laplacian(cv2.GaussianBlur(distance, (0, 0), 1.5), cv2.CV_32F)
        dome = cv2.GaussianBlur(distance, (0, 0), 2)
        lit = 1 - 0.05 * cv2.Sobel(dome, cv2.CV_32F, 1, 0) - 0.05 * cv2.Sobel(dome, cv2.CV_32F, 0, 1)
        shades = rng.uniform(0.5, 1.2, label.max() + 1).astype(np.float32)
        colours = np.array(palette, np.float32)[rng.integers(0, len(palette), label.max() + 1)]
        light = lit * shades[label] * np.clip(1 + 1.5 * np.minimum(gap, 0), 0.2, 1)
        light *= 1 + roughness * _field(rng, 1.2, 1.2)
        return np.asarray(colours[label] * light[..., None], np.float32)

    return make


def _ridges(dark: Colour, bright: Colour, across_px: float, along_px: float, fine: float) -> Callable:
    """Return a maker of bark, wood, water or plaster: layers of stretched noise, with creases."""

    def make(rng: np.random.Generator) -> Floats:
        total = np.zeros((_MADE_PX, _MADE_PX), np.float32)
        for octave in range(4):
            scale = 2.0**-octave
            total += scale**fine * (1 - np.abs(_field(rng, across_px * scale, along_px * scale)))
        share = 1 / (1 + np.exp(-1.5 * total))
        return _between(dark, bright, share.astype(np.float32))

    return make


_GREENS = ((20.0, 40.0, 12.0), (60.0, 110.0, 35.0), (95.0, 140.0, 50.0), (130.0, 160.0, 80.0))
_AUTUMN = ((50.0, 30.0, 18.0), (150.0, 80.0, 30.0), (190.0, 130.0, 50.0), (110.0, 45.0, 30.0), (90.0, 95.0, 40.0))
_SANDS = ((150.0, 130.0, 100.0), (190.0, 170.0, 135.0), (120.0, 100.0, 80.0), (215.0, 205.0, 185.0))
_GREYS = ((90.0, 90.0, 92.0), (140.0, 138.0, 134.0), (170.0, 168.0, 160.0), (120.0, 105.0, 95.0))
TUNE_MADE = {
    "linen": _cloth((190, 175, 150), (175, 165, 145), 6),
    "tweed": _cloth((90, 70, 50), (180, 160, 120), 9, 2),
    "jumper": _knit((150, 60, 60), 22),
    "brown fur": _strokes((50, 30, 20), (190, 150, 110), 30000, 60, 2, 0.6, 60),
    "black hair": _strokes((10, 8, 8), (90, 75, 70), 14000, 400, 2, 0.3, 150),
    "bush": _pieces(_GREENS, 40000, 5, 60, 2.0),
    "sand": _pieces(_SANDS, 300000, 2, 9, 1.0),
    "pebbles": _stones(_SANDS, 6000, 0.06),
    "oak bark": _ridges((45, 35, 28), (150, 130, 110), 6, 30, 0.6),
    "glitter": _pieces(((40, 40, 50), (120, 120, 130), (245, 245, 250), (200, 170, 120)), 150000, 3, 8, 1.0),
    "curls": _strokes((40, 22, 14), (140, 95, 65), 20000, 160, 2, 2.0, 40),
    "confetti": _pieces(((220, 40, 60), (50, 90, 200), (240, 220, 60), (250, 250, 250)), 40000, 6, 24, 1.3),
    "snow": _pieces(((225, 230, 240), (245, 247, 250), (205, 212, 228)), 150000, 3, 14, 1.0),
}
REPORT_MADE = {
    "ringlets": _strokes((60, 35, 20), (185, 140, 90), 16000, 120, 2, 2.4, 30),
    "streamers": _strokes((200, 60, 90), (120, 210, 230), 9000, 200, 5, 3.0, 50),
    "glass beads": _pieces(((30, 160, 90), (210, 60, 40), (245, 240, 120), (60, 60, 190)), 60000, 5, 18, 1.0),
    "popcorn": _stones(((250, 240, 205), (235, 215, 160)), 5000, 0.08),
    "denim": _cloth((60, 80, 130), (190, 190, 185), 7, 3),
    "denim, fine": _cloth((50, 65, 110), (170, 175, 180), 3.5, 3),
    "canvas": _cloth((205, 200, 190), (195, 190, 178), 11),
    "silk": _cloth((200, 40, 60), (170, 30, 60), 3, 4, 2),
    "black suit": _cloth((38, 38, 44), (30, 30, 36), 5, 2),
    "tartan": _cloth((150, 30, 30), (30, 70, 60), 8, 2),
    "scarf": _knit((210, 200, 190), 30),
    "fine knit": _knit((70, 80, 120), 10),
    "blond hair": _strokes((110, 80, 45), (240, 215, 165), 16000, 420, 2, 0.35, 120),
    "grey fur": _strokes((70, 70, 75), (220, 218, 215), 40000, 40, 2, 0.9, 80),
    "short fur": _strokes((120, 85, 55), (230, 190, 140), 90000, 18, 2, 0.8, 90),
    "lawn": _strokes((25, 50, 15), (150, 190, 90), 40000, 70, 3, 0.5, 25),
    "dry grass": _strokes((90, 75, 45), (225, 205, 150), 30000, 110, 2, 0.7, 30),
    "trees": _pieces(_GREENS, 70000, 4, 30, 1.6),
    "far trees": _pieces(_GREENS, 200000, 3, 12, 1.4),
    "autumn leaves": _pieces(_AUTUMN, 30000, 6, 80, 1.8),
    "beach": _pieces(_SANDS, 260000, 2.5, 6, 1.1),
    "asphalt": _pieces(_GREYS, 260000, 2, 12, 1.2),
    "sequins": _pieces(((60, 20, 90), (140, 60, 190), (250, 235, 255)), 60000, 8, 12, 1.0),
    "gravel path": _stones(_GREYS, 12000, 0.10),
    "cobbles": _stones(_GREYS, 1500, 0.08),
    "leather": _stones(((95, 55, 35),), 9000, 0.03),
    "carpet": _stones(((120, 40, 50), (140, 50, 55)), 30000, 0.15),
    "pine bark": _ridges((60, 40, 30), (170, 125, 95), 9, 50, 0.8),
    "water": _ridges((20, 50, 80), (150, 190, 210), 30, 8, 0.9),
    "plaster": _ridges((150, 146, 138), (220, 216, 208), 4, 4, 0.4),
    "velvet": _ridges((60, 10, 70), (110, 30, 120), 2, 12, 0.5),
    "corduroy": _ridges((70, 60, 35), (150, 130, 85), 5, 200, 0.2),
    "straw": _strokes((120, 95, 50), (235, 205, 130), 12000, 140, 5, 3.0, 20),
    "moss": _strokes((30, 50, 10), (140, 160, 60), 120000, 14, 2, 4.0, 12),
    "mane": _strokes((25, 15, 10), (120, 70, 40), 30000, 300, 1, 0.4, 200),
    "terrazzo": _pieces(((200, 195, 190), (235, 230, 225), (150, 120, 100), (90, 95, 90)), 12000, 4, 50, 1.4),
    "hedge": _pieces(_GREENS[:3], 110000, 4, 14, 2.2),
    "towel": _stones(((190, 205, 215),), 45000, 0.10),
    "crocodile": _stones(((60, 75, 50), (50, 62, 42)), 700, 0.05),
    "sackcloth": _cloth((170, 140, 95), (155, 125, 85), 16, 1, 1),
    "herringbone": _cloth((70, 72, 78), (150, 150, 150), 6, 2, 2),
    "concrete": _ridges((110, 110, 108), (165, 164, 160), 10, 10, 0.3),
}
