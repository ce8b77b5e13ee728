"""The guard with the real instruments, real faces, and stand-ins for priors whose effect is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fancam.enhancing.guard import FaceTrial, Guard
from fancam.enhancing.prior.alignment import align, cut_face
from fancam.faces import create_detector, create_embedder, create_landmarker
from fancam.nn import ModelStore
from fancam.pictures import read_picture
from fancam.settings import FaceSettings, GuardSettings
from fancam.video import open_video
from tests.made_priors import blend, eyes_moved, sharpener, stranger

SETTINGS = GuardSettings()


def dancer(shared, times_s=(1.0, 3.0)):
    """Two frames of the rendered East-Asian dancer, a second and three into the clip."""
    path = shared("data/video/dance.mp4")
    with open_video(path).scan() as frames:
        wanted, left = [], list(times_s)
        for frame in frames:
            if left and frame.time_s >= left[0]:
                wanted.append(frame.pts)
                left.pop(0)
            if not left:
                break
    return [frame.pixels for frame in open_video(path).frames(wanted)]


@pytest.fixture(scope="module")
def squares(shared):
    """Aligned faces: name to what the camera saw, at a third of face space, and the same a bit sharper."""
    detector = create_detector(FaceSettings(), ModelStore(), long_edges_px=(768,))
    pictures = {
        "obama": read_picture(shared("data/photo/people/obama/obama.jpg")).pixels,
        "biden": read_picture(shared("data/photo/people/biden/biden2.jpg")).pixels,
        "dancer": dancer(shared, (1.0,))[0],
        "woman": read_picture(shared("data/photo/goldens/inputs/lr-face.jpg")).pixels,
    }
    made = {}
    for name, pixels in pictures.items():
        face = detector.detect([pixels])[0][0]
        square = (cut_face(pixels, align(face.landmark_array)) * 255).round().astype(np.uint8)
        small = cv2.resize(square, (170, 170), interpolation=cv2.INTER_AREA)
        camera = cv2.resize(small, (512, 512), interpolation=cv2.INTER_CUBIC)
        made[name] = (camera, sharpener(0.4)(camera))
    return made


@pytest.fixture(scope="module")
def landmarker():
    return create_landmarker(create_detector(FaceSettings(), ModelStore()))


@pytest.fixture(scope="module")
def full(landmarker):
    return Guard(SETTINGS, create_embedder(ModelStore()), landmarker)


def trial(squares, name, prior, asked=1.0):
    camera, network = squares[name]
    drawn = prior(network)
    return FaceTrial(camera, network, lambda strength: blend(network, drawn, strength), asked)


@pytest.mark.parametrize("name", ["obama", "dancer", "woman"])
@pytest.mark.parametrize("asked", [0.5, 1.0])
def test_a_gentle_sharpener_keeps_its_strength(full, squares, name, asked):
    (verdict,) = full.judge([trial(squares, name, sharpener(0.5), asked)])
    assert verdict.strength == asked and verdict.forced_by == () and verdict.warnings == ()
    assert verdict.identity > 0.9 and verdict.landmark_drift < 0.01


@pytest.mark.parametrize(
    ("name", "other", "asked"),
    [
        ("obama", "biden", 1.0),
        ("biden", "obama", 1.0),
        ("dancer", "woman", 1.0),
        ("woman", "dancer", 0.25),
        ("dancer", "obama", 0.25),
    ],
)
def test_a_prior_that_draws_another_person_is_left_out(full, squares, name, other, asked):
    (verdict,) = full.judge([trial(squares, name, stranger(squares[other][0]), asked)])
    assert verdict.strength == 0 and verdict.forced_by == ("stranger",)
    assert verdict.identity == verdict.identity_network > 0.9


@pytest.mark.parametrize(("name", "share"), [("obama", 0.08), ("biden", 0.08), ("dancer", 0.05)])
def test_a_prior_that_moves_the_eyes_is_lowered(full, squares, name, share):
    """Of the dancer a share of 0.08 makes another woman, to the eye as well."""
    (verdict,) = full.judge([trial(squares, name, eyes_moved(share))])
    assert 0 < verdict.strength < 1 and "landmarks" in verdict.forced_by
    assert verdict.landmark_drift <= SETTINGS.max_landmark_drift


def test_a_blank_drawing_is_never_printed(full, squares):
    (verdict,) = full.judge([trial(squares, "obama", lambda face: np.full_like(face, 128), 0.25)])
    assert verdict.strength == 0 and verdict.forced_by == ("stranger",)


def test_an_enlargement_that_is_another_person_is_warned_of(full, squares):
    swapped = FaceTrial(squares["obama"][0], squares["biden"][0], lambda strength: squares["biden"][0], 0.0)
    (verdict,) = full.judge([swapped])
    assert verdict.identity_network < 0.4 and "like the camera's" in verdict.warnings[0]


def test_published_restorers_are_measured(full, shared):
    """GFPGAN and CodeFormer on a blurred face, RestoreFormer on a small one: the published outputs as prints."""
    goldens = {"blurry-face": ("GFPGANv1.4", "codeformer"), "lr-face": ("RestoreFormer",)}
    for source, restorers in goldens.items():
        camera = read_picture(shared(f"data/photo/goldens/inputs/{source}.jpg")).pixels
        for restorer in restorers:
            drawn = read_picture(shared(f"data/photo/goldens/outputs/{source}/{restorer}.png")).pixels
            trial = FaceTrial(camera, camera, lambda strength, d=drawn, c=camera: blend(c, d, strength), 1.0)
            (verdict,) = full.judge([trial])
            assert "stranger" not in verdict.forced_by, restorer
            assert verdict.identity >= verdict.identity_network - SETTINGS.max_identity_loss


def test_verdicts_repeat_to_the_bit_and_do_not_depend_on_the_company(full, squares):
    trials = [trial(squares, "obama", sharpener()), trial(squares, "dancer", eyes_moved(0.06))]
    assert full.judge(trials) == [full.judge([one])[0] for one in trials]
