"""Render the sample clip: a short stage fancam whose truly sharp moments are known.

A performer, cut from the public-domain portrait of the astronaut Eileen Collins (NASA; ``skimage.data.astronaut``),
stands before a wall of LED dots under a moving spotlight. The camera pans, shakes, zooms and hunts for focus, the
performer sways, the light flickers; only in a few short moments is the face truly sharp. The script knows the blur of
the face in every frame and writes it beside the clip, so that a picker can be judged by it.

Run ``python samples/render_stage.py`` to write ``stage.mp4`` and ``stage.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace
from skimage.data import astronaut

Image = npt.NDArray[np.float32]
"""(height, width, 3) float32 RGB, linear light, 1.0 is white."""

WIDTH, HEIGHT, FPS, SECONDS, SEED = 1280, 720, 30, 10, 20
FRAMES = FPS * SECONDS
CUT_S = 4.8
SHUTTER = 0.9
"""Share of the frame time the shutter is open: long, as it is in poor light."""
SHARP_FRAMES = 5
SHARP_AT_S = (0.8, 2.2, 3.6, 5.9, 7.4, 8.9)
"""Middle of each sharp moment."""
MIN_BLUR_PX = 2.6
"""Standard deviation of the blur of the face, at the least, in every frame outside the sharp moments."""
CRF = 28.8
"""Leaves the clip below 3 MB."""
NOISE = 0.009
"""Standard deviation of the sensor noise, as a share of white, in the encoded values."""

# What blurs the stretch before each sharp moment, and the one after the last. "performer" leaves the wall crisp: that
# is the trap for whoever measures the whole frame.
BLURS = ("pan", "performer", "focus", "shake", "performer", "pan", "focus")

# Outline of the performer in the 512 × 512 portrait.
OUTLINE = np.array(
    [
        (201, 23), (185, 38), (174, 43), (163, 51), (156, 58), (153, 68), (154, 92), (157, 104), (167, 115), (170, 121),
        (174, 128), (182, 132), (182, 147), (153, 151), (140, 158), (131, 167), (121, 183), (119, 201), (113, 203),
        (108, 208), (103, 218), (63, 254), (55, 277), (52, 285), (51, 298), (57, 305), (57, 312), (54, 336), (48, 351),
        (49, 369), (44, 384), (31, 383), (28, 386), (24, 402), (22, 416), (22, 426), (24, 432), (23, 460), (26, 484),
        (30, 495), (37, 502), (39, 511), (500, 511), (499, 478), (492, 478), (491, 471), (498, 463), (501, 463),
        (502, 455), (495, 452), (493, 421), (490, 409), (478, 384), (454, 360), (436, 351), (416, 344), (393, 344),
        (364, 348), (360, 344), (360, 328), (357, 324), (356, 302), (352, 287), (347, 282), (345, 272), (340, 262),
        (319, 243), (303, 233), (299, 219), (289, 203), (276, 189), (257, 174), (258, 159), (264, 149), (266, 137),
        (275, 134), (290, 117), (296, 107), (299, 97), (299, 72), (296, 58), (288, 43), (276, 31), (248, 18), (227, 16),
        (214, 21),
    ],
    np.int32,
)  # fmt: skip
FACE_AT = (226.0, 128.0)
"""Middle of the face in the portrait."""
FACE_HEIGHT = 112.0
"""From the hairline to the chin, in the portrait."""


@dataclass(frozen=True)
class Sprite:
    """The performer with a soft matte, twice the size of the portrait."""

    colour: Image
    matte: npt.NDArray[np.float32]
    scale: float = 2.0


@dataclass(frozen=True)
class Pose:
    """Where things are at one instant, in pixels of the frame."""

    pan: tuple[float, float]
    roll_deg: float
    zoom: float
    sway: tuple[float, float]
    tilt_deg: float


def linear(encoded: npt.NDArray) -> Image:
    """Return linear light of 8-bit encoded values (plain gamma 2.2)."""
    return np.power(encoded.astype(np.float32) / 255.0, 2.2, dtype=np.float32)


def make_sprite() -> Sprite:
    """Cut the performer out of the portrait."""
    portrait = cv2.resize(astronaut(), None, fx=2, fy=2, interpolation=cv2.INTER_LANCZOS4)
    soft = cv2.GaussianBlur(portrait, (0, 0), 1.6)
    portrait = cv2.addWeighted(portrait, 1.9, soft, -0.9, 0)  # the portrait was enlarged: give it its edges back
    matte = np.zeros(portrait.shape[:2], np.uint8)
    cv2.fillPoly(matte, [OUTLINE * 2], 255)
    matte = cv2.erode(matte, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return Sprite(linear(portrait), cv2.GaussianBlur(matte, (0, 0), 1.6).astype(np.float32) / 255.0)


def nearest_moment(time_s: float) -> tuple[int, float]:
    """Return the number of the nearest sharp moment and the distance to its edge in seconds, 0 inside."""
    half = (SHARP_FRAMES / 2 + 0.5) / FPS
    number = min(range(len(SHARP_AT_S)), key=lambda i: abs(time_s - SHARP_AT_S[i]))
    return number, max(abs(time_s - SHARP_AT_S[number]) - half, 0.0)


def is_sharp(frame: int) -> bool:
    """Whether the face is truly sharp in a frame."""
    return any(abs(frame / FPS - at) < SHARP_FRAMES / 2 / FPS for at in SHARP_AT_S)


def blur_kind(time_s: float) -> str:
    """Return what blurs the face between the sharp moments."""
    return BLURS[sum(time_s > at for at in SHARP_AT_S)]


def pose_at(time_s: float) -> Pose:
    """Return where camera and performer are; both rest in the sharp moments."""
    _, away_s = nearest_moment(time_s)
    stretch = sum(time_s > at for at in SHARP_AT_S)  # between which moments; everything rests where this changes
    calm = 1.0 - math.exp(-((away_s / 0.06) ** 2))
    kind = blur_kind(time_s)
    camera = calm * {"pan": 0.8, "shake": 1.0, "focus": 0.25, "performer": 0.0}[kind]
    body = calm * {"performer": 1.0, "pan": 0.3, "shake": 0.2, "focus": 0.25}[kind]
    t = 2 * math.pi * time_s
    drift = _between_moments(time_s)
    pan = (
        drift[0] + camera * (26 * math.sin(3.1 * t + 0.4) + 12 * math.sin(6.7 * t)),
        drift[1] + camera * (17 * math.sin(3.7 * t + 1.9) + 9 * math.sin(7.3 * t + 1.0)),
    )
    close = time_s >= CUT_S
    sway = (body * 34 * math.sin(2.3 * t + stretch), body * 22 * math.sin(3.3 * t + 0.9))
    zoom = (2.05 if close else 1.5) * (1 + drift[2])
    return Pose(pan, camera * 1.6 * math.sin(2.9 * t), zoom, sway, body * 7 * math.sin(1.9 * t + 0.5) + drift[3])


_HELD = (
    (-70, 6, 0.00, -3),
    (40, -8, 0.06, 2),
    (-10, 14, 0.12, 5),
    (60, 0, 0.00, -4),
    (-50, -6, 0.05, 3),
    (10, 8, -0.06, 0),
)


def _between_moments(time_s: float) -> tuple[float, float, float, float]:
    """Return pan x, pan y, zoom and tilt that hold still in each sharp moment and glide to the next."""
    hold_s = (SHARP_FRAMES / 2 + 1.5) / FPS
    for (at, here), (then, there) in zip(
        zip(SHARP_AT_S, _HELD, strict=True), zip(SHARP_AT_S[1:], _HELD[1:], strict=True), strict=False
    ):
        if at < CUT_S <= then:
            continue
        if at <= time_s <= then:
            share = min(max((time_s - at - hold_s) / (then - at - 2 * hold_s), 0.0), 1.0)
            share = share * share * (3 - 2 * share)
            x, y, zoom, tilt = (a + (b - a) * share for a, b in zip(here, there, strict=True))
            return x, y, zoom, tilt
    number = min(
        (i for i, at in enumerate(SHARP_AT_S) if (at >= CUT_S) == (time_s >= CUT_S)),
        key=lambda i: abs(SHARP_AT_S[i] - time_s),
    )
    x, y, zoom, tilt = _HELD[number]
    return x, y, zoom, tilt


def performer_matrix(pose: Pose, sprite_scale: float) -> npt.NDArray[np.float64]:
    """Return the 2 × 3 matrix from sprite pixels to frame pixels."""
    angle, size = math.radians(pose.roll_deg + pose.tilt_deg), pose.zoom / sprite_scale
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    x = WIDTH * 0.5 + pose.pan[0] + pose.sway[0]
    y = HEIGHT * 0.36 + pose.pan[1] + pose.sway[1]
    fx, fy = FACE_AT[0] * sprite_scale, FACE_AT[1] * sprite_scale
    return np.array([[cos, -sin, x - cos * fx + sin * fy], [sin, cos, y - sin * fx - cos * fy]])


def wall_matrix(pose: Pose, wall_width: int, wall_height: int) -> npt.NDArray[np.float64]:
    """Return the 2 × 3 matrix from wall pixels to frame pixels; the wall is farther away and moves less."""
    angle, size = math.radians(pose.roll_deg), 0.55 + 0.3 * pose.zoom
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    x, y = WIDTH * 0.5 + 0.8 * pose.pan[0], HEIGHT * 0.45 + 0.8 * pose.pan[1]
    fx, fy = wall_width / 2, wall_height / 2
    return np.array([[cos, -sin, x - cos * fx + sin * fy], [sin, cos, y - sin * fx - cos * fy]])


PITCH_PX, WALL_COLUMNS, WALL_ROWS = 12, 150, 88


def led_wall(frame: int, rng: np.random.Generator) -> Image:
    """Return the wall at one instant: dots in moving patterns that flicker from frame to frame."""
    time_s = frame / FPS
    columns, rows = np.meshgrid(np.arange(WALL_COLUMNS), np.arange(WALL_ROWS))
    if time_s < CUT_S:
        wave = np.sin(columns / 7.0 + 5 * time_s) + np.sin(rows / 5.0 - 3 * time_s) + np.sin((columns + rows) / 11.0)
        hue = (0.78 + 0.08 * np.sin(columns / 30.0 + time_s)) % 1.0
        bright = np.clip(wave / 3.0 + 0.25, 0.02, 1.0) ** 2
    else:
        bar = 0.5 + 0.35 * np.sin(columns // 6 * 1.7 + 6 * time_s) + 0.15 * np.sin(columns // 6 * 0.6 - 9 * time_s)
        hue = (0.52 + 0.16 * rows / WALL_ROWS) % 1.0
        bright = np.where(WALL_ROWS - rows < bar * WALL_ROWS * 0.95, 0.8, 0.03)
    sparkle = (rng.random(bright.shape) > 0.99) * 1.2
    flicker = 0.75 + 0.35 * rng.random() + (1.6 if frame % 47 in (11, 12) else 0.0)  # a strobe now and then
    hsv = np.stack([hue * 360, np.full_like(hue, 0.85), np.clip(bright + sparkle, 0, 2) * flicker], axis=2)
    colour = cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2RGB)
    dots = cv2.resize(colour, None, fx=PITCH_PX, fy=PITCH_PX, interpolation=cv2.INTER_NEAREST)
    offset = (np.arange(PITCH_PX) - (PITCH_PX - 1) / 2) ** 2
    dot = np.clip(4.2 - np.sqrt(offset[:, None] + offset[None, :]), 0, 1).astype(np.float32)
    lit = dots * np.tile(dot, (WALL_ROWS, WALL_COLUMNS))[:, :, None] * 0.55
    return lit.astype(np.float32)


def defocused(image: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """Blur by a Gaussian of this standard deviation in pixels; 0 leaves the image as it is."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32) if sigma > 0.05 else image


