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
from fancam.records.sheets import (
    Area,
    BackOffset,
    Check,
    CutPath,
    CutSheet,
    Line,
    Note,
    Page,
    Paper,
    Placement,
    Ruler,
    SheetCard,
    SheetPlan,
)

__all__ = [
    "Area",
    "BackOffset",
    "Box",
    "Candidate",
    "CardGeometry",
    "Check",
    "Cleaned",
    "ColourTags",
    "Crop",
    "CutPath",
    "CutSheet",
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
    "Line",
    "Look",
    "LumaFrame",
    "NoiseModel",
    "Note",
    "Orientation",
    "Page",
    "Paper",
    "Pick",
    "Picture",
    "Placement",
    "Point",
    "Progress",
    "Ruler",
    "Samples",
    "ScanReport",
    "Score",
    "ScoredFace",
    "SheetCard",
    "SheetPlan",
    "StillPicture",
    "VideoInfo",
    "Window",
    "no_progress",
]
