from __future__ import annotations

import importlib.util
import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.errors import ModelDamagedError, ModelMissingError
from fancam.faces import create_detector, create_embedder, create_landmarker, missing_embedder
from fancam.faces.embedding import CHIP_LANDMARKS, CHIP_PX, EMBEDDER, DlibEmbedder, face_chip
from fancam.geometry import Box, similarity_transform
from fancam.nn import ModelStore
from fancam.pictures import read_picture
from fancam.results import Face
from fancam.settings import FaceSettings

needs_dlib = pytest.mark.skipif(
    missing_embedder(ModelStore()) is not None, reason=f"not here: {missing_embedder(ModelStore())}"
)


@pytest.fixture(scope="module")
def embedder():
    made = create_embedder(ModelStore())
    if made is None:
        pytest.skip(missing_embedder(ModelStore()))
    return made


@pytest.fixture(scope="module")
def people(shared):
    """Pictures and landmarks of two men, three pictures each."""
    detector = create_detector(FaceSettings(), ModelStore(), long_edges_px=(768,))
    found = {}
    for person, names in (("obama", ("obama", "obama2", "obama3")), ("biden", ("biden", "biden2"))):
        for name in names:
            pixels = read_picture(shared(f"data/photo/people/{person}/{name}.jpg")).pixels
            found[person, name] = (pixels, detector.detect([pixels])[0][0].landmark_array)
    both = read_picture(shared("data/photo/group/obama_and_biden.jpg")).pixels
    biden, obama = sorted(detector.detect([both])[0][:2], key=lambda face: face.box.x0)
    found["biden", "both"] = (both, biden.landmark_array)
    found["obama", "both"] = (both, obama.landmark_array)
    return found


# --- chips --------------------------------------------------------------------------------------------------------


@given(turn=st.floats(-3, 3), scale=st.floats(0.1, 10), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_the_similarity_between_moved_points_is_found_again(turn, scale, x, y):
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = similarity_transform(CHIP_LANDMARKS, CHIP_LANDMARKS @ rotation.T + (x, y))
    assert np.allclose(matrix[:, :2], rotation, atol=1e-6) and np.allclose(matrix[:, 2], (x, y), atol=1e-4)


def test_points_in_one_place_are_only_shifted():
    matrix = similarity_transform(np.ones((5, 2)), CHIP_LANDMARKS)
    assert np.allclose(matrix[:, :2], np.eye(2))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_a_chip_has_the_landmarks_in_their_places(scale):
    # A soft dot on each landmark, found again by its centre of mass.
    size = round(220 * scale)
    y, x = np.mgrid[:size, :size] + 0.5
    landmarks = (CHIP_LANDMARKS + np.array([20, 30])) * scale
    picture = np.zeros((size, size, 3))
    for place in landmarks:
        picture += 200 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * (3 * scale) ** 2))[..., None]
    chip = face_chip(picture.clip(0, 255).astype(np.uint8), landmarks)
    assert chip.shape == (CHIP_PX, CHIP_PX, 3)
    for place in CHIP_LANDMARKS:
        left, top = (place - 8).astype(int)
        part = chip[top : top + 17, left : left + 17, 0].astype(float)
        rows, columns = np.mgrid[:17, :17] + 0.5
        centre = np.array([(part * columns).sum(), (part * rows).sum()]) / part.sum() + (left, top)
        assert np.abs(centre - place).max() < 0.15


def test_a_large_face_is_averaged_and_not_aliased():
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8)
    assert noise.std() > 70
    assert face_chip(noise, CHIP_LANDMARKS * 8).std() < 15  # the mean of 64 pixels; two of them would leave 36


