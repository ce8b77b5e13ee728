"""Still pictures in and out, colour profiles, resampling and drawing. The only room that imports Pillow."""

from __future__ import annotations

from fancam.pictures.colour import adobe_rgb_profile, matrix_profile, profile_description, srgb_profile
from fancam.pictures.draw import Canvas, fitted, text_width
from fancam.pictures.ifd import was_photographed
from fancam.pictures.metadata import PictureMetadata, read_metadata, xmp_packet
from fancam.pictures.opening import MAX_PIXELS, looks_like_picture, picture_suffixes
from fancam.pictures.read import read_picture, read_still, srgb_view
from fancam.pictures.resample import resample
from fancam.pictures.still import WrittenStill, still_format, writable_suffixes, write_still
from fancam.pictures.write import write_picture

__all__ = [
    "MAX_PIXELS",
    "Canvas",
    "PictureMetadata",
    "WrittenStill",
    "adobe_rgb_profile",
    "fitted",
    "looks_like_picture",
    "matrix_profile",
    "picture_suffixes",
    "profile_description",
    "read_metadata",
    "read_picture",
    "read_still",
    "resample",
    "srgb_profile",
    "srgb_view",
    "still_format",
    "text_width",
    "was_photographed",
    "writable_suffixes",
    "write_picture",
    "write_still",
    "xmp_packet",
]
