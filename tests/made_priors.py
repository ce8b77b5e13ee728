"""Stand-ins for face priors whose effect is known: each takes an aligned face to what it would draw."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from fancam.enhancing.prior.alignment import TEMPLATE
from fancam.media import Picture

Prior = Callable[[Picture], Picture]
"""(512, 512, 3) uint8 RGB in face space to the same."""


def sharpener(amount: float = 0.6, sigma_px: float = 3.0) -> Prior:
    """Return a prior that only sharpens (unsharp mask): a harmless one."""

    def draw(face: Picture) -> Picture:
        soft = cv2.GaussianBlur(face, (0, 0), sigma_px).astype(np.float32)
        return np.clip(face + amount * (face - soft), 0, 255).round().astype(np.uint8)

    return draw


def stranger(other: Picture) -> Prior:
    """Return a prior that draws another person's face, whatever it is given."""

    def draw(face: Picture) -> Picture:
        return other

    return draw


def eyes_moved(share: float) -> Prior:
    """Return a prior that moves both eyes apart by this share of their distance each, smoothly: big-eyed faces."""
    distance = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))
    along = np.arange(512, dtype=np.float32)
    x, y = np.meshgrid(along, along)
    shift = np.zeros((512, 512), np.float32)
    for eye, way in ((TEMPLATE[0], -1.0), (TEMPLATE[1], 1.0)):
        near = np.exp(-((x - eye[0]) ** 2 + (y - eye[1]) ** 2) / (2 * (0.33 * distance) ** 2))
        shift += np.float32(way * share * distance) * near.astype(np.float32)

    def draw(face: Picture) -> Picture:
        return np.asarray(cv2.remap(face, x - shift, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8)

    return draw


def blend(network: Picture, drawn: Picture, strength: float) -> Picture:
    """Return the plain mixture that is printed at a strength."""
    mixed = network.astype(np.float32) * (1 - strength) + drawn.astype(np.float32) * strength
    return mixed.round().astype(np.uint8)
