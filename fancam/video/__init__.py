"""Decode: probe, scan and exact decode. The only room that imports av.

``probe`` tells what a video is, ``scan`` walks over all its frames as luma planes, ``decode_frames`` returns chosen
frames in true colour, ``decode_with_neighbours`` also the frames around them, ``sample_frames`` a few from all over it.
Damage, rotation, colour and time are dealt with here, once.
"""

from fancam.video.container import codecs
from fancam.video.decode import decode_frames, sample_frames
from fancam.video.neighbours import decode_with_neighbours
from fancam.video.probe import looks_like_video, probe
from fancam.video.scan import Scan, scan

__all__ = [
    "Scan",
    "codecs",
    "decode_frames",
    "decode_with_neighbours",
    "looks_like_video",
    "probe",
    "sample_frames",
    "scan",
]
