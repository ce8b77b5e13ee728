"""What no enhancement can promise, said before it is printed."""

from __future__ import annotations

from fancam.enhance.cleaning import HEAVY_BLOCKINESS

MIN_FACE_HEIGHT_PX = 64
"""A face lower than this in the source has eyes of about 5 pixels: what is drawn there is mostly invented."""

MAX_SCALE = 4.0
"""The networks were trained to enlarge by 4 (Real-ESRGAN, Wang et al. 2021); beyond, it is plain interpolation."""

MIN_EFFECTIVE_PPI = 100.0
"""Source pixels per printed inch below which a print looks soft at arm's length: 100 ppi at 60 cm are 41 pixels per
degree of sight, and 20/20 vision resolves 60 (30 cycles per degree)."""


def print_warnings(
    face_height_px: float | None, scale: float, effective_ppi: float | None, compression: float | None
) -> tuple[str, ...]:
    """Return what cannot be promised for a print, a line each; empty where there is nothing to say.

    Args:
        face_height_px: Of the smallest face that matters, in the source; None where there is no face.
        scale: Print pixels per source pixel.
        effective_ppi: Source pixels per printed inch; None where the size on paper is not known.
        compression: From ``blockiness`` of the source; None where it was not measured.
    """
    found = []
    if face_height_px is not None and face_height_px < MIN_FACE_HEIGHT_PX:
        found.append(
            f"the face is {face_height_px:.0f} px high in the source, under {MIN_FACE_HEIGHT_PX}: "
            "its features are mostly invented; take a closer picture"
        )
    if scale > MAX_SCALE:
        found.append(
            f"enlarged {scale:.1f} times, above {MAX_SCALE:.0f}: detail beyond that is interpolated; "
            "print smaller or crop less"
        )
    if effective_ppi is not None and effective_ppi < MIN_EFFECTIVE_PPI:
        found.append(
            f"{effective_ppi:.0f} source pixels per printed inch, under {MIN_EFFECTIVE_PPI:.0f}: "
            "it looks soft at arm's length; print smaller or crop less"
        )
    if compression is not None and compression > HEAVY_BLOCKINESS:
        found.append(
            f"the source is heavily compressed (block edges {compression:.1f} times as steep as the rest): "
            "they may be drawn as texture; use the original file"
        )
    return tuple(found)
