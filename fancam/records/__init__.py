"""What travels between the stages: frozen values with their units in their names.

Pictures are ``numpy.uint8`` HWC RGB, upright, square pixels, sRGB, unless a record says otherwise. Boxes are
``x0, y0, x1, y1`` in pixels of the upright full frame, half open. Nothing here does I/O.
"""

from __future__ import annotations

from fancam.geometry import Box, Orientation, Point
from fancam.records.basics import Picture, Progress, Samples, no_progress
from fancam.records.cards import CardGeometry, Crop, Decision, Enhanced, Pick
from fancam.records.faces import Candidate, Embedder, Face, FaceOutcome, FaceParser, Landmarker, Score, ScoredFace
from fancam.records.looks import Evidence, Fusion, Look, Window
from fancam.records.media import ColourTags, Frame, LumaFrame, ScanReport, StillPicture, VideoInfo
from fancam.records.noise import Cleaned, NoiseModel

__all__ = [
    "Box",
    "Candidate",
    "CardGeometry",
    "Cleaned",
    "ColourTags",
    "Crop",
    "Decision",
    "Embedder",
    "Enhanced",
    "Evidence",
    "Face",
    "FaceOutcome",
    "FaceParser",
    "Frame",
    "Fusion",
    "Landmarker",
    "Look",
    "LumaFrame",
    "NoiseModel",
    "Orientation",
    "Pick",
    "Picture",
    "Point",
    "Progress",
    "Samples",
    "ScanReport",
    "Score",
    "ScoredFace",
    "StillPicture",
    "VideoInfo",
    "Window",
    "no_progress",
]
