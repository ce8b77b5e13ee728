from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.errors import ModelDamagedError
from fancam.faces import create_detector, create_embedder, create_landmarker, embedder_name
from fancam.faces.embedding import CHIP_LANDMARKS, CHIP_PX, SFaceEmbedder, face_chip
from fancam.geometry import Box, similarity_transform
from fancam.nn import ModelStatus, ModelStore
from fancam.nn.registry import registry_entry
from fancam.pictures import read_picture
from fancam.results import Face
from fancam.settings import FaceSettings


@pytest.fixture(scope="module")
def embedder():
    return create_embedder(ModelStore())


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


def test_a_chip_does_not_depend_on_what_lies_far_from_the_face():
    noise = np.random.default_rng(1).integers(0, 256, (900, 1600, 3), np.uint8)
    landmarks = CHIP_LANDMARKS * 3 + (700, 300)
    around = noise.copy()
    around[:200], around[:, :600] = 0, 0
    assert np.array_equal(face_chip(noise, landmarks), face_chip(around, landmarks))


@given(turn=st.floats(-3.1, 3.1), scale=st.floats(0.3, 4))
def test_a_face_that_is_turned_and_larger_gives_the_same_chip(turn, scale):
    """Of a soft picture: what lies between pixels is not the question here."""
    y, x = np.mgrid[:CHIP_PX, :CHIP_PX]
    soft = np.stack([128 + 90 * np.sin(x / 19), 128 + 90 * np.sin(y / 23), 128 + 90 * np.cos((x + y) / 29)], axis=2)
    side = round(CHIP_PX * scale * 1.5) + 20
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.full(2, CHIP_PX / 2)
    landmarks = (CHIP_LANDMARKS - middle) @ rotation.T + side / 2
    back = np.linalg.inv(rotation)
    rows, columns = np.mgrid[:side, :side] + 0.5
    places = (np.stack([columns, rows], axis=2) - side / 2) @ back.T + middle - 0.5
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    picture = cv2.remap(soft.astype(np.float32), places.astype(np.float32), None, flags, borderMode=border)
    inside = face_chip(picture.round().astype(np.uint8), landmarks)[8:-8, 8:-8].astype(float)
    assert np.abs(inside - soft[8:-8, 8:-8]).max() < 6


# --- vectors ------------------------------------------------------------------------------------------------------


def test_vectors_have_length_one_and_depend_neither_on_company_nor_on_threads(embedder, people):
    pictures, landmarks = zip(*people.values(), strict=True)
    together = embedder.embed(pictures, landmarks)
    assert together.dtype == np.float32 and together.shape == (len(people), 128)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = [embedder.embed([p], [m])[0] for p, m in list(people.values())[:2]]
    assert np.array_equal(together[:2], np.stack(alone))
    assert np.array_equal(together, embedder.embed(pictures, landmarks))
    before = cv2.getNumThreads()
    for threads in (1, 3):
        cv2.setNumThreads(threads)
        try:
            assert np.array_equal(together, embedder.embed(pictures, landmarks))
        finally:
            cv2.setNumThreads(before)


def test_no_faces_give_no_vectors(embedder):
    assert embedder.embed([], []).shape == (0, 128)


def test_a_person_is_more_alike_to_himself_than_to_another(embedder, people):
    vectors = dict(zip(people, embedder.embed(*zip(*people.values(), strict=True)), strict=True))
    same, other = [], []
    for a, b in itertools.combinations(vectors, 2):
        (same if a[0] == b[0] else other).append(float(vectors[a] @ vectors[b]))
    assert min(same) > 0.6 > 0.3 > max(other)


def test_resolution_changes_little(embedder, shared):
    detector = create_detector(FaceSettings(), ModelStore(), long_edges_px=(768,))
    pictures = [read_picture(shared(f"data/photo/people/obama/obama-{n}p.jpg")).pixels for n in (240, 1080)]
    marks = [detector.detect([pixels])[0][0].landmark_array for pixels in pictures]
    small, large = embedder.embed(pictures, marks)
    assert small @ large > 0.9


def test_two_east_asian_women_are_told_apart_like_other_people(embedder, shared):
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
    assert strangers < 0.35
    assert one @ other > 0.6 and camera @ restored > 0.6


# --- what is missing or broken ------------------------------------------------------------------------------------


def test_a_flipped_bit_in_the_weights_is_one_clear_line(tmp_path):
    data = bytearray(ModelStore().locate("sface-int8").read_bytes())
    data[5_000_000] ^= 1
    (tmp_path / "face_recognition_sface_2021dec_int8bq.onnx").write_bytes(bytes(data))
    with pytest.raises(ModelDamagedError, match=r"int8bq\.onnx.*sha256"):
        create_embedder(ModelStore(tmp_path))


def test_another_network_is_no_embedder():
    store = ModelStore()
    with pytest.raises(ModelDamagedError, match=r"centerface\.onnx.*not an SFace network"):
        SFaceEmbedder("sface", store.locate("centerface"), "")


def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelDamagedError, match=r"broken\.onnx"):
        SFaceEmbedder("sface", tmp_path / "broken.onnx", "")


@pytest.mark.parametrize(("here", "taken"), [
    ({"sface-int8"}, "sface-int8"), ({"sface", "sface-int8"}, "sface"), (set(), "sface-int8"),
])  # fmt: skip
def test_weights_that_were_fetched_are_taken_before_those_of_the_installation(here, taken):
    class Store:
        def status(self, name):
            return ModelStatus(registry_entry(name), "present" if name in here else "missing", None, None)

    assert embedder_name(Store()) == taken


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
