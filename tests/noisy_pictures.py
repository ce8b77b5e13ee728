"""A made scene, and noise."""

from __future__ import annotations

import cv2
import numpy as np
import skimage.data


def scene(side=256):
    """Smooth surfaces of several brightnesses, a slope of light, an edge, and a part full of texture."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    grey = 60 + 40 * np.sin(x / side * 3) + 60 * (y > side // 2) + 0.1 * x
    texture = 40 * np.sin(x * 1.1) * np.sin(y * 0.9 + x * 0.2)
    grey = grey + np.where((x > side * 0.7) & (y > side * 0.7), texture, 0)
    return np.stack([grey * 1.1, grey, grey * 0.8 + 10], axis=-1)


def noisy(picture, sigma, seed=0):
    """Return a picture with white noise of this standard deviation."""
    field = np.random.default_rng(seed).normal(0, 1, picture.shape)
    return np.clip(np.rint(picture + sigma * field), 0, 255).astype(np.uint8)


def in_low_light(picture, sigma, seed=0):
    """Return a picture with the noise of light: its variance rises with the brightness, each channel has its own."""
    return noisy(picture, sigma * np.sqrt(0.4 + 1.2 * picture / 255), seed)


def textured(kind, side):
    """Return a picture that is all texture and has no noise: ``fur``, ``cloth``, ``sand``, ``gravel`` or ``grass``."""
    if kind in ("gravel", "grass"):
        grey = getattr(skimage.data, kind)()
        return cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)[..., None].repeat(3, axis=2)
    rng = np.random.default_rng(4)
    y, x = np.mgrid[: 2 * side, : 2 * side].astype(np.float32)
    if kind == "fur":
        field = cv2.GaussianBlur(rng.standard_normal((2 * side, 2 * side)).astype(np.float32), (0, 0), 1.2, sigmaY=6)
        share = 0.5 + 0.2 * field / field.std()
    elif kind == "cloth":
        share = 0.5 + 0.25 * np.sin(x * 1.3) * np.sin(y * 1.3) + 0.1 * rng.standard_normal((1, 2 * side))
    else:
        share = 0.5 + 0.25 * rng.standard_normal((2 * side, 2 * side))
    light = 0.7 + 0.3 * np.sin(x / side) * np.cos(y / side)
    colours = np.clip(share, 0, 1)[..., None] * np.array([110, 90, 70]) + np.array([50, 35, 25])
    small = cv2.resize(colours * light[..., None], (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)
