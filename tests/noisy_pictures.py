"""A made scene, and noise."""

from __future__ import annotations

import numpy as np


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
