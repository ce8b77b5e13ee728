"""Group stages made by program of clips and photos of single people, with everybody known in every frame.

Whoever is on stage is cut out of their own clip around the face (head and bust, feathered), made as large as wanted by
averaging over areas, and put before a dark stage: side by side, changing places so that one passes before the other,
leaving and coming back with another clip, cut and cut again, under moving coloured light with motion blur. x264 codes
what comes of it. The face's box is that of the detector in every fourth frame of the clip, between them interpolated.

Counted by eye before anything was measured: the 20 clips of ``asl`` show five people (hoodie, grey shirt, orange, dark
turtleneck, plaid with glasses), ``dance`` one, ``phone_selfie`` one, the gif of head poses two, the photos Obama,
Biden, Einstein and a red-haired woman, ``solvay1927`` 29, Einstein one of them. ``TUNE`` and ``REPORT`` share nobody.
References come from other clips, or where somebody has one clip only from its last frames, which are not on stage.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fancam import faces, nn, video
from fancam.geometry import Box
from fancam.media import Picture
from fancam.pictures import picture_suffixes, read_picture
from fancam.results import Face
from fancam.settings import FaceSettings

SIZE = (1280, 720)
FPS = 12
MAX_CUTOUT_PX = 130
"""Height of the largest face that is kept of a clip."""
HIDDEN = 0.5
"""Whoever shows less than this share of their face is not expected to be found."""


@dataclass(frozen=True, slots=True)
class Take:
    """One face of a clip or a photo."""

    file: str
    first: int = 0
    last: int = 90
    face: int = 0
    """From the left."""
    step: int = 2
    """Frames of the clip per frame of the stage."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be put on stage."""

    name: str
    takes: tuple[Take, ...]
    references: tuple[Take, ...] = ()
    """Of each the first frame; none of a stranger, whom no roster has."""


def _asl(*names: str, at: int | None = None) -> tuple[Take, ...]:
    return tuple(Take(f"video/asl/{one}.mkv", *((0, 46) if at is None else (at, at))) for one in names)


_POSES, _SOLVAY = "video/head-pose-face-detection-female-and-male.gif", "photo/group/solvay1927.jpg"
_BOTH = "photo/group/obama_and_biden.jpg"
TUNE = (
    Person("grey shirt", _asl("bird", "please", "milk"), _asl("thanks", "sorry", at=12) + _asl("sorry", at=45)),
    Person("orange", _asl("book", "learn"), _asl("school", "walk", at=12) + _asl("school", at=50)),
    Person("plaid", _asl("hungry"), _asl("want", at=12) + _asl("want", at=30) + _asl("want", at=44)),
    Person("selfie", (Take("video/phone_selfie.mp4", 0, 34),),
           tuple(Take("video/phone_selfie.mp4", at) for at in (52, 44, 48))),
    Person("pose, woman", (Take(_POSES, 0, 38, 0, 1),), tuple(Take(_POSES, at, face=0) for at in (55, 46, 50))),
    Person("obama", (Take("photo/people/obama/obama.jpg"),),
           (Take("photo/people/obama/obama2.jpg"), Take("photo/people/obama/obama3.jpg"), Take(_BOTH, face=1))),
    Person("curie", (Take(_SOLVAY, face=7),)),
    Person("langmuir", (Take(_SOLVAY, face=1),)),
)  # fmt: skip
REPORT = (
    Person("hoodie", _asl("again", "brother", "student"), _asl("help", "no", "yes", at=12)),
    Person("turtleneck", _asl("night", "sister"), _asl("eat", at=4) + _asl("eat", at=12) + _asl("eat", at=44)),
    Person("dance", (Take("video/dance.mp4", 20, 240), Take("video/dance.mp4", 380, 600)),
           tuple(Take("video/dance.mp4", at) for at in (800, 700, 940))),
    Person("pose, man", (Take(_POSES, 0, 38, 1, 1),), tuple(Take(_POSES, at, face=1) for at in (55, 46, 50))),
    Person("biden", (Take("photo/people/biden/biden.jpg"),),
           (Take("photo/people/biden/biden2.jpg"), Take(_BOTH, face=0))),
    Person("einstein", (Take(_SOLVAY, face=14),), (Take("photo/goldens/inputs/einstein.png"),)),
    Person("red-haired", (Take("photo/goldens/outputs/blurry-face/GFPGANv1.4.png"),)),
    Person("richardson", (Take(_SOLVAY, face=28),)),
)  # fmt: skip


