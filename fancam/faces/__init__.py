"""Faces: detection with five landmarks, and tracks across the moments of a shot.

``create_detector`` gives a ``FaceDetector``; ``track_faces`` says which faces of a shot are one person.
``create_mesher`` measures the dense landmarks that the picker reads eyes, mouth and pose from.
``create_embedder`` tells people apart; ``create_landmarker`` measures landmarks for the guard;
``create_parser`` says which pixels of an aligned face are face. Networks are loaded from the model store, never fetched
here.
"""

from __future__ import annotations

from fancam.faces.detection import (
    DEFAULT_DETECTOR,
    PHOTO_LONG_EDGES_PX,
    FaceDetector,
    create_detector,
    create_landmarker,
)
from fancam.faces.embedding import create_embedder, embedder_name
from fancam.faces.mesh import LANDMARKER, FaceMesher, create_mesher
from fancam.faces.parsing import create_parser
from fancam.faces.tracking import FaceTracker, track_faces
