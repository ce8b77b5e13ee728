"""Which video codecs this build decodes."""

from __future__ import annotations

import av

KINDS = {
    "H.264": ("h264",),
    "HEVC": ("hevc",),
    "VP8": ("vp8", "libvpx"),
    "VP9": ("vp9", "libvpx-vp9"),
    "AV1": ("libdav1d", "libaom-av1", "av1"),
    "MPEG-2": ("mpeg2video",),
    "MPEG-4": ("mpeg4",),
    "ProRes": ("prores",),
    "VVC": ("vvc",),
    "GIF": ("gif",),
}
"""What fancams come in, and the decoders that do it."""


def codecs() -> dict[str, bool]:
    """Return each kind of video and whether a decoder for it is there."""
    return {kind: any(name in av.codecs_available for name in names) for kind, names in KINDS.items()}
