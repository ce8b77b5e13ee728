from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.errors import ModelDamagedError, ModelMissingError
from fancam.faces import PHOTO_LONG_EDGES_PX, create_detector
from fancam.faces.centerface import CenterFace, decode, padded_blob
from fancam.faces.detection import ScaleSearch, scales_for, shrink, windows
from fancam.faces.detections import Detections, batches, overlaps, plausible, suppress
from fancam.faces.tiles import TILE_OVERLAP_PX, TILE_PX, spans
from fancam.geometry import Box
from fancam.nn import ModelStore
from fancam.settings import FaceSettings

# Centres of the 29 faces, read off the picture by hand; within 20 px (a face is about 70 px high).
SOLVAY_CENTRES = [
    (353, 37), (510, 85), (624, 142), (806, 107), (989, 130), (1161, 91), (1309, 101), (1462, 93), (1629, 91),
    (1742, 27), (1825, 94), (122, 238), (189, 306), (318, 258), (410, 318), (522, 238), (626, 306), (752, 234),
    (872, 309), (999, 218), (1133, 285), (1193, 213), (1344, 294), (1395, 230), (1498, 292), (1614, 237), (1732, 302),
    (1813, 246), (1894, 325),
]  # fmt: skip


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def frames_at(path: Path, numbers: tuple[int, ...], quarter_turns: int = 0) -> list[np.ndarray]:
    import av

    with av.open(str(path)) as container:
        frames = (frame for _, frame in zip(range(max(numbers) + 1), container.decode(video=0), strict=False))
        chosen = [frame.to_ndarray(format="rgb24") for number, frame in enumerate(frames) if number in numbers]
    return [np.ascontiguousarray(np.rot90(frame, quarter_turns)) for frame in chosen]


@pytest.fixture(scope="module")
def photos():
    return create_detector(FaceSettings(), ModelStore(), long_edges_px=PHOTO_LONG_EDGES_PX)


@pytest.fixture(scope="module")
def frames():
    return create_detector(FaceSettings(), ModelStore())


@pytest.fixture(scope="module")
def astronaut():
    data = pytest.importorskip("skimage.data")
    return data.astronaut()


def assert_order_of_landmarks(face):
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert face.box.x0 < left_eye[0] < right_eye[0] < face.box.x1
    assert left_mouth[1] < face.box.y1


# --- known counts -------------------------------------------------------------------------------------------------


def test_auto_is_centerface(photos):
    assert photos.name == "centerface"


def test_every_face_of_the_solvay_photo_is_found_and_none_false(photos, shared):
    faces = photos.detect([read(shared("data/photo/group/solvay1927.jpg"))])[0]
    assert len(faces) == 29
    centres = np.array([face.box.centre for face in faces])
    distances = np.hypot(*(centres[:, None] - np.array(SOLVAY_CENTRES)[None]).transpose(2, 0, 1))
    assert (distances.min(axis=0) < 20).all()  # every known face has a detection …
    assert len(set(distances.argmin(axis=1))) == 29  # … of its own


def test_both_men_of_the_rally_photo_are_found_and_the_girl_in_the_corner(photos, shared):
    faces = photos.detect([read(shared("data/photo/group/obama_and_biden.jpg"))])[0]
    centres = sorted(face.box.centre for face in faces)
    assert np.allclose(centres, [(850, 512), (1240, 482), (1712, 1130)], atol=25)


@pytest.mark.parametrize(
    "name",
    ["obama/obama.jpg", "obama/obama2.jpg", "obama/obama3.jpg", "obama/obama-240p.jpg", "obama/obama-480p.jpg",
     "obama/obama-720p.jpg", "obama/obama-1080p.jpg", "biden/biden.jpg", "biden/biden2.jpg"],
)  # fmt: skip
def test_a_portrait_has_one_face_with_landmarks_in_order(photos, shared, name):
    (face,) = photos.detect([read(shared(f"data/photo/people/{name}"))])[0]
    assert face.confidence > 0.85
    assert_order_of_landmarks(face)


def test_a_mirrored_portrait_keeps_the_order_of_the_landmarks_and_mirrors_their_places(photos, astronaut):
    (face,) = photos.detect([astronaut])[0]
    (mirrored,) = photos.detect([np.ascontiguousarray(astronaut[:, ::-1])])[0]
    assert_order_of_landmarks(face)
    assert_order_of_landmarks(mirrored)
    expected = [(astronaut.shape[1] - x, y) for x, y in (face.landmarks[i] for i in (1, 0, 2, 4, 3))]
    assert np.abs(np.array(expected) - mirrored.landmark_array).max() < 0.2 * face.eye_distance_px


