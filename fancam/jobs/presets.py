"""Which preset fits an input: what is measured on it, and what follows from that."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fancam import pictures
from fancam.enhancing import find_screens, measure_noise
from fancam.jobs.context import Context
from fancam.media import Samples, middle_of
from fancam.results import Decision, Face
from fancam.video import Video

_SAMPLES = 5
"""Key frames of a video that are looked at."""
_GROUP_FACES = 3
_SCAN_DPI = 150.0
"""Scanners state 150 and more; cameras state 72, or 300 beside the exposure."""
_EXPORT_DPI = 240.0
"""What photo editors write into pictures they export (Adobe Camera Raw's default), and no scanner has."""
_LOW_LIGHT_SIGMA = 4.0
"""Levels of 255, in brightness or in colour: less is what any camera has indoors, and the usual cleaning sees to it."""
_PROBE_PX = 1024
"""Side of the middle part in which noise and screens are looked for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of an input before anything is done to it."""

    is_video: bool
    faces: int
    """As many as half of the sampled frames have at least."""
    noise_luma: float
    """In levels of 255, see ``measure_noise``; of a video the median. What may be texture counts as none."""
    noise_chroma: float
    lpi: tuple[float, ...] = ()
    """Of the halftone screens that were found, 0 where the resolution is not known."""
    dpi: float | None = None
    photographed: bool = False
    """Whether a camera says that it made the picture."""

    @property
    def noisy(self) -> bool:
        """Whether it has the noise of low light."""
        return max(self.noise_luma, self.noise_chroma) >= _LOW_LIGHT_SIGMA

    def as_values(self) -> dict[str, Any]:
        """Return the JSON values for the manifest."""
        return {
            "faces": self.faces, "noise_luma": round(self.noise_luma, 2), "noise_chroma": round(self.noise_chroma, 2),
            "screens_lpi": [round(lpi, 1) for lpi in self.lpi], "dpi": self.dpi,
            "photographed": self.photographed,
        }  # fmt: skip


def choose(measured: Measured) -> Decision:
    """Return the preset that fits, and why.

    What must be taken out of a picture comes first: a halftone, then noise, since either would be enlarged. How many
    people are in it only matters where nothing is in the way.
    """
    noise = f"noise of {measured.noise_luma:.1f} levels in brightness, {measured.noise_chroma:.1f} in colour"
    dpi = measured.dpi or 0.0
    scanned = not (measured.is_video or measured.photographed) and dpi >= _SCAN_DPI and dpi != _EXPORT_DPI
    if measured.lpi:
        known = [f"{lpi:.0f} lpi" for lpi in measured.lpi if lpi]
        return Decision("preset", "scan", f"a halftone was found{': ' if known else ''}{', '.join(known)}")
    if scanned:
        return Decision("preset", "album", f"a scan of {dpi:.0f} dpi without a halftone; {noise}")
    if measured.noisy:
        return Decision("preset", "low-light", noise)
    if measured.faces >= _GROUP_FACES:
        return Decision("preset", "group", f"{measured.faces} faces")
    return Decision("preset", "fancam", f"{_people(measured.faces)}, {noise}: nothing is in the way")


def _people(faces: int) -> str:
    return {0: "no face", 1: "one face"}.get(faces, f"{faces} faces")


def measure_video(context: Context, film: Video) -> Measured:
    """Return what is measured on a few key frames of a video."""
    counts, noises = [], []
    for frame in film.sample_frames(_SAMPLES):
        counts.append(len(context.frame_detector.detect([frame.pixels])[0]))
        noises.append(_noise(middle_of(frame.pixels, _PROBE_PX)))
    if not counts:
        return Measured(True, 0, 0.0, 0.0)
    return Measured(
        True, int(statistics.median_high(counts)),
        statistics.median(luma for luma, _ in noises), statistics.median(chroma for _, chroma in noises),
    )  # fmt: skip


def measure_still(still: pictures.StillPicture, faces: Sequence[Face]) -> Measured:
    """Return what is measured on a picture, with the faces found in it."""
    middle = middle_of(still.colour, _PROBE_PX)
    dpi = None if still.dpi is None else still.dpi[0]
    return Measured(
        False, len(faces), *_noise(middle),
        tuple(screen.lpi or 0.0 for screen in find_screens(middle, dpi)), dpi, still.facts.by_camera,
    )  # fmt: skip


def _noise(pixels: Samples) -> tuple[float, float]:
    """Return the noise in brightness and in colour; none where it cannot be told from texture."""
    noise = measure_noise(pixels)
    return (noise.luma_sigma, noise.chroma_sigma) if noise.confident else (0.0, 0.0)
