"""How good a face is for print: gates, and the terms as one number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from fancam.errors import unknown_choice
from fancam.media import Picture
from fancam.picking.combing import is_combed
from fancam.picking.sharpness import face_sharpness, luma_of
from fancam.picking.terms import (
    MAX_CLIPPED_SHARE,
    exposure_term,
    eyes_term,
    head_term,
    mouth_term,
    pose_term,
    size_term,
    smile_term,
)
from fancam.results import Face, Score
from fancam.settings import PickSettings

WEIGHTS = MappingProxyType(
    {
        "sharpness": 0.36,
        "face_size": 0.15,
        "eyes": 0.20,
        "visible": 0.20,
        "head": 0.10,
        "pose": 0.10,
        "exposure": 0.10,
        "mouth": 0.04,
        "smile": 0.04,
        "confidence": 0.04,
    }
)
"""Exponents of the weighted geometric mean; a term that could not be measured drops out with its weight."""

TERM_FLOOR = 0.02
"""No term can take the whole score to 0: that is what the gates are for."""

DARK_LEVEL, CLIPPED_LEVEL = 20, 248
"""Luma below and above which skin has no drawing left."""
MIN_MEDIAN_LEVEL = 24
"""A face whose median luma is below this prints as a dark blotch."""
BYSTANDER = "bystander"
"""What a face of a photo is rejected as that belongs to somebody the photo is not of."""
FAR_SHARE = 1 / 3
"""A face under this share of the height, or of the sharpness, of the people of the photo is a bystander's. The rows of
a group differ by a third (55 to 82 px among 29 people), and the softest of them has two thirds of the usual sharpness:
a bystander is told by a wide margin, and pose and light say nothing about who is meant."""
MIN_VISIBLE_SHARE = 0.90
EDGE_TOLERANCE_PX = 1.0
"""Detectors clip their boxes to the frame: a box that ends at the border belongs to a face that goes on behind it."""


def skin_luma(pixels: Picture, face: Face) -> npt.NDArray[np.uint8]:
    """Return the luma of the pixels in the middle of a face, (n,): an ellipse that leaves hair and background out.

    Args:
        pixels: (height, width, 3) uint8 RGB, the upright full frame.
        face: The face in it.

    Returns:
        A single black pixel where the box has none in the frame.
    """
    height, width = pixels.shape[:2]
    part = pixels[face.box.grown(-0.12).clipped(width, height).as_slices()]
    if part.size == 0:
        return np.zeros(1, np.uint8)
    luma = luma_of(part)
    high, wide = luma.shape
    mask = np.zeros_like(luma)
    centre = (wide // 2, high // 2)
    cv2.ellipse(mask, centre, (max(wide // 2, 1), max(high // 2, 1)), 0, 0, 360, 255, -1)
    return luma[mask > 0]


def cut_by_frame(face: Face, width: int, height: int) -> bool:
    """Whether part of the face lies outside the frame."""
    box = face.box
    if box.area <= 0 or box.clipped(width, height).area < MIN_VISIBLE_SHARE * box.area:
        return True
    near = EDGE_TOLERANCE_PX
    return box.x0 <= near or box.y0 <= near or box.x1 >= width - near or box.y1 >= height - near


def tell_bystanders(faces: Sequence[Face], scores: Sequence[Score]) -> list[str | None]:
    """Return of each face of a photo why it belongs to somebody the photo is not of, in words; None of the others.

    Args:
        faces: All faces of the photo.
        scores: Of each of them.
    """
    if not faces:
        return []
    heights = np.array([face.box.height for face in faces])
    sharpness = np.array([score.why.get("sharpness") or 0.0 for score in scores])
    usual_px, usual = _median_by_area(heights, heights), _median_by_area(sharpness, heights)
    return [
        f"far smaller than the people of the photo: {height:.0f} px high, they {usual_px:.0f} px"
        if height < FAR_SHARE * usual_px
        else f"far softer than the people of the photo: sharpness {sharp:.2f}, theirs {usual:.2f}"
        if sharp < FAR_SHARE * usual
        else None
        for height, sharp in zip(heights, sharpness, strict=True)
    ]


def _median_by_area(values: npt.NDArray[np.float64], heights: npt.NDArray[np.float64]) -> float:
    """Return the value that half of all face area lies on either side of.

    A crowd in the background has many faces and little of the area, so that it does not outvote a portrait; in a
    group each face counts about alike.
    """
    order = np.argsort(values, kind="stable")
    area = np.cumsum(heights[order] ** 2)
    return float(values[order][np.searchsorted(area, area[-1] / 2)])


def score_face(pixels: Picture, face: Face, settings: PickSettings) -> Score:
    """Score a face for print.

    The value is the weighted geometric mean of the terms in ``why`` (weights in ``WEIGHTS``), so that one bad term
    cannot be outweighed by many mediocre ones; it is 0 where a gate rejects the face. Gates, in this order:
    ``cut_by_frame``, ``face_too_small``, ``too_dark``, ``blown_out``, ``combed``, ``too_soft``.

    Args:
        pixels: (height, width, 3) uint8 RGB, the upright full frame.
        face: The face in it.
        settings: The limits of the gates.

    Returns:
        The score. All terms are measured even where a gate rejects; ``eyes``, ``mouth`` and ``smile`` are None without
        dense landmarks. ``judge_persons`` knows how open the eyes of a person usually are, and whether they are
        ``visible``.
    """
    skin = skin_luma(pixels, face)
    median, clipped_share = float(np.median(skin)), float(np.mean(skin >= CLIPPED_LEVEL))
    exposure = exposure_term(median, clipped_share, float(np.mean(skin <= DARK_LEVEL)))
    pose, sharpness, mesh = pose_term(face), face_sharpness(pixels, face), face.mesh
    terms: dict[str, float | None] = {
        "sharpness": sharpness,
        "face_size": size_term(face.box.height),
        "eyes": None if mesh is None else eyes_term(mesh),
        "visible": None,
        "head": head_term(face, pixels.shape[1], pixels.shape[0]),
        "pose": pose,
        "exposure": exposure,
        "mouth": None if mesh is None else mouth_term(mesh),
        "smile": None if mesh is None else smile_term(mesh),
        "confidence": min(max(face.confidence, 0.0), 1.0),
    }
    why = {name: None if term is None else round(term, 4) for name, term in terms.items()}
    gates = {
        "cut_by_frame": cut_by_frame(face, pixels.shape[1], pixels.shape[0]),
        "face_too_small": face.box.height < settings.min_face_px,
        "too_dark": median < MIN_MEDIAN_LEVEL,
        "blown_out": clipped_share > MAX_CLIPPED_SHARE,
        "combed": is_combed(luma_of(pixels[face.box.clipped(pixels.shape[1], pixels.shape[0]).as_slices()])),
        "too_soft": sharpness < settings.min_sharpness,
    }
    rejected = next((name for name, closed in gates.items() if closed), None)
    return Score(0.0 if rejected else combined(why, term_weights(settings)), MappingProxyType(why), rejected)


def combined(why: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """Return the weighted geometric mean of the terms that were measured; 1 where none of them has a weight."""
    measured = {name: term for name, term in why.items() if term is not None}
    weight = sum(weights[name] for name in measured)
    log = sum(weights[name] * math.log(max(term, TERM_FLOOR)) for name, term in measured.items())
    return round(math.exp(log / weight), 6) if weight else 1.0


def term_weights(settings: PickSettings) -> dict[str, float]:
    """Return the weight of each term, those of ``WEIGHTS`` times those of the settings.

    Raises:
        UsageError: The settings weigh something that is no term.
    """
    asked = settings.term_weights or {}
    for name in asked:
        if name not in WEIGHTS:
            raise unknown_choice("term of weights", name, WEIGHTS)
    return {name: weight * asked.get(name, 1.0) for name, weight in WEIGHTS.items()}