@pytest.mark.parametrize("roll_deg", [-60, -35, 35, 60])
def test_a_tilted_head_is_found_with_its_tilt(photos, astronaut, roll_deg):
    (upright,) = photos.detect([astronaut])[0]
    turn = cv2.getRotationMatrix2D(upright.box.centre, -roll_deg, 1.0)  # OpenCV turns counter-clockwise
    turned = cv2.warpAffine(astronaut, turn, astronaut.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    strongest = photos.detect([turned])[0][0]
    assert np.hypot(*np.subtract(strongest.box.centre, upright.box.centre)) < 0.3 * upright.box.height
    assert strongest.roll_deg - upright.roll_deg == pytest.approx(roll_deg, abs=15)


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0])
def test_box_reaches_from_forehead_to_chin_at_every_size(photos, astronaut, scale):
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (face,) = photos.detect([small])[0]
    assert np.allclose(face.box.scaled(1 / scale).as_list(), [177, 65, 266, 186], atol=12)


@pytest.mark.parametrize(
    "name",
    ["brick", "grass", "gravel", "coffee", "cat", "chelsea", "moon", "coins", "page", "clock", "text",
     "checkerboard", "colorwheel", "logo", "horse"],
)  # fmt: skip
def test_pictures_without_a_person_have_no_face(photos, name):
    data = pytest.importorskip("skimage.data")
    picture = getattr(data, name)()
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    picture = np.dstack([picture] * 3) if picture.ndim == 2 else picture[..., :3]
    assert photos.detect([np.ascontiguousarray(picture)]) == [[]]


def test_noise_has_no_face(photos):
    generator = np.random.default_rng(7)
    for sigma in (20, 60, 120):
        noise = np.clip(generator.normal(110, sigma, (480, 640, 3)), 0, 255).astype(np.uint8)
        assert photos.detect([noise]) == [[]]


def test_a_dark_arena_has_no_face(frames, shared):
    pictures = frames_at(shared("data/video/dark_arena.mov"), (0, 45, 90))
    assert frames.detect(pictures) == [[], [], []]


def test_every_frame_of_a_dance_has_one_face(frames, shared):
    found = frames.detect(frames_at(shared("data/video/dance.mp4"), (0, 60, 120, 180)))
    assert [len(faces) for faces in found] == [1, 1, 1, 1]
    assert all(85 < faces[0].box.height < 150 for faces in found)


def test_two_tilted_heads_are_two_faces(frames, shared):
    clip = shared("data/video/head-pose-face-detection-female-and-male.gif")
    found = frames.detect(frames_at(clip, (0, 18, 36, 54)))
    assert [len(faces) for faces in found] == [2, 2, 2, 2]


def test_a_face_that_fills_the_picture_is_found_to_the_chin(frames, shared):
    """The clip is stored lying on its side, its face is 766 px high; the chin is at row 1210 of the upright frame."""
    (picture,) = frames_at(shared("data/video/phone_selfie.mp4"), (0,), quarter_turns=1)
    ((face,),) = frames.detect([picture])
    assert 640 < face.box.height < 830
    assert 1120 < face.box.y1 < 1260


def test_faces_below_the_smallest_height_are_not_reported(shared):
    picture = frames_at(shared("data/video/classroom.gif"), (0,))
    store = ModelStore()
    four = create_detector(FaceSettings(min_face_px=12, min_confidence=0.5), store).detect(picture)[0]
    assert len(four) == 4
    assert all(14 <= face.box.height < 26 for face in four)
    assert create_detector(FaceSettings(min_face_px=30), store).detect(picture) == [[]]


# --- the search over scales ---------------------------------------------------------------------------------------