# --- cutouts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """A person as they move, cut out around the middle of the face."""

    frames: tuple[npt.NDArray[np.uint8], ...]
    """(H, W, 4) RGB and coverage each, of one size; the middle of the face is at ``_MIDDLE`` of it."""
    face_px: tuple[float, float]
    """Width and height of the face's box."""

    def at(self, number: int) -> npt.NDArray[np.uint8]:
        """Return a frame; past the end the clip runs backwards and forwards again."""
        last = len(self.frames) - 1
        there = number % (2 * last) if last else 0
        return self.frames[min(there, 2 * last - there)]


_SPAN = (3.6, 4.0)
"""Width and height of a cutout in face heights."""
_MIDDLE = (0.5, 0.34)


def read_take(take: Take, data: Path, only_first: bool = False) -> tuple[list[Picture], list[Face]]:
    """Return the frames of a take and its face in each."""
    path = data / take.file
    if path.suffix.lower() in picture_suffixes() and path.suffix != ".gif":
        pixels = read_picture(path).pixels
        return [pixels], [_faces(pixels, True)[take.face]]
    with video.open_video(path).scan() as frames:
        pts = [frame.pts for frame in frames]
    last = take.first if only_first else min(take.last, len(pts) - 1)
    found = [frame.pixels for frame in video.open_video(path).frames(pts[take.first : last + 1 : take.step])]
    return found, [_faces(found[number], False)[take.face] for number in range(0, len(found), 4)]


@functools.cache
def _detector(photo: bool) -> faces.FaceDetector:
    scales = faces.PHOTO_LONG_EDGES_PX if photo else None
    return faces.create_detector(FaceSettings(), nn.ModelStore(), long_edges_px=scales)


def _faces(pixels: Picture, photo: bool) -> list[Face]:
    """Return the faces from left to right, without what is much lower than the largest (bystanders)."""
    found = _detector(photo).detect([pixels])[0]
    largest = max(face.box.height for face in found)
    return sorted((face for face in found if face.box.height > largest / 2.5), key=lambda face: face.box.x0)


@functools.cache
def cutout(take: Take, data: Path) -> Cutout:
    """Return a take cut out."""
    frames, found = read_take(take, data)
    every = np.arange(len(found)) * 4
    middles = np.array([face.box.centre for face in found])
    wide, high = (float(np.median([getattr(face.box, side) for face in found])) for side in ("width", "height"))
    factor = min(MAX_CUTOUT_PX / high, 1.0)
    size = (round(_SPAN[0] * high * factor), round(_SPAN[1] * high * factor))
    cut = []
    for number, pixels in enumerate(frames):
        x, y = (np.interp(number, every, middles[:, axis]) for axis in (0, 1))
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else pixels
        shift = np.array([[1, 0, size[0] * _MIDDLE[0] - x * factor], [0, 1, size[1] * _MIDDLE[1] - y * factor]])
        there = cv2.warpAffine(small, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.full(small.shape[:2], 255, np.uint8), shift, size)
        cut.append(np.dstack([there, np.minimum(inside, _silhouette(size, high * factor))]))
    return Cutout(tuple(np.asarray(one, np.uint8) for one in cut), (wide * factor, high * factor))


def _silhouette(size: tuple[int, int], face_px: float) -> npt.NDArray[np.uint8]:
    """Return the coverage of a head and a bust."""
    y, x = np.mgrid[: size[1], : size[0]]
    x, y = (x - size[0] * _MIDDLE[0]) / face_px, (y - size[1] * _MIDDLE[1]) / face_px
    head = (x / 0.72) ** 2 + ((y + 0.12) / 0.92) ** 2 < 1
    bust = (x / 1.45) ** 2 + ((y - 2.3) / 1.6) ** 2 < 1
    return cv2.GaussianBlur(np.where(head | bust, np.uint8(255), np.uint8(0)), (0, 0), 0.05 * face_px).astype(np.uint8)


