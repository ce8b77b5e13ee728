"""Colour for the press: how near the conversion is to littleCMS run directly, its cost, and what cannot be printed.

``python -m benchmarks press [--profile FILE.icc]... [--photos FOLDER]``: a made profile always, real CMYK and printer
profiles where they are given or found in /usr/share/color/icc.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from fancam.geometry import Box
from fancam.media import Picture
from fancam.pictures import (
    PressProfile,
    delta_e00,
    most_ink,
    out_of_gamut,
    read_picture,
    read_press_profile,
    resample,
    srgb_profile,
    to_press,
    total_ink,
)
from fancam.pictures.press import lab_of_press
from tests import press_profiles

INTENTS = ("perceptual", "relative", "saturation", "absolute")
_PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "photo"
_LONG_SIDE_PX = 1000
_BPC = ImageCms.Flags.BLACKPOINTCOMPENSATION


def main(arguments: list[str]) -> None:
    """Print a table for each profile: a row for each intent, over all photos."""
    parser = argparse.ArgumentParser(prog="benchmarks press")
    parser.add_argument("--profile", type=Path, action="append", default=[])
    parser.add_argument("--photos", type=Path, default=_PHOTOS)
    given = parser.parse_args(arguments)
    paths = [path for path in sorted(given.photos.rglob("*.jpg")) if "goldens" not in path.parts]
    photos = [_small(read_picture(path).pixels) for path in paths]
    megapixels = sum(photo.shape[0] * photo.shape[1] for photo in photos) / 1e6
    print(f"{len(photos)} photos, {megapixels:.1f} megapixels; CIEDE2000 through the profile to 8-bit L*a*b*, of which")
    print("one step is up to 1.4: mean / max against the same pipeline; mean, 99 %, max against its table of 33 steps")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.icc"
        made.write_bytes(press_profiles.cmyk_press())
        found = press_profiles.real_cmyk_profile()
        for path in (made, *given.profile, *([found] if found else [])):
            _table(read_press_profile(path), photos, megapixels)


def _small(pixels: Picture) -> Picture:
    height, width = pixels.shape[:2]
    scale = min(_LONG_SIDE_PX / max(height, width), 1)
    return resample(pixels, Box(0, 0, width, height), round(width * scale), round(height * scale))


def _table(press: PressProfile, photos: list[Picture], megapixels: float) -> None:
    print(f"\n{press.description} ({press.space})")
    print(f"{'intent':12} {'same pipeline':>15} {'its own table':>20} {'ink %':>6} {'at most':>8} {'s/100 MP':>9}")
    for number, intent in enumerate(INTENTS):
        started = time.perf_counter()
        inks = [to_press(photo, None, press, intent=intent, black_point=True) for photo in photos]
        seconds = time.perf_counter() - started
        same = _apart(inks, photos, press, number, ImageCms.Flags.NOOPTIMIZE | _BPC)
        table = _apart(inks, photos, press, number, _BPC)
        ink = ("", "")
        if press.space == "cmyk":
            ink = (f"{max(map(most_ink, inks)):.0f}", f"{max(int(total_ink(part).max()) for part in inks)}")
        print(
            f"{intent:12} {f'{same.mean():.3f} / {same.max():.2f}':>15} "
            f"{f'{table.mean():.3f} {np.percentile(table, 99):.2f} {table.max():.2f}':>20} "
            f"{ink[0]:>6} {ink[1]:>8} {seconds / megapixels * 100:9.1f}"
        )
    started = time.perf_counter()
    shares = [out_of_gamut(photo, None, press)[1] for photo in photos]
    seconds = time.perf_counter() - started
    darker = [out_of_gamut(photo, None, press, black_point=False)[1] for photo in photos]
    print(
        f"out of gamut: mean {100 * np.mean(shares):.2f} %, most {100 * max(shares):.2f} % of a photo "
        f"({seconds / megapixels * 100:.0f} s per 100 MP)"
    )
    print(f"  counting tones darker than ink too: {100 * np.mean(darker):.1f} %; littleCMS' own check:", end=" ")
    print(f"{100 * np.mean([_alarmed(photo, press) for photo in photos]):.1f} %")


def _apart(inks: list[Picture], photos: list[Picture], press: PressProfile, intent: int, flags: int) -> np.ndarray:
    """Return the colour differences between our pixels and those of one call of littleCMS for a whole picture."""
    found = []
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (srgb_profile(), press.data))
    transform = ImageCms.buildTransform(
        source, target, "RGB", press.mode, ImageCms.Intent(intent), ImageCms.Flags(flags)
    )
    for ink, photo in zip(inks, photos, strict=True):
        theirs = np.asarray(ImageCms.applyTransform(Image.fromarray(photo), transform))
        found.append(delta_e00(lab_of_press(ink, press), lab_of_press(theirs, press)).ravel())
    return np.concatenate(found)


def _alarmed(photo: Picture, press: PressProfile) -> float:
    """Return the share of a photo that littleCMS' gamut check paints over."""
    screen, target = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (srgb_profile(), press.data))
    shown = []
    for flags in (ImageCms.Flags.SOFTPROOFING, ImageCms.Flags.SOFTPROOFING | ImageCms.Flags.GAMUTCHECK):
        transform = ImageCms.buildProofTransform(screen, screen, target, "RGB", "RGB", flags=flags)
        shown.append(np.asarray(ImageCms.applyTransform(Image.fromarray(photo), transform)).astype(int))
    return float(np.mean(np.abs(shown[0] - shown[1]).max(axis=2) > 8))