def test_results_are_in_pixels_of_each_given_picture_and_in_its_order(photos, astronaut):
    large = cv2.resize(astronaut, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    blank = np.full((333, 500, 3), 90, np.uint8)
    first, none, second = photos.detect([large, blank, astronaut])
    assert none == []
    assert np.allclose(first[0].box.scaled(1 / 3).as_list(), second[0].box.as_list(), atol=8)


def test_same_picture_twice_gives_the_same_values(photos, astronaut):
    one, two = photos.detect([astronaut, astronaut])
    assert one == two == photos.detect([astronaut])[0]


def test_no_pictures_give_no_lists(photos):
    assert photos.detect([]) == []


@given(st.integers(1, 9000), st.integers(1, 9000), st.lists(st.integers(16, 4096), min_size=1))
def test_pictures_are_never_enlarged_and_no_scale_comes_twice(width, height, edges):
    scales = scales_for(width, height, edges)
    assert scales == sorted(set(scales))
    assert max(scales) <= max(width, height)
    assert all(scale in edges or scale == max(width, height) for scale in scales)


def test_shrinking_averages_over_areas():
    stripes = np.zeros((63, 510, 3), np.uint8)
    stripes[:, ::3] = 210
    assert np.unique(shrink(stripes, 170)).tolist() == [70]
    assert shrink(stripes, 2000) is stripes


class Painted:
    """A network that 'sees' the boxes it was given, in the pixels of a 1000 px picture."""

    name = "painted"

    def __init__(self, seen: dict[int, Detections]) -> None:
        self.seen, self.asked, self.sizes = seen, [], []

    def infer(self, pictures, min_confidence):
        edges = [max(picture.shape[:2]) for picture in pictures]
        self.asked += sorted(set(edges))
        self.sizes.append([picture.shape[:2] for picture in pictures])
        return [self.seen.get(edge, Detections.empty()).scaled(edge / 1000, edge / 1000) for edge in edges]


def face_like(*boxes: tuple[float, float, float, float, float]) -> Detections:
    """Detections with boxes (x0, y0, x1, y1, score) and landmarks where a frontal face has them."""
    template = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.75], [0.65, 0.75]])
    table = np.array(boxes, np.float32).reshape(-1, 5)
    size = (table[:, 2:4] - table[:, :2])[:, None]
    points = table[:, None, :2] + template[None] * size
    return Detections(table[:, :4], points.astype(np.float32), table[:, 4])


def searched(network, edges, **options):
    search = ScaleSearch(network, edges, min_confidence=0.5, min_face_px=options.pop("min_face_px", 10), **options)
    return search.detect([np.zeros((1000, 1000, 3), np.uint8)])[0]


def test_a_face_seen_at_two_scales_is_one_face_with_the_stronger_box():
    network = Painted({250: face_like((100, 100, 180, 200, 0.7)), 1000: face_like((102, 100, 178, 204, 0.9))})
    (face,) = searched(network, (250, 1000))
    assert face.confidence == pytest.approx(0.9)


def test_neighbours_that_touch_stay_two_faces():
    network = Painted({1000: face_like((100, 100, 180, 200, 0.9), (160, 100, 240, 200, 0.8))})
    assert len(searched(network, (1000,))) == 2


def test_an_eye_taken_for_a_face_inside_a_large_face_is_dropped():
    network = Painted({250: face_like((100, 100, 800, 950, 0.9)), 1000: face_like((300, 400, 350, 460, 0.8))})
    (face,) = searched(network, (250, 1000))
    assert face.box.height > 500


def test_a_fine_scale_does_not_decide_about_a_large_face():
    network = Painted({1000: face_like((100, 100, 600, 700, 0.99)), 250: face_like((120, 90, 610, 690, 0.6))})
    (face,) = searched(network, (250, 1000))
    assert face.confidence == pytest.approx(0.6)


def test_a_large_face_at_the_only_scale_is_measured_again_at_a_coarser_one():
    network = Painted({1000: face_like((100, 100, 600, 740, 0.8)), 250: face_like((100, 150, 600, 790, 0.7))})
    (face,) = searched(network, (1000,))
    assert network.asked == [1000, 250]
    assert face.box.y1 == pytest.approx(790, abs=1)


def test_a_large_face_is_kept_when_the_second_look_sees_nothing_there():
    network = Painted({1000: face_like((100, 100, 600, 740, 0.8))})
    (face,) = searched(network, (1000,))
    assert face.box.y1 == pytest.approx(740, abs=1)


def test_pictures_of_all_sizes_go_through_a_scale_before_the_next():
    network = Painted({})
    search = ScaleSearch(network, (100, 250), min_confidence=0.5, min_face_px=10)
    tall, wide = np.zeros((400, 300, 3), np.uint8), np.zeros((300, 400, 3), np.uint8)
    assert search.detect([tall, wide, tall, wide[:150, :200]]) == [[], [], [], []]
    assert network.sizes == [
        [(75, 100), (75, 100), (100, 75), (100, 75)],
        [(150, 200), (188, 250), (250, 188), (250, 188)],
    ]