# --- choreography ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is in a frame."""

    person: int
    take: int
    x: float
    y: float
    face_px: float
    """Height of the face."""
    tilt_deg: float = 0.0


def crossing(count: int, time_s: float, face_px: float = 62, still_s: float = 2.0) -> list[Place]:
    """Return people side by side who change places in pairs every 2 s after a while, one before the other."""
    turn = max(time_s - still_s, 0) / 2
    done, way = int(turn), 0.5 - 0.5 * math.cos(math.pi * (turn % 1))
    share = way if done % 2 == 0 else 1 - way
    placed = []
    for person in range(count):
        partner = min(person ^ 1, count - 1)
        at = person + share * (partner - person)
        x = (at + 0.5) / count * SIZE[0] + 8 * math.sin(2 * time_s + person)
        y = 260 + 4 * math.sin(3 * time_s + 2 * person)
        size = face_px * (1.0 + 0.12 * (person % 3))
        placed.append(Place(person, 0, x, y, size, 7 * math.sin(1.7 * time_s + person)))
    return placed


def leaving(count: int, time_s: float) -> list[Place]:
    """Return people of whom every third leaves after a second and comes back later from where they went."""
    away = 1.3 * (min(max(time_s - 1, 0), 1) - min(max(time_s - 3.2 - 0.3 * (count % 2), 0), 1))
    placed = []
    for one in crossing(count, time_s, still_s=100):
        leaves = one.person % 3 == 0
        edge = -150 if one.x < SIZE[0] / 2 else SIZE[0] + 150
        x = one.x + min(away, 1) * (edge - one.x) if leaves else one.x
        placed.append(Place(one.person, int(leaves and time_s > 3), x, one.y, one.face_px, one.tilt_deg))
    return placed


SHOT_S = 0.75


