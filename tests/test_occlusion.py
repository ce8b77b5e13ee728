from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fancam.geometry import Box
from fancam.picking import face_patch
from fancam.picking.occlusion import LEAST_LOOKS, Covered, covered_shares, steady_term, visible_term
from fancam.results import Face

FACE = Face(Box(181.5, 58.2, 269.9, 177.8), ((203, 102), (247, 104), (223, 125), (203, 142), (241, 144)), 0.9)
LIGHTS = ((1.0, 1.0, 1.0), (0.6, 0.6, 0.7), (1.1, 0.9, 0.9), (0.8, 0.8, 1.1), (0.5, 0.4, 0.7), (1.0, 0.7, 0.9))


def looks() -> list[np.ndarray]:
    """Return the portrait in stage lights of different colours, with the noise of a camera."""
    rng = np.random.default_rng(3)
    lit = [astronaut() * np.array(light) + rng.normal(0, 2, astronaut().shape) for light in LIGHTS]
    return [np.clip(one, 0, 255).astype(np.uint8) for one in lit]


def covered(pictures: list[np.ndarray]) -> list[Covered | None]:
    return covered_shares([face_patch(one, FACE) for one in pictures], [(0.0, 0.0)] * len(pictures))


def test_coloured_light_covers_nothing():
    assert max(found.share for found in covered(looks())) < 0.004


COVERS = {
    "hand": lambda p: cv2.ellipse(p, (225, 150), (30, 18), 0, 0, 360, (150, 110, 95), -1),
    "hand over the eyes": lambda p: cv2.ellipse(p, (225, 100), (45, 14), 0, 0, 360, (150, 110, 95), -1),
    "microphone": lambda p: cv2.circle(p, (222, 143), 14, (60, 60, 62), -1),
    "paper": lambda p: cv2.rectangle(p, (216, 76), (226, 84), (30, 15, 50), -1),
    "glass": lambda p: glass(p),
    "hair over both eyes": lambda p: hair(p),
}


def glass(pixels: np.ndarray) -> None:
    """Hold a glass of water before the mouth: bright edges, and what is behind it paler."""
    part = pixels[122:185, 198:250]
    part[:] = (0.6 * part + 0.4 * np.array([205, 215, 220])).astype(np.uint8)
    cv2.rectangle(pixels, (198, 122), (250, 185), (240, 245, 248), 3, cv2.LINE_AA)


def hair(pixels: np.ndarray) -> None:
    """Let strands fall over forehead and eyes."""
    for x in range(186, 266, 5):
        cv2.line(pixels, (x, 60), (x + (x % 3) * 4 - 4, 118), (48, 34, 28), 4, cv2.LINE_AA)


@pytest.mark.parametrize("number", [0, 4])
@pytest.mark.parametrize("name", COVERS)
def test_what_one_look_alone_shows_covers_the_face(number, name):
    pictures = looks()
    COVERS[name](pictures[number])
    found = [visible_term(one.share) for one in covered(pictures)]
    assert found.pop(number) < 0.9
    assert min(found) == 1.0


@pytest.mark.parametrize(("name", "hidden"), [("hand", True), ("microphone", True), ("paper", False)])
def test_a_mouth_behind_something_is_known_to_be_hidden_and_only_that_one(name, hidden):
    pictures = looks()
    COVERS[name](pictures[2])
    assert [one.mouth for one in covered(pictures)] == [False, False, hidden, False, False, False]


def test_an_open_mouth_is_not_hidden():
    pictures = looks()
    cv2.ellipse(pictures[2], (222, 144), (12, 8), 0, 0, 360, (60, 25, 25), -1)
    assert not covered(pictures)[2].mouth


def test_few_looks_and_looks_from_another_side_tell_nothing():
    pictures = looks()
    assert covered(pictures[: LEAST_LOOKS - 1]) == [None] * (LEAST_LOOKS - 1)
    turned = [(0.0, 0.0)] * 5 + [(30.0, 0.0)]
    found = covered_shares([face_patch(one, FACE) for one in pictures], turned)
    assert found[5] is None and None not in found[:5]


def test_a_face_is_laid_on_the_same_place_whatever_its_size():
    small = face_patch(astronaut(), FACE)
    large = cv2.resize(astronaut(), None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    points = tuple((6 * x, 6 * y) for x, y in FACE.landmarks)
    grown = face_patch(large, Face(FACE.box.scaled(6), points, 0.9))
    assert np.abs(grown - small).mean() < 4


def test_a_mesh_that_is_unsurer_than_the_persons_own_is_of_a_covered_face():
    assert steady_term(0.010, 0.008) == steady_term(0.004, 0.001) == 1.0
    assert steady_term(0.040, 0.008) < steady_term(0.030, 0.008) < 0.06
    assert 0 < steady_term(0.015, 0.008) < 1
