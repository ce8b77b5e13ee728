"""Faces of known people in the shared media, for the benchmarks of identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import skimage.data

from fancam import faces, nn
from fancam.media import Picture
from fancam.pictures import read_picture
from fancam.results import Face
from fancam.settings import FaceSettings

PHOTOS: dict[str, tuple[str, ...]] = {
    "people/obama/obama.jpg": ("obama",),
    "people/obama/obama2.jpg": ("obama",),
    "people/obama/obama3.jpg": ("obama",),
    "people/biden/biden.jpg": ("biden",),
    "people/biden/biden2.jpg": ("biden",),
    "group/obama_and_biden.jpg": ("biden", "obama"),
    "goldens/inputs/einstein.png": ("einstein",),
    "goldens/inputs/blurry-face.jpg": ("red-haired",),
    "goldens/outputs/blurry-face/GFPGANv1.4.png": ("red-haired",),
    "goldens/outputs/blurry-face/codeformer.png": ("red-haired",),
    "goldens/inputs/lr-face.jpg": ("east-asian-1",),
    "goldens/outputs/lr-face/RestoreFormer.png": ("east-asian-1",),
}
"""File to who is on it, from left to right; faces beyond these (bystanders) are left out."""
GROUP = "group/solvay1927.jpg"
"""29 people, each once, and Einstein among them."""
EINSTEIN_FROM_LEFT = 14
"""Number of Einstein's face in the group, by the left edge of its box, from 0."""
CURIE_FROM_LEFT = 7
CLIPS: dict[str, str] = {
    **dict.fromkeys(("again", "brother", "help", "no", "student", "yes"), "signer-1"),
    **dict.fromkeys(("milk", "please", "sorry", "thanks"), "signer-2"),
    **dict.fromkeys(("book", "learn", "school", "walk"), "signer-3"),
    **dict.fromkeys(("night", "sister"), "signer-4"),
    **dict.fromkeys(("hungry", "want"), "signer-5"),
}
"""Sign language clips to the signer."""
CLIP_FRAMES = (5, 25)
DANCE_FRAMES = (30, 200, 600, 800)
"""Frames of the rendered East-Asian dancer in which no hand covers the face."""
EAST_ASIAN = frozenset({"east-asian-1", "east-asian-2"})


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face of a known person."""

    person: str
    source: str
    """File, and for videos the frame."""
    pixels: Picture
    face: Face


def portraits(media: Path, clip_frames: tuple[int, ...] = CLIP_FRAMES) -> Iterator[Portrait]:
    """Yield every face of a known person under ``media/data``; of clips of signers in these frames."""
    store = nn.ModelStore()
    in_photos = faces.create_detector(FaceSettings(), store, long_edges_px=faces.PHOTO_LONG_EDGES_PX)
    in_frames = faces.create_detector(FaceSettings(), store)
    for name, people in PHOTOS.items():
        pixels = read_picture(media / "data/photo" / name).pixels
        found = sorted(in_photos.detect([pixels])[0][: len(people)], key=lambda face: face.box.x0)
        for person, face in zip(people, found, strict=True):
            yield Portrait(person, name, pixels, face)
    group = read_picture(media / "data/photo" / GROUP).pixels
    named = {EINSTEIN_FROM_LEFT: "einstein", CURIE_FROM_LEFT: "curie"}
    for number, face in enumerate(sorted(in_photos.detect([group])[0], key=lambda face: face.box.x0)):
        yield Portrait(named.get(number, f"solvay-{number}"), GROUP, group, face)
    astronaut = skimage.data.astronaut()
    yield Portrait("astronaut", "astronaut", astronaut, in_photos.detect([astronaut])[0][0])
    clips = [(f"asl/{name}.mkv", person, clip_frames) for name, person in CLIPS.items()]
    for name, person, wanted in [*clips, ("dance.mp4", "east-asian-2", DANCE_FRAMES)]:
        for number, frame in _frames(media / "data/video" / name, wanted):
            for face in in_frames.detect([frame])[0][:1]:
                yield Portrait(person, f"{name}@{number}", frame, face)


def _frames(path: Path, wanted: tuple[int, ...]) -> Iterator[tuple[int, Picture]]:
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                yield number, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            if number >= max(wanted):
                return