def cuts(count: int, time_s: float) -> list[Place]:
    """Return a shot each 0.75 s: two near, one nearer, all from the other side, three."""
    shot = int(time_s / SHOT_S)
    kind, start = shot % 4, shot * 3
    shown = {0: 2, 1: 1, 2: count, 3: 3}[kind]
    people = [(start + n) % count for n in range(shown)]
    size = {0: 112, 1: 150, 2: 52, 3: 88}[kind]
    if kind == 2:
        people = people[::-1]
    sway = [math.sin(time_s + n) for n in range(shown)]
    return [
        Place(person, shot, (n + 0.5) / shown * SIZE[0] + 10 * sway[n], 270, size, 8 * sway[n])
        for n, person in enumerate(people)
    ]


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens on a stage."""

    name: str
    seconds: float
    choreography: Callable[[int, float], list[Place]]
    crf: int
    light: bool = False
    """Whether coloured light moves over it and movement blurs it."""


def _leave_then_cut(count: int, time_s: float) -> list[Place]:
    return leaving(count, time_s) if time_s < 5.25 else cuts(count, time_s)


def _cross_then_cut(count: int, time_s: float) -> list[Place]:
    return crossing(count, time_s, still_s=0.5) if time_s < 4.5 else cuts(count, time_s)


def _far(count: int, time_s: float) -> list[Place]:
    return crossing(count, time_s, 27, 1.0)


SCENES = (
    Scene("side by side, crossing", 8, crossing, 23),
    Scene("leaving, cut", 9.75, _leave_then_cut, 26),
    Scene("light, blur", 9, _cross_then_cut, 30, light=True),
    Scene("far, 27 to 33 px", 5, _far, 23),
)
_GAINS = np.array([(1.25, 0.55, 1.1), (0.55, 0.75, 1.3), (1.3, 0.95, 0.5), (0.9, 0.9, 0.9)])
"""Magenta, blue, amber and dim white light."""


# --- frames ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """The truth of somebody in a frame."""

    person: str
    box: Box
    visible: float
    """Share of the face that nobody covers and that lies in the frame."""


def frames_of(scene: Scene, people: Sequence[Person], data: Path) -> Iterator[tuple[Picture, list[Seen]]]:
    """Yield the frames of a scene before they are coded, each with who is there."""
    for number in range(round(scene.seconds * FPS)):
        time_s = number / FPS
        placed = scene.choreography(len(people), time_s)
        shot = sum(one.take for one in placed) + len(placed)
        canvas, owner = _backdrop(shot), np.full(SIZE[::-1], -1, np.int16)
        put = [_put(canvas, owner, index, one, people, number, data) for index, one in enumerate(placed)]
        seen = [
            Seen(people[one.person].name, box, min(float((owner[region] == index).sum()) / own, 1.0))
            for index, (one, (box, region, own)) in enumerate(zip(placed, put, strict=True))
        ]
        yield _lit(canvas, time_s) if scene.light else canvas, seen


def _put(
    canvas: Picture, owner: npt.NDArray[np.int16], index: int, place: Place, people: Sequence[Person], number: int,
    data: Path,
) -> tuple[Box, tuple[slice, slice], int]:  # fmt: skip
    """Put somebody on stage; returns the face's box, its part of the canvas and how many pixels of it are theirs."""
    takes = people[place.person].takes
    cut = cutout(takes[place.take % len(takes)], data)
    factor = place.face_px / cut.face_px[1]
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(cut.at(number), None, fx=factor, fy=factor, interpolation=how)
    high, wide = pixels.shape[:2]
    middle = (wide * _MIDDLE[0], high * _MIDDLE[1])
    turned = cv2.warpAffine(pixels, cv2.getRotationMatrix2D(middle, place.tilt_deg, 1.0), (wide, high))
    left, top = round(place.x - middle[0]), round(place.y - middle[1])
    rows, columns = slice(max(top, 0), min(top + high, SIZE[1])), slice(max(left, 0), min(left + wide, SIZE[0]))
    width, height = (side * factor for side in cut.face_px)
    box = Box(place.x - width / 2, place.y - height / 2, place.x + width / 2, place.y + height / 2)
    area = max(round(width) * round(height), 1)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return box, (slice(0, 0), slice(0, 0)), area
    part = turned[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    cover = part[:, :, 3:].astype(np.float32) / 255
    canvas[rows, columns] = np.rint(canvas[rows, columns] * (1 - cover) + part[:, :, :3] * cover)
    owner[rows, columns][cover[:, :, 0] > 0.5] = index
    region = box.clipped(*SIZE).as_slices() if min(box.x1, SIZE[0] - box.x0) > 1 else (slice(0, 0), slice(0, 0))
    return box, region, area


@functools.cache
def _painted(shot: int) -> Picture:
    random = np.random.default_rng(shot)
    coarse = random.uniform(10, 75, (5, 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC) + random.normal(0, 2, (*SIZE[::-1], 3))
    return np.clip(smooth, 0, 255).astype(np.uint8)


def _backdrop(shot: int) -> Picture:
    """Return a dark stage, another one for each shot."""
    return _painted(shot).copy()


def _lit(pixels: Picture, time_s: float) -> Picture:
    """Return a frame under coloured light that moves, blurred by 1/40 s of movement."""
    at = 1.3 * time_s + np.linspace(0, 3, SIZE[0])
    low = np.floor(at).astype(int) % len(_GAINS)
    share = (at % 1)[:, None]
    gains = (1 - share) * _GAINS[low] + share * _GAINS[(low + 1) % len(_GAINS)]
    length, angle = 7, 1.1 * time_s
    kernel = np.zeros((length, length), np.float32)
    reach = np.array([math.cos(angle), math.sin(angle)]) * (length - 1) / 2
    ends = [tuple(round(float(v)) for v in (length - 1) / 2 + sign * reach) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    blurred = cv2.filter2D(pixels.astype(np.float32), -1, kernel / kernel.sum())
    return np.clip(np.rint(blurred * gains[None]), 0, 255).astype(np.uint8)
