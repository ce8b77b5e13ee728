from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fancam.geometry import Box
from fancam.picking import face_patch
from fancam.picking.occlusion import LEAST_LOOKS, covered_shares, steady_term, visible_term
from fancam.results import Face

FACE = Face(Box(181.5, 58.2, 269.9, 177.8), ((203, 102), (247, 104), (223, 125), (203, 142), (241, 144)), 0.9)
LIGHTS = ((1.0, 1.0, 1.0), (0.6, 0.6, 0.7), (1.1, 0.9, 0.9), (0.8, 0.8, 1.1), (0.5, 0.4, 0.7), (1.0, 0.7, 0.9))


def looks() -> list[np.ndarray]:
    """Return the portrait in stage lights of different colours, with the noise of a camera."""
    rng = np.random.default_rng(3)
    lit = [astronaut() * np.array(light) + rng.normal(0, 2, astronaut().shape) for light in LIGHTS]
    return [np.clip(one, 0, 255).astype(np.uint8) for one in lit]


def shares(pictures: list[np.ndarray]) -> list[float | None]:
    return covered_shares([face_patch(one, FACE) for one in pictures], [(0.0, 0.0)] * len(pictures))


def test_coloured_light_covers_nothing():
    assert max(shares(looks())) < 0.004


@pytest.mark.parametrize("number", [0, 4])
@pytest.mark.parametrize(
    "cover",
    [
        lambda p: cv2.ellipse(p, (225, 150), (30, 18), 0, 0, 360, (150, 110, 95), -1),  # a hand before the mouth
        lambda p: cv2.circle(p, (222, 143), 14, (60, 60, 62), -1),  # a microphone
        lambda p: cv2.rectangle(p, (216, 76), (226, 84), (30, 15, 50), -1),  # a bit of paper on the forehead
    ],
    ids=["hand", "microphone", "paper"],
)
def test_what_one_look_alone_shows_covers_the_face(number, cover):
    pictures = looks()
    cover(pictures[number])
    found = shares(pictures)
    assert visible_term(found[number]) < 0.9
    assert min(visible_term(share) for index, share in enumerate(found) if index != number) == 1.0


def test_few_looks_and_looks_from_another_side_tell_nothing():
    pictures = looks()
    assert shares(pictures[: LEAST_LOOKS - 1]) == [None] * (LEAST_LOOKS - 1)
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
    assert steady_term(0.030, 0.008) == 0.0
    assert 0 < steady_term(0.015, 0.008) < 1