def test_large_faces_of_many_pictures_are_measured_again_in_one_pass():
    network = Painted({1000: face_like((100, 100, 600, 740, 0.8)), 250: face_like((100, 150, 600, 790, 0.7))})
    search = ScaleSearch(network, (1000,), min_confidence=0.5, min_face_px=10)
    found = search.detect([np.zeros((1000, 1000, 3), np.uint8)] * 3)
    assert [len(sizes) for sizes in network.sizes] == [3, 3]
    assert [faces[0].box.y1 for faces in found] == pytest.approx([790] * 3, abs=1)


def test_no_more_pixels_are_held_than_the_window_has_room_for():
    network = Painted({100: face_like((100, 100, 500, 600, 0.9))})
    search = ScaleSearch(network, (100,), min_confidence=0.5, min_face_px=10, window_pixels=20_000)
    found = search.detect([np.zeros((1000, 1000, 3), np.uint8)] * 5)
    assert [len(faces) for faces in found] == [1] * 5
    assert [len(sizes) for sizes in network.sizes] == [2, 2, 1]


@given(st.integers(1, 9000), st.sampled_from([0.3, 20 / 24, 1.25, 2.0]))
def test_tiles_cover_a_side_overlap_enough_and_are_of_one_size(length, factor):
    found = spans(length, factor)
    assert found[0][0] == 0 and found[-1][1] == length
    assert len({end - start for start, end in found}) == 1 and found[0][1] * factor <= TILE_PX
    assert all(before[1] - after[0] >= int(TILE_OVERLAP_PX / factor) for before, after in itertools.pairwise(found))


class Bright:
    """A network that takes every bright spot for a face, also one that the picture's edge cuts."""

    name = "bright"

    def infer(self, pictures, min_confidence):
        found = []
        for picture in pictures:
            _, _, stats, _ = cv2.connectedComponentsWithStats((picture[:, :, 0] > 127).astype(np.uint8))
            found.append(face_like(*((x, y, x + w, y + h, 0.9) for x, y, w, h, _ in stats[1:])))
        return found


def bright_faces(seed, height=1500, width=1900):
    random, picture, boxes = np.random.default_rng(seed), np.zeros((height, width, 3), np.uint8), []
    for y in range(0, height - 100, 100):
        for x in range(0, width - 100, 100):
            high = int(random.integers(20, 70))
            left, top = (int(at + random.integers(0, 95 - high)) for at in (x, y))
            picture[top : top + high, left : left + high * 3 // 4] = 255
            boxes.append((left, top, left + high * 3 // 4, top + high))
    return picture, boxes


@pytest.mark.parametrize("seed", range(4))
def test_small_faces_are_found_in_tiles_each_once_and_where_they_are(seed):
    picture, boxes = bright_faces(seed)
    search = ScaleSearch(Bright(), (300, 700), min_confidence=0.5, min_face_px=16, tiled=True)
    found = search.detect([picture])[0]
    assert len(found) == len(boxes)
    assert all(sum(face.box.iou(Box(*box)) > 0.5 for face in found) == 1 for box in boxes)


@pytest.mark.parametrize(("min_face_px", "size", "tiles"), [(24, 2048, 0), (24, 1000, 0), (24, 3500, 16), (12, 500, 1)])
def test_tiles_are_looked_at_where_the_scales_show_the_smallest_faces_too_small(min_face_px, size, tiles):
    looks = []
    for tiled in (False, True):
        network, options = Painted({}), {"min_confidence": 0.5, "min_face_px": min_face_px, "tiled": tiled}
        ScaleSearch(network, PHOTO_LONG_EDGES_PX, **options).detect([np.zeros((size, size, 3), np.uint8)])
        looks.append(len(network.sizes))
    assert looks[1] - looks[0] == tiles


sizes = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=30)


@given(sizes, st.integers(1, 5000))
def test_windows_and_batches_take_every_picture_once_and_keep_their_bounds(sizes, max_pixels):
    for parts in (list(windows(sizes, max_pixels)), list(batches(sizes, max_pixels))):
        assert sorted(index for part in parts for index in part) == list(range(len(sizes)))
        for part in parts:
            assert len(part) == 1 or sum(sizes[i][0] * sizes[i][1] for i in part) <= max_pixels
    for part in batches(sizes, max_pixels):
        assert len({sizes[index] for index in part}) == 1


def test_batches_are_as_large_as_they_may_be():
    assert list(batches([(10, 10), (20, 10), (10, 10), (10, 10)], 200)) == [[0, 2], [3], [1]]
    assert [len(part) for part in windows([(10, 10)] * 5, 200)] == [2, 2, 1]


def test_many_pictures_at_once_have_the_faces_each_has_alone(photos, astronaut, shared):
    pictures = [
        astronaut,
        np.ascontiguousarray(astronaut[:, ::-1]),
        np.ascontiguousarray(astronaut[:400, :300]),
        read(shared("data/photo/people/obama/obama-240p.jpg")),
        cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)[:700, 100:900],  # a large face
    ]
    together = photos.detect(pictures)
    assert [len(faces) for faces in together] == [1] * 5
    assert together == [photos.detect([picture])[0] for picture in pictures]


# --- suppression and plausibility ---------------------------------------------------------------------------------

boxes = st.lists(
    st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(1, 300), st.floats(1, 300), st.floats(0.01, 1)),
    max_size=25,
).map(lambda rows: face_like(*((x, y, x + w, y + h, s) for x, y, w, h, s in rows)))


