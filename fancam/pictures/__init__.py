"""Still pictures in and out, colour profiles, resampling and drawing. The only room that imports Pillow."""

from __future__ import annotations

from fancam.pictures.colour import adobe_rgb_profile, is_srgb, matrix_profile, profile_description, srgb_profile
from fancam.pictures.decode import to_8_bit
from fancam.pictures.draw import Canvas, builtin_font, drawable, fitted, text_width
from fancam.pictures.embedding import EmbeddedPicture, embeddable
from fancam.pictures.fonts import find_font
from fancam.pictures.gamut import delta_e00, most_ink, out_of_gamut, total_ink
from fancam.pictures.header import PictureFacts
from fancam.pictures.lettering import TextMask, line_width, missing_characters, shaping_available, text_mask
from fancam.pictures.opening import MAX_PIXELS, looks_like_picture, picture_suffixes
from fancam.pictures.press import PressProfile, read_press_profile, soft_proof, to_press
from fancam.pictures.resample import averaged_for, resample
from fancam.pictures.save import SavedPicture, check_writable, holds_16_bits, save_picture, writable_suffixes
from fancam.pictures.still import StillPicture, open_picture, read_picture
from fancam.pictures.xmp import FieldValue, PictureMetadata, xmp_packet
