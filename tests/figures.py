"""Figures and spoilt pictures that tests and benchmarks share."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


def psnr(truth: npt.NDArray[np.uint8], result: npt.NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio over all three channels in dB."""
    error = float(np.mean((truth.astype(np.float64) - result.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def compressed(picture: Picture, quality: int) -> Picture:
    """Return the picture as JPEG of this quality leaves it."""
    packed = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert unpacked is not None
    return np.asarray(cv2.cvtColor(unpacked, cv2.COLOR_BGR2RGB), np.uint8)


def peak_mb() -> float:
    """Return the largest resident size of this process; not ``ru_maxrss``, which starts with that of the parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