@given(boxes, st.floats(0.1, 0.9))
def test_suppression_keeps_a_maximal_set_without_overlaps(found, max_iou):
    kept = suppress(found, max_iou=max_iou)
    iou, _ = overlaps(kept.boxes)
    assert (iou[~np.eye(len(kept), dtype=bool)] <= max_iou).all()
    assert list(kept.scores) == sorted(kept.scores, reverse=True)
    iou, _ = overlaps(np.concatenate([found.boxes, kept.boxes]))
    same = (found.boxes[:, None] == kept.boxes[None]).all(axis=2)
    clashes = iou[: len(found), len(found) :] > max_iou
    stronger = kept.scores[None] >= found.scores[:, None]
    assert (same.any(axis=1) | (clashes & stronger).any(axis=1)).all()


@given(boxes)
def test_overlaps_agree_with_the_arithmetic_of_boxes(found):
    iou, inside = overlaps(found.boxes)
    faces = found.as_faces()
    for i, one in enumerate(faces):
        for j, other in enumerate(faces):
            assert iou[i, j] == pytest.approx(one.box.iou(other.box), abs=1e-3)
            smaller = min(one.box.area, other.box.area)
            if smaller > 1:
                assert inside[i, j] == pytest.approx(one.box.intersection(other.box).area / smaller, abs=1e-3)


@given(st.floats(-75, 75), st.floats(20, 800))
def test_landmarks_of_a_face_are_plausible_at_any_tilt_and_size(roll_deg, size):
    upright = face_like((0, 0, 0.75 * size, size, 0.9))
    angle = np.radians(roll_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    middle = np.array([0.375 * size, 0.5 * size], np.float32)
    points = (upright.landmarks - middle) @ turn.T + middle
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * middle @ turn.T
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]) * 0.9 + np.tile(middle, 2)
    assert plausible(Detections(box[None].astype(np.float32), points.astype(np.float32), upright.scores)).all()


@pytest.mark.parametrize(
    "landmarks",
    [
        pytest.param([[30, 75], [70, 75], [50, 60], [35, 40], [65, 40]], id="mouth over eyes"),
        pytest.param([[70, 40], [30, 40], [50, 60], [65, 75], [35, 75]], id="left and right swapped"),
        pytest.param([[50, 50], [50.5, 50], [50, 50], [50, 50.5], [50.5, 50.5]], id="all in one point"),
        pytest.param([[30, 40], [70, 40], [50, 60], [35, 45], [65, 45]], id="mouth on the eye line"),
        pytest.param([[130, 40], [170, 40], [150, 60], [135, 75], [165, 75]], id="outside the box"),
    ],
)
def test_landmarks_in_no_order_of_a_face_are_refused(landmarks):
    found = Detections(
        np.array([[10, 0, 90, 100]], np.float32), np.array([landmarks], np.float32), np.ones(1, np.float32)
    )
    assert not plausible(found).any()


