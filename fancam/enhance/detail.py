"""How much of the network's picture goes into a print: by how much it is enlarged, and how noisy its source is."""

from __future__ import annotations

import numpy as np

from fancam.records import Samples

_LEAST_SHARE, _LEAST_UP_TO = 0.5, 2.0
_MOST_SHARE, _MOST_FROM = 0.8, 4.0
_NOISY_SHARE = 0.75
_QUIET, _NOISY = 3.0, 6.0
"""In levels of 255, see ``source_noise``: sources of the truth pairs for x2 had up to 4.5 from texture, and from 4.7
with noise of 8 levels."""

_PROBE_PX = 512


def auto_share(scale: float, noise: float = 0.0) -> float:
    """Return the share of the network's picture in the result, in [0, 1]; the rest is plain Lanczos.

    0.5 up to x2, rising evenly to 0.8 at x4 and beyond: as much as leaves edges as steep as they truly are. With more,
    hair becomes ink strokes and lashes and the corners of a mouth turn hard; with less, the picture is soft.

    Measured with realesrgan-x4plus on eight sharp crops (``benchmarks._pairs.TUNE``) that were made smaller, given
    noise 2 and JPEG 85 or blur, noise 4 and JPEG 70, enlarged again with shares from 0 to 1, and corrected by
    ``match_low_band``. The 98th percentile of the gradient equalled that of the truth at

    ========  =======  =======  =======  =======  =======
    scale     1.25     1.5      2        3        4
    light     0.6      0.6      0.5      0.7      0.8
    heavy     0.75     0.75     0.8      0.85     0.9
    ========  =======  =======  =======  =======  =======

    PSNR and SSIM are best at 0.4 to 0.6 at every scale. At the law's share PSNR is above that of Lanczos by 1.0 to 1.4
    dB on average up to x3 and by 0.4 (light) and 0.8 dB (heavy) at x4, where the whole network is 0.1 dB below to 0.3
    dB above it; up to x2 no crop fell below Lanczos, at x4 the worst by 0.4 dB. The similarity of the face to the true
    one fell by 0.001 at most up to x2, and by up to 0.05 at x4 from a heavily damaged source.

    Lanczos hands noise on that the network takes out, so that a noisy source gets up to 0.75: with noise of 8 levels at
    x2, PSNR was best at 0.7 and SSIM at 0.9.

    Where several frames were fused into a finer picture, the plain filter starts from that, and the share is that of
    the scale that is left: at x4 with noise 8 and CRF 18 that was 0.12 dB and 0.04 of likeness better than the share of
    the whole scale, at x3 with x4plus 0.19 dB (benchmark ``fusion_sr``).

    Args:
        scale: Print pixels per source pixel; per pixel of the finer picture where there is one.
        noise: Of the source, in levels of 255; see ``source_noise``.
    """
    rise = (_MOST_SHARE - _LEAST_SHARE) / (_MOST_FROM - _LEAST_UP_TO)
    by_scale = min(max(_LEAST_SHARE + (scale - _LEAST_UP_TO) * rise, _LEAST_SHARE), _MOST_SHARE)
    noisy = min(max((noise - _QUIET) / (_NOISY - _QUIET), 0.0), 1.0)
    return max(by_scale, _LEAST_SHARE + (_NOISY_SHARE - _LEAST_SHARE) * noisy)


def source_noise(picture: Samples) -> float:
    """Return an estimate of the noise of the luma in levels of 255; what is coded finely enough to be seen only.

    The median of the diagonal second difference, which edges hardly touch (Donoho & Johnstone, "Ideal spatial
    adaptation by wavelet shrinkage", Biometrika 81, 1994), in the middle of the picture. Fine texture counts as well,
    and compression takes noise out. Noise of s levels in each channel, independent, is 0.67 s here.

    Args:
        picture: (H, W, 3) RGB, uint8 or uint16.

    Returns:
        0 or more; 0 for a picture with a side of one pixel.
    """
    top, left = (max(side - _PROBE_PX, 0) // 2 for side in picture.shape[:2])
    part = picture[top : top + _PROBE_PX, left : left + _PROBE_PX].astype(np.float32)
    luma = part @ np.array([0.299, 0.587, 0.114], np.float32) * np.float32(255 / np.iinfo(picture.dtype).max)
    if min(luma.shape) < 2:
        return 0.0
    diagonal = (luma[:-1, :-1] - luma[1:, :-1] - luma[:-1, 1:] + luma[1:, 1:]) / 2
    return float(np.median(np.abs(diagonal))) / 0.6745  # the median of |x| of a normal distribution of width 1