def shutter_times(frame: int, steps: int) -> list[float]:
    """Return times spread evenly over the time the shutter is open; a cut falls between two frames, never into one."""
    open_s = SHUTTER / FPS
    start = frame / FPS - open_s / 2
    if start < CUT_S <= start + open_s:
        start = CUT_S if frame / FPS >= CUT_S else CUT_S - open_s
    return [start + open_s * (i + 0.5) / steps for i in range(steps)]


def exposure_poses(frame: int) -> list[Pose]:
    """Return poses spread over the exposure, near enough to each other to leave no ghosts."""
    steps = min(max(math.ceil(max(_spread([pose_at(t) for t in shutter_times(frame, 24)])) / 2.0), 1), 16)
    return [pose_at(t) for t in shutter_times(frame, steps)]


def _spread(poses: list[Pose]) -> tuple[float, float]:
    """Return how far the middle of the face and of the wall travel, in pixels."""
    face = np.array([(p.pan[0] + p.sway[0], p.pan[1] + p.sway[1]) for p in poses])
    wall = np.array([p.pan for p in poses]) * 0.8
    travelled = [float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in (face, wall)]
    return travelled[0], travelled[1]


def motion_sigma(frame: int) -> float:
    """Return the standard deviation in pixels of the face's motion blur, in the direction in which it is largest."""
    poses = [pose_at(t) for t in shutter_times(frame, 24)]
    path = np.array([(p.pan[0] + p.sway[0], p.pan[1] + p.sway[1]) for p in poses])
    return float(math.sqrt(max(np.linalg.eigvalsh(np.cov(path.T))[-1], 0.0)))


