"""Still pictures in and out, colour profiles, resampling and drawing. The only room that imports Pillow."""

from __future__ import annotations

from fancam.pictures.colour import adobe_rgb_profile, matrix_profile, profile_description, srgb_profile
from fancam.pictures.metadata import PictureMetadata, read_metadata, xmp_packet
from fancam.pictures.read import MAX_PIXELS, looks_like_picture, picture_suffixes, read_picture
from fancam.pictures.resample import resample
from fancam.pictures.write import replace_file, write_picture

__all__ = [
    "MAX_PIXELS",
    "PictureMetadata",
    "adobe_rgb_profile",
    "looks_like_picture",
    "matrix_profile",
    "picture_suffixes",
    "profile_description",
    "read_metadata",
    "read_picture",
    "replace_file",
    "resample",
    "srgb_profile",
    "write_picture",
    "xmp_packet",
]
