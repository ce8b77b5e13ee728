"""Decode: open a video, scan it, decode it exactly. The only room that imports av.

``open_video`` tells what a video is and gives the passes over it: ``Video.scan`` walks over all its frames as luma
planes, ``Video.frames`` returns chosen frames in true colour, ``Video.frames_with_neighbours`` the frames around them
too, and ``Video.sample_frames`` a few from all over it. Damage, rotation, colour and time are dealt with here, once.
"""

from fancam.video.container import codecs
from fancam.video.probe import looks_like_video
from fancam.video.video import Video, open_video