def test_a_box_far_wider_than_high_is_refused():
    assert plausible(face_like((0, 0, 150, 100, 0.9), (0, 0, 190, 100, 0.9))).tolist() == [True, False]


# --- decoding -----------------------------------------------------------------------------------------------------


def test_decoding_puts_box_and_landmarks_where_the_maps_say():
    heat = np.zeros((20, 30), np.float32)
    size, offset = np.zeros((2, 20, 30), np.float32), np.zeros((2, 20, 30), np.float32)
    landmarks = np.zeros((10, 20, 30), np.float32)
    heat[8, 12], heat[8, 13] = 0.9, 0.8  # the second is no local maximum
    size[:, 8, 12] = np.log([10, 6])  # 40 px high, 24 px wide
    offset[:, 8, 12] = (0.25, -0.5)
    landmarks[:, 8, 12] = [0.4, 0.3, 0.4, 0.7, 0.6, 0.5, 0.8, 0.35, 0.8, 0.65]
    found = decode(heat, size, offset, landmarks, 0.5)
    assert len(found) == 1
    assert np.allclose(found.boxes, [[48 - 12, 35 - 20, 48 + 12, 35 + 20]], atol=1e-4)
    expected = [[36 + 7.2, 15 + 16], [36 + 16.8, 15 + 16], [48, 15 + 24], [36 + 8.4, 15 + 32], [36 + 15.6, 15 + 32]]
    assert np.allclose(found.landmarks, [expected], atol=1e-4)
    assert found.scores == pytest.approx([0.9])


@given(st.integers(1, 200), st.integers(1, 200))
def test_sides_are_filled_up_and_never_stretched(height, width):
    picture = np.full((height, width, 3), (10, 20, 30), np.uint8)
    blob = padded_blob([picture])
    assert blob.shape[2] % 32 == blob.shape[3] % 32 == 0
    assert blob.shape[2] - height < 32
    assert (blob[0, :, :height, :width].transpose(1, 2, 0) == (10, 20, 30)).all()
    assert blob.sum() == 60 * height * width


def passes_of(network, monkeypatch) -> list[int]:
    """Pictures of each forward pass from now on."""
    passes = []
    real = network.outputs
    monkeypatch.setattr(network, "outputs", lambda chosen: passes.append(len(chosen)) or real(chosen))
    return passes


def test_a_batch_of_centerface_gives_the_bits_single_pictures_give(astronaut, monkeypatch):
    network = CenterFace(ModelStore().locate("centerface"))
    passes = passes_of(network, monkeypatch)
    pictures = [astronaut[:300, 100:317], astronaut[30:331, 120:340, ::-1], np.zeros((320, 224, 3), np.uint8)]
    pictures += [astronaut[:320, 99:315], astronaut]
    together = network.infer(pictures, 0.3)
    assert passes == [4, 1]
    assert [len(found) for found in together] == [1, 1, 0, 1, 1]
    for picture, found in zip(pictures, together, strict=True):
        alone = network.infer([picture], 0.3)[0]
        assert np.array_equal(found.boxes, alone.boxes)
        assert np.array_equal(found.landmarks, alone.landmarks)
        assert np.array_equal(found.scores, alone.scores)


def test_a_pass_of_centerface_has_a_bounded_number_of_pixels(monkeypatch):
    network = CenterFace(ModelStore().locate("centerface"))
    passes = passes_of(network, monkeypatch)
    network.infer([np.zeros((512, 512, 3), np.uint8)] * 2 + [np.zeros((224, 224, 3), np.uint8)] * 7, 0.5)
    assert passes == [1, 1, 5, 2]


# --- weights ------------------------------------------------------------------------------------------------------


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def locate(self, name: str) -> Path:
        return self.path


def test_a_broken_file_is_named(tmp_path):
    broken = tmp_path / "centerface.onnx"
    broken.write_bytes(b"\x08\x07not a network")
    with pytest.raises(ModelDamagedError, match=r"centerface\.onnx"):
        create_detector(FaceSettings(), Folder(broken))


def test_another_network_is_refused(shared):
    with pytest.raises(ModelDamagedError, match="outputs where CenterFace has 4"):
        CenterFace(shared("models/face_detection_yunet_2023mar.onnx"))


def test_missing_weights_are_an_error_and_not_another_detector():
    with pytest.raises(ModelMissingError, match="retinaface-resnet50"):
        create_detector(FaceSettings(detector="retinaface-resnet50"), ModelStore())
