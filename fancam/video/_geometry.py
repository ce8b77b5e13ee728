"""Arithmetic of orientation and sample aspect ratio; no video library is needed here."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from fancam.records import Orientation

_MATRIX = struct.Struct("=9i")
MAX_ASPECT = Fraction(8)
"""A sample aspect ratio beyond this (or its inverse) is a broken header: real ones lie between 9:16 and 16:3."""


def orientation_from_matrix(data: bytes) -> tuple[Orientation, bool]:
    """Return how to turn a stored picture upright, and whether that is exact.

    The display matrix maps a stored point ``(x, y)``, y down, to ``(a x + c y, b x + d y)``; it is stored as nine
    native ``int32`` in row order ``a b u / c d v / x y w`` (libavutil/display.h; ISO/IEC 14496-12, 8.2.2). A negative
    determinant means that the picture is mirrored.

    Args:
        data: At least 36 bytes.

    Returns:
        The nearest orientation of whole quarter turns, and False where the matrix asks for another angle, or is
        degenerate (then it is ignored).
    """
    if len(data) < _MATRIX.size:
        return Orientation(), False
    a, b, _, c, d, *_ = _MATRIX.unpack_from(data)
    determinant = a * d - b * c
    if determinant == 0:
        return Orientation(), False
    mirrored = determinant < 0
    # The image of the stored x axis, the mirroring (which comes first) undone.
    x, y = (-a, -b) if mirrored else (a, b)
    turns = math.atan2(y, x) / (math.pi / 2)
    nearest = round(turns)
    return Orientation(nearest % 4, mirrored), abs(turns - nearest) < 0.01


def orientation_from_rotation(rotation_deg: float) -> Orientation:
    """Return the orientation for libav's rotation, which counts degrees counter-clockwise."""
    return Orientation(round(-rotation_deg / 90) % 4)


def usable_aspect_ratio(ratio: Fraction | None) -> Fraction:
    """Return the sample aspect ratio (width of a sample over its height), 1 where it is unknown or absurd."""
    if not ratio or ratio <= 0:  # None before PyAV 19, a falsy rational since
        return Fraction(1)
    ratio = Fraction(ratio.numerator, ratio.denominator)
    return ratio if 1 / MAX_ASPECT <= ratio <= MAX_ASPECT else Fraction(1)


def square_pixel_size(width: int, height: int, aspect_ratio: Fraction) -> tuple[int, int]:
    """Return the size with square pixels that keeps every stored sample: one side grows, none shrinks.

    Args:
        width: Stored width in samples.
        height: Stored height in samples.
        aspect_ratio: Width of a sample over its height.
    """
    if aspect_ratio >= 1:
        return round(width * aspect_ratio), height
    return width, round(height / aspect_ratio)


def upright_size(width: int, height: int, aspect_ratio: Fraction, orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) of the picture as it is to be seen: square pixels first, then turned."""
    wide, high = square_pixel_size(width, height, aspect_ratio)
    return (high, wide) if orientation.swaps_sides else (wide, high)
