"""What a card shows of a picture: where faces lie on it, which pixels are real, how bleed goes on beyond the frame."""

from __future__ import annotations

from fancam.cropping.bleed import synthesise_bleed
from fancam.cropping.composition import check_border, compose, render_crop, with_bleed
from fancam.cropping.framing import frame_face
from fancam.cropping.placing import main_subjects