def focus_sigma(frame: int) -> float:
    """Return the defocus in pixels: a focus hunt, and whatever a frame lacks to be surely blurred."""
    if is_sharp(frame):
        return 0.0
    _, away_s = nearest_moment(frame / FPS)
    ramp = min(away_s / 0.12, 1.0)
    hunt = {"focus": 4.2}.get(blur_kind(frame / FPS), 0.0) * ramp
    lacking = MIN_BLUR_PX**2 - motion_sigma(frame) ** 2
    return max(hunt, math.sqrt(lacking) if lacking > 0 else 0.0)


def stage_light(frame: int, rng: np.random.Generator) -> tuple[Image, float]:
    """Return the light on the performer in every pixel, (height, width, 3), and the exposure of the frame."""
    time_s = frame / FPS
    _, away_s = nearest_moment(time_s)
    x = WIDTH * (0.5 + 0.16 * math.sin(1.7 * time_s) * min(away_s / 0.3, 1.0))
    y = HEIGHT * (0.42 + 0.08 * math.sin(2.3 * time_s))
    columns, rows = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    pool = np.exp(-(((columns - x) / 330) ** 2 + ((rows - y) / 400) ** 2))
    tint = 0.5 + 0.5 * math.sin(1.1 * time_s + 0.6)
    warm = np.array([1.0, 0.93 - 0.12 * tint, 0.86 + 0.10 * tint], np.float32)
    ambient = np.array([0.10, 0.05, 0.16], np.float32)
    gain = 1.0 + 0.10 * math.sin(2 * math.pi * 1.3 * time_s) + 0.12 * (rng.random() - 0.5)
    if not is_sharp(frame) and frame % 41 < 3:
        gain *= 0.55  # a beat of darkness
    return ambient + pool[:, :, None] * warm * 0.95, gain


