"""Still pictures in and out, colour profiles, resampling and drawing. The only room that imports Pillow."""

from __future__ import annotations

from fancam.pictures.colour import adobe_rgb_profile, is_srgb, matrix_profile, profile_description, srgb_profile
from fancam.pictures.decode import to_8_bit
from fancam.pictures.difference import delta_e00
from fancam.pictures.draw import Canvas, builtin_font, drawable, fitted, text_width
from fancam.pictures.embedding import AlphaPlane, EmbeddedPicture, embeddable
from fancam.pictures.facts import PictureFacts, picture_facts
from fancam.pictures.fonts import MAX_FONT_BYTES
from fancam.pictures.gamut import OUT_OF_GAMUT_DELTA_E, out_of_gamut
from fancam.pictures.ifd import was_photographed
from fancam.pictures.inks import Ink, most_ink, total_ink
from fancam.pictures.lettering import TextMask, line_width, missing_characters, shaping_available, text_mask
from fancam.pictures.metadata import FieldValue, PictureMetadata, read_metadata, xmp_packet
from fancam.pictures.opening import MAX_PIXELS, looks_like_picture, picture_suffixes
from fancam.pictures.press import PressProfile, read_press_profile, soft_proof, to_press, write_press
from fancam.pictures.read import read_picture, read_still, srgb_view
from fancam.pictures.resample import resample
from fancam.pictures.still import WrittenStill, still_format, writable_suffixes, write_still
from fancam.pictures.write import write_picture

__all__ = [
    "MAX_FONT_BYTES",
    "MAX_PIXELS",
    "OUT_OF_GAMUT_DELTA_E",
    "AlphaPlane",
    "Canvas",
    "EmbeddedPicture",
    "FieldValue",
    "Ink",
    "PictureFacts",
    "PictureMetadata",
    "PressProfile",
    "TextMask",
    "WrittenStill",
    "adobe_rgb_profile",
    "builtin_font",
    "delta_e00",
    "drawable",
    "embeddable",
    "fitted",
    "is_srgb",
    "line_width",
    "looks_like_picture",
    "matrix_profile",
    "missing_characters",
    "most_ink",
    "out_of_gamut",
    "picture_facts",
    "picture_suffixes",
    "profile_description",
    "read_metadata",
    "read_picture",
    "read_press_profile",
    "read_still",
    "resample",
    "shaping_available",
    "soft_proof",
    "srgb_profile",
    "srgb_view",
    "still_format",
    "text_mask",
    "text_width",
    "to_8_bit",
    "to_press",
    "total_ink",
    "was_photographed",
    "writable_suffixes",
    "write_picture",
    "write_press",
    "write_still",
    "xmp_packet",
]