@needs_dlib
def test_chips_have_the_scale_and_place_of_dlibs_own():
    dlib = importlib.import_module("_dlib_pybind11")
    # dlib's mean shape of eye corners and nose base (image_transforms/interpolation.h), and what it makes of it.
    shape = np.array([[0.8596, 0.2135], [0.6461, 0.2290], [0.1206, 0.2137], [0.3341, 0.2291], [0.4901, 0.6278]])
    points = [dlib.point(int(x), int(y)) for x, y in (shape * 400 + 300).round()]
    ramp = np.zeros((1000, 1000, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(1000)[None, :] // 4, np.arange(1000)[:, None] // 4
    theirs = dlib.get_face_chip(ramp, dlib.full_object_detection(dlib.rectangle(300, 300, 700, 700), points), CHIP_PX)
    ours = face_chip(ramp, CHIP_LANDMARKS * 4 + 200)  # the chip dlib cuts is (100..900)² but for its padding of 1/4
    assert np.abs(theirs.astype(int) - ours.astype(int)).max() <= 3


# --- vectors ------------------------------------------------------------------------------------------------------


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(embedder, people):
    pictures, landmarks = zip(*people.values(), strict=True)
    together = embedder.embed(pictures, landmarks)
    assert together.dtype == np.float32 and together.shape == (len(people), 128)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = [embedder.embed([p], [m])[0] for p, m in list(people.values())[:2]]
    assert np.array_equal(together[:2], np.stack(alone))
    assert np.array_equal(together, embedder.embed(pictures, landmarks))


def test_no_faces_give_no_vectors(embedder):
    assert embedder.embed([], []).shape == (0, 128)


def test_a_person_is_more_alike_to_himself_than_to_another(embedder, people):
    vectors = dict(zip(people, embedder.embed(*zip(*people.values(), strict=True)), strict=True))
    same, other = [], []
    for a, b in itertools.combinations(vectors, 2):
        (same if a[0] == b[0] else other).append(float(vectors[a] @ vectors[b]))
    assert min(same) > 0.6 > 0.35 > max(other)


def test_resolution_changes_little(embedder, shared):
    detector = create_detector(FaceSettings(), ModelStore(), long_edges_px=(768,))
    pictures = [read_picture(shared(f"data/photo/people/obama/obama-{n}p.jpg")).pixels for n in (240, 1080)]
    marks = [detector.detect([pixels])[0][0].landmark_array for pixels in pictures]
    small, large = embedder.embed(pictures, marks)
    assert small @ large > 0.9


def test_two_east_asian_women_are_told_apart_by_comparison_not_by_a_limit(embedder, shared):
    """A rendered dancer, and the published low-resolution face with its RestoreFormer output."""
    from tests.test_guard_faces import dancer

    pictures = [
        read_picture(shared("data/photo/goldens/inputs/lr-face.jpg")).pixels,
        read_picture(shared("data/photo/goldens/outputs/lr-face/RestoreFormer.png")).pixels,
        *dancer(shared),
    ]
    detector = create_detector(FaceSettings(), ModelStore(), long_edges_px=(512,))
    vectors = embedder.embed(pictures, [detector.detect([p])[0][0].landmark_array for p in pictures])
    camera, restored, one, other = vectors
    strangers = max(camera @ one, camera @ other, restored @ one, restored @ other)
    # Strangers of other groups come to 0.0; these come to more than a limit of 0.35 would allow.
    assert 0.35 < strangers < 0.65
    assert one @ other > strangers + 0.2 and camera @ restored > strangers + 0.1


# --- what is missing or broken ------------------------------------------------------------------------------------


def test_without_the_extra_there_is_no_embedder_and_the_note_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert create_embedder(ModelStore()) is None
    assert "pip install fancam[members]" in missing_embedder(ModelStore())


def test_without_the_weights_there_is_no_embedder_either():
    class Empty:
        def locate(self, name):
            assert name == EMBEDDER
            raise ModelMissingError("not here", item=name)

        def sha256(self, name):
            raise AssertionError

    assert create_embedder(Empty()) is None and "fancam[members]" in missing_embedder(Empty())


def test_changed_weights_are_an_error_and_not_a_missing_extra(tmp_path):
    (tmp_path / "dlib_face_recognition_resnet_model_v1.dat").write_bytes(b"\0" * 22466066)
    with pytest.raises(ModelDamagedError):
        create_embedder(ModelStore(tmp_path))


@needs_dlib
def test_a_file_dlib_cannot_read_is_named(tmp_path):
    broken = tmp_path / "broken.dat"
    broken.write_bytes(b"nothing")
    with pytest.raises(ModelDamagedError, match=r"broken\.dat"):
        DlibEmbedder(broken, "")


# --- landmarks ----------------------------------------------------------------------------------------------------


def test_landmarks_lie_where_the_aligned_face_has_them(shared):
    from fancam.enhancing.prior.alignment import TEMPLATE

    landmarker = create_landmarker(create_detector(FaceSettings(), ModelStore()))
    pictures = [read_picture(shared(f"data/photo/goldens/inputs/{name}-face.jpg")).pixels for name in ("blurry", "lr")]
    for landmarks in landmarker(pictures):
        assert landmarks.shape == (5, 2) and landmarks.dtype == np.float32
        assert np.abs(landmarks - TEMPLATE).max() < 40


def test_landmarks_follow_a_shift_and_a_scale(shared):
    landmarker = create_landmarker(create_detector(FaceSettings(), ModelStore()))
    pixels = read_picture(shared("data/photo/goldens/outputs/blurry-face/GFPGANv1.4.png")).pixels
    shifted = cv2.warpAffine(pixels, np.float32([[1, 0, 16], [0, 1, 0]]), (512, 512), borderMode=cv2.BORDER_REPLICATE)
    doubled = cv2.resize(pixels, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    here, there, large = landmarker([pixels, shifted, doubled])
    assert np.abs(there - here - (16, 0)).max() < 12  # a twelfth of the eye distance: what the detector can do
    assert np.abs(large - 2 * here).max() < 4


def test_where_there_is_no_face_there_are_no_landmarks(shared):
    landmarker = create_landmarker(create_detector(FaceSettings(), ModelStore()))
    grey = np.full((512, 512, 3), 120, np.uint8)
    face = read_picture(shared("data/photo/goldens/inputs/blurry-face.jpg")).pixels
    nothing, something = landmarker([grey, face])
    assert nothing is None and something is not None
    assert landmarker([]) == []


class FakeDetector:
    """Finds what it is told to, by the size of the picture."""

    name = "fake"

    def __init__(self, faces_at) -> None:
        self.faces_at = faces_at

    def detect(self, pictures):
        return [[fake_face(*place) for place in self.faces_at(picture.shape[0])] for picture in pictures]


def fake_face(x, y, size):
    eyes = ((x - size, y), (x + size, y))
    marks = (*eyes, (x, y + size), (x - size, y + 2 * size), (x + size, y + 2 * size))
    return Face(Box(x - 2 * size, y - 2 * size, x + 2 * size, y + 2 * size), marks, 0.9)


def test_the_face_nearest_the_middle_is_the_one():
    landmarker = create_landmarker(
        FakeDetector(lambda size: [(0.1 * size, 0.5 * size, 10), (0.5 * size, 0.5 * size, 5)])
    )
    (landmarks,) = landmarker([np.zeros((512, 512, 3), np.uint8)])
    assert np.allclose(landmarks[:2].mean(axis=0), 256)


def test_a_look_that_saw_something_else_is_left_out():
    def faces_at(size):
        return [((0.9 if size == 144 else 0.5) * size, 0.5 * size, 0.1 * size)]

    (landmarks,) = create_landmarker(FakeDetector(faces_at))([np.zeros((512, 512, 3), np.uint8)])
    assert np.allclose(landmarks[:2].mean(axis=0), 256, atol=1e-3)


def test_a_face_seen_at_one_size_only_is_a_face():
    detector = FakeDetector(lambda size: [(0.5 * size, 0.5 * size, 0.1 * size)] if size == 160 else [])
    assert create_landmarker(detector)([np.zeros((512, 512, 3), np.uint8)])[0] is not None