def beams(frame: int) -> Image:
    """Return haze lit by two moving beams, a quarter of the frame's size, to be enlarged."""
    time_s = frame / FPS
    columns, rows = np.meshgrid(np.arange(WIDTH // 4, dtype=np.float32), np.arange(HEIGHT // 4, dtype=np.float32))
    haze = np.zeros((HEIGHT // 4, WIDTH // 4, 3), np.float32)
    for origin, speed, colour in ((0.2, 1.3, (0.25, 0.1, 0.5)), (0.85, -1.7, (0.1, 0.25, 0.5))):
        angle = 0.5 * math.sin(speed * time_s + origin * 9)
        across = np.abs((columns - origin * WIDTH / 4) * math.cos(angle) - (rows + 30) * math.sin(angle))
        width = 6 + 0.12 * rows
        haze += (np.exp(-((across / width) ** 2)) * (1 - 0.7 * rows / (HEIGHT / 4)))[:, :, None] * np.array(
            colour, np.float32
        )
    return haze


def crowd(frame: int) -> npt.NDArray[np.float32]:
    """Return the matte of the heads before the stage, out of focus, (height, width) float32 in [0, 1]."""
    heads = np.zeros((HEIGHT, WIDTH), np.uint8)
    rng = np.random.default_rng(SEED + 1)
    for x in np.linspace(-40, WIDTH + 40, 9):
        size = 62 + 26 * rng.random()
        bob = 7 * math.sin(2 * math.pi * (frame / FPS * 1.1 + rng.random()))
        centre = (round(x + 30 * rng.random()), round(HEIGHT + 18 + 22 * rng.random() + bob))
        cv2.ellipse(heads, centre, (round(size), round(size * 1.2)), 0, 0, 360, 255, -1)
    return cv2.GaussianBlur(heads, (0, 0), 7).astype(np.float32) / 255.0


def render_frame(frame: int, sprite: Sprite) -> npt.NDArray[np.uint8]:
    """Return one frame as (height, width, 3) uint8 RGB."""
    rng = np.random.default_rng([SEED, frame])
    wall = led_wall(frame, rng)
    light, gain = stage_light(frame, rng)
    sigma = focus_sigma(frame)
    size = (WIDTH, HEIGHT)
    poses = exposure_poses(frame)
    colour, matte = sprite.colour, sprite.matte
    behind, front = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH, 3), np.float32)
    cover = np.zeros((HEIGHT, WIDTH), np.float32)
    still = max(_spread(poses)[1], 0.0) < 0.5
    for pose in poses:
        if not still or pose is poses[0]:
            behind += cv2.warpAffine(wall, wall_matrix(pose, wall.shape[1], wall.shape[0]), size, flags=cv2.INTER_AREA)
        matrix = performer_matrix(pose, sprite.scale)
        alpha = cv2.warpAffine(matte, matrix, size, flags=cv2.INTER_LINEAR)
        front += cv2.warpAffine(colour, matrix, size, flags=cv2.INTER_CUBIC) * alpha[:, :, None]
        cover += alpha
    behind /= 1 if still else len(poses)
    # A performer out of focus is before the wall, and the wall is about as sharp as it was; the camera's own
    # refocusing takes both.
    wall_sigma = 0.35 * sigma if blur_kind(frame / FPS) == "performer" else 0.8 * sigma
    front, cover = (
        defocused(front * np.float32(1 / len(poses)), sigma),
        defocused(cover * np.float32(1 / len(poses)), sigma),
    )
    picture = defocused(behind, wall_sigma) * (1 - cover[:, :, None]) + front * light * 0.95
    glow = cv2.GaussianBlur(cv2.resize(behind, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA), (0, 0), 6)
    glow = cv2.resize(glow * 0.25 + beams(frame) * 0.22, size, interpolation=cv2.INTER_LINEAR)
    picture = (picture + np.maximum(glow, 0)) * (1 - 0.93 * crowd(frame)[:, :, None]) * gain
    encoded = np.power(np.clip(picture, 0, 1), 1 / 2.2) + rng.normal(0, NOISE, picture.shape).astype(np.float32)
    return np.clip(np.rint(encoded * 255), 0, 255).astype(np.uint8)


def rendered() -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of the clip."""
    sprite = make_sprite()
    for frame in range(FRAMES):
        yield render_frame(frame, sprite)


def write_clip(path: Path) -> None:
    """Encode the clip: H.264 in MP4, tagged BT.709, one thread, so that the same encoder gives the same bytes."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, 15360)
        context = stream.codec_context
        context.thread_count = 1
        context.options = {"crf": str(CRF), "preset": "slow", "g": "60", "flags": "+bitexact"}
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1  # BT.709
        for number, pixels in enumerate(rendered()):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = number * 512, Fraction(1, 15360)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def script() -> dict[str, object]:
    """Return what the clip shows, as it is written to ``stage.json``."""
    sharp = [[f for f in range(FRAMES) if is_sharp(f) and abs(f / FPS - at) < 0.3] for at in SHARP_AT_S]
    edges = [0.0, *SHARP_AT_S, float(SECONDS)]
    blur = [math.hypot(motion_sigma(f), focus_sigma(f)) for f in range(FRAMES)]
    return {
        "clip": "stage.mp4", "width": WIDTH, "height": HEIGHT, "fps": FPS, "frames": FRAMES, "seed": SEED,
        "portrait": {
            "what": "Eileen Collins, official portrait", "source": "NASA, as skimage.data.astronaut()",
            "licence": "public domain",
        },
        "cuts_s": [CUT_S],
        "sharp_moments": [
            {"start_s": round(f[0] / FPS, 4), "end_s": round((f[-1] + 1) / FPS, 4)} for f in sharp
        ],
        "blurs": [
            {"kind": kind, "after_s": after, "until_s": until}
            for kind, after, until in zip(BLURS, edges, edges[1:], strict=False)
        ],
        "blur_kinds": {
            "pan": "the camera swings and shakes", "shake": "the hand shakes", "focus": "the focus hunts",
            "performer": "the performer moves before a still camera: the wall stays crisp",
        },
        "face_blur_px": [round(b, 2) for b in blur],
        "face_height_px": [round(FACE_HEIGHT * pose_at(f / FPS).zoom) for f in range(FRAMES)],
    }  # fmt: skip


def _one_line_per_key(document: dict[str, object]) -> str:
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in document.items())
    return f"{{\n{lines}\n}}\n"


def main() -> None:
    """Write the clip and its script."""
    parser = argparse.ArgumentParser(description="Render the sample clip.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    out: Path = parser.parse_args().out
    cv2.setNumThreads(1)
    write_clip(out / "stage.mp4")
    (out / "stage.json").write_text(_one_line_per_key(script()), encoding="utf-8")
    print(f"wrote {out / 'stage.mp4'} ({(out / 'stage.mp4').stat().st_size / 1e6:.2f} MB) and stage.json")


if __name__ == "__main__":
    main()
