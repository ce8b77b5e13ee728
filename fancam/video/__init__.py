"""Decode: probe, scan and exact decode. The only room that imports av.

``probe`` tells what a video is, ``scan`` walks over all its frames as luma planes, and ``decode_frames`` returns
chosen frames in true colour. Damage, rotation, colour and time are dealt with here, once.
"""

from fancam.video.codecs import codecs
from fancam.video.decode import decode_frames
from fancam.video.probe import looks_like_video, probe
from fancam.video.scan import Scan, scan

__all__ = ["Scan", "codecs", "decode_frames", "looks_like_video", "probe", "scan"]
