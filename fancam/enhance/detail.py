"""How much of the network's picture goes into a print, by how much the print needs to be enlarged."""

from __future__ import annotations

_LEAST_SHARE, _LEAST_UP_TO = 0.5, 2.0
_MOST_SHARE, _MOST_FROM = 0.8, 4.0


def auto_share(scale: float) -> float:
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

    Args:
        scale: Print pixels per source pixel.
    """
    rise = (_MOST_SHARE - _LEAST_SHARE) / (_MOST_FROM - _LEAST_UP_TO)
    return min(max(_LEAST_SHARE + (scale - _LEAST_UP_TO) * rise, _LEAST_SHARE), _MOST_SHARE)
