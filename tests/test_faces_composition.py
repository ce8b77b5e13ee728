from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fancam.cropping import frame_face
from fancam.cropping.framing import FRAMING_CONVENTIONS, MAX_EYE_LINE_SHIFT, MAX_SIDEWAYS, eye_line_of
from fancam.cropping.placing import head_box
from fancam.faces import PHOTO_LONG_EDGES_PX, create_detector
from fancam.geometry import Box, CardGeometry
from fancam.nn import ModelStore
from fancam.paper import DEFAULT_LIMITS, printer
from fancam.results import Face
from fancam.settings import FRAMINGS, CropSettings, FaceSettings

KPOP = CardGeometry(55, 85, 3, 300)
HUGE = 100_000


def face(x: float, y: float, height: float, *, roll_deg: float = 0.0, yaw: float = 0.0) -> Face:
    """A face with its box centred on (x, y); ``yaw`` moves the nose, in eye distances."""
    width = 0.75 * height
    eyes = 0.42 * width
    angle = math.radians(roll_deg)

    def turned(u: float, v: float) -> tuple[float, float]:
        return x + u * math.cos(angle) - v * math.sin(angle), y + u * math.sin(angle) + v * math.cos(angle)

    points = (
        turned(-eyes / 2, -0.08 * height), turned(eyes / 2, -0.08 * height), turned(yaw * eyes, 0.1 * height),
        turned(-0.4 * eyes, 0.27 * height), turned(0.4 * eyes, 0.27 * height),
    )  # fmt: skip
    return Face(Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2), points, 0.9)


def mirrored(given_face: Face, frame_width: float) -> Face:
    box = given_face.box
    left_eye, right_eye, nose, left_mouth, right_mouth = ((frame_width - x, y) for x, y in given_face.landmarks)
    return replace(
        given_face,
        box=Box(frame_width - box.x1, box.y0, frame_width - box.x0, box.y1),
        landmarks=(right_eye, left_eye, nose, right_mouth, left_mouth),
    )


def inside(box: Box, width: float, height: float, tolerance: float = 1e-6) -> bool:
    return Box(-tolerance, -tolerance, width + tolerance, height + tolerance).contains(box)


cards = st.builds(
    CardGeometry,
    width_mm=st.floats(30, 120), height_mm=st.floats(30, 160), bleed_mm=st.just(0.0) | st.floats(0.1, 5),
    dpi=st.just(300.0),
)  # fmt: skip
crop_settings = st.builds(CropSettings, framing=st.sampled_from(FRAMINGS), min_ppi=st.floats(0, 300))


@st.composite
def scenes(draw, others: int = 4):
    """A frame, a face in it (its box may reach over the edge a little), and other faces."""
    width, height = draw(st.integers(200, 4000)), draw(st.integers(200, 4000))
    made = []
    for _ in range(1 + draw(st.integers(0, others))):
        size = draw(st.floats(20, 0.95 * min(width, height)))
        made.append(
            face(
                draw(st.floats(0.3 * size, width - 0.3 * size)),
                draw(st.floats(0.45 * size, height - 0.45 * size)),
                size,
                roll_deg=draw(st.floats(-60, 60)),
                yaw=draw(st.floats(-0.6, 0.6)),
            )
        )
    return width, height, made[0], made[1:]


# --- what always holds --------------------------------------------------------------------------------------------


@given(scenes(), cards, crop_settings)
def test_the_cut_card_lies_inside_the_frame_and_beyond_it_is_nothing_but_bleed(scene, card, settings):
    width, height, subject, others = scene
    crop = frame_face(subject, width, height, card, settings, others)
    assert crop.box.width / crop.box.height == pytest.approx(card.outer_width_mm / card.outer_height_mm, rel=1e-6)
    assert inside(crop.trim, width, height)
    said = any("of the bleed is real: the picture ends at the" in warning for warning in crop.warnings)
    if crop.source is None:
        assert inside(crop.box, width, height)
        assert (crop.real, crop.bleed_share, said) == (None, 1.0, False)
        return
    # What is less than half a pixel of the card is no bleed to draw on.
    assert 0 <= crop.bleed_share <= 1 and said == (crop.bleed_share < 1)
    assert inside(crop.source, width, height)
    assert Box(0, 0, card.width_px, card.height_px).contains(crop.real)
    cut = card.inset(Box(0, 0, card.width_px, card.height_px), card.bleed_mm)
    assert crop.real.grown(1 / min(crop.real.width, crop.real.height)).contains(cut), "all of the cut card is real"
    assert crop.source.shown_in(crop.box, card.width_px, card.height_px).as_list() == pytest.approx(
        crop.real.as_list(), abs=1.01
    )


@given(scenes(), cards, crop_settings)
def test_the_same_scene_gives_the_same_crop(scene, card, settings):
    width, height, subject, others = scene
    crop = frame_face(subject, width, height, card, settings, others)
    assert crop == frame_face(subject, width, height, card, settings, others)


@given(st.floats(60, 600), st.floats(0, 1), st.floats(0, 1), st.sampled_from(FRAMINGS), st.floats(-15, 15))
def test_a_head_that_the_frame_shows_is_whole_on_the_card_wherever_it_is(size, across, down, framing, roll_deg):
    """Bleed is drawn on rather than the head cut."""
    low, high = 0.375 * size, 2000 - 0.375 * size
    subject = face(low + across * (high - low), size / 2 + down * (3000 - size), size, roll_deg=roll_deg)
    crop = frame_face(subject, 2000, 3000, KPOP, CropSettings(framing=framing, min_ppi=0))
    assert crop.trim.grown(1e-6).contains(head_box(subject).clipped(2000, 3000))
    assert not any("the cut takes" in warning for warning in crop.warnings)


@given(scenes(), cards, crop_settings)
def test_trim_is_the_outer_box_less_the_bleed_on_every_side(scene, card, settings):
    width, height, subject, others = scene
    crop = frame_face(subject, width, height, card, settings, others)
    px_per_mm = crop.box.width / card.outer_width_mm
    for gap in (
        crop.trim.x0 - crop.box.x0, crop.box.x1 - crop.trim.x1, crop.trim.y0 - crop.box.y0, crop.box.y1 - crop.trim.y1
    ):  # fmt: skip
        assert gap == pytest.approx(card.bleed_mm * px_per_mm, abs=1e-6 * max(width, height))
    assert crop.effective_ppi == round(crop.effective_ppi, 1)
    assert crop.effective_ppi == pytest.approx(crop.trim.width / (card.width_mm / 25.4), abs=0.0501)


@given(scenes(), cards, crop_settings)
def test_the_middle_of_the_face_is_on_the_trimmed_card(scene, card, settings):
    width, height, subject, others = scene
    crop = frame_face(subject, width, height, card, settings, others)
    x, y = subject.box.clipped(width, height).centre
    slack = card.bleed_mm * crop.box.width / card.outer_width_mm  # a face at the very edge may lie in the bleed
    assert crop.trim.x0 - slack <= x <= crop.trim.x1 + slack
    assert crop.trim.y0 - slack <= y <= crop.trim.y1 + slack
    if 0.3 * width < x < 0.7 * width and 0.3 * height < y < 0.7 * height:
        assert crop.trim.x0 <= x <= crop.trim.x1
        assert crop.trim.y0 <= y <= crop.trim.y1


@given(scenes(others=2), cards, crop_settings)
def test_a_mirrored_scene_gives_the_mirrored_crop(scene, card, settings):
    width, height, subject, others = scene
    # Two moves that are equally good, one to either side, leave the choice open.
    assume(all(abs(other.box.centre[0] - subject.box.centre[0]) > 1 for other in others))
    assume(len(others) < 2 or abs(others[0].box.height - others[1].box.height) > 1)
    crop = frame_face(subject, width, height, card, settings, others)
    other_way = frame_face(
        mirrored(subject, width), width, height, card, settings, [mirrored(o, width) for o in others]
    )
    expected = Box(width - crop.box.x1, crop.box.y0, width - crop.box.x0, crop.box.y1)
    assert other_way.box.as_list(3) == pytest.approx(expected.as_list(3), abs=1e-3 * max(width, height))
    swapped = [w.replace("left", "_").replace("right", "left").replace("_", "right") for w in other_way.warnings]
    said, said_other_way = ([sorted(w.replace(",", "").split()) for w in words] for words in (crop.warnings, swapped))
    assert said_other_way == said


@given(scenes(), cards, crop_settings)
def test_below_the_asked_for_ppi_there_is_always_a_warning(scene, card, settings):
    width, height, subject, others = scene
    crop = frame_face(subject, width, height, card, settings, others)
    said = any("asked for: the face is only" in warning for warning in crop.warnings)
    assert said == (crop.effective_ppi < settings.min_ppi * (1 - 1e-9))


@given(scenes(), cards, crop_settings)
def test_another_framing_than_asked_for_is_always_said(scene, card, settings):
    width, height, subject, others = scene
    crop = frame_face(subject, width, height, card, settings, others)
    said = [warning for warning in crop.warnings if warning.startswith("framed as")]
    assert bool(said) == (crop.framing != settings.framing)


# --- where there is room ------------------------------------------------------------------------------------------


@given(st.floats(200, 3000), st.sampled_from(FRAMINGS), st.floats(-20, 20))
def test_with_room_the_face_has_the_share_and_the_eye_line_of_the_framing(size, framing, roll_deg):
    subject = face(HUGE / 2, HUGE / 2, size, roll_deg=roll_deg)
    crop = frame_face(subject, HUGE, HUGE, KPOP, CropSettings(framing=framing))
    convention = FRAMING_CONVENTIONS[framing]
    assert crop.framing == framing
    assert crop.warnings == ()
    assert subject.box.height / crop.trim.height == pytest.approx(convention.share, abs=0.01)
    eye_line = (subject.eye_centre[1] - crop.trim.y0) / crop.trim.height
    assert eye_line == pytest.approx(convention.eye_line, abs=0.02)


@pytest.mark.parametrize(("framing", "low", "high"), [("face", 0.45, 0.60), ("bust", 0.28, 0.40), ("half", 0.16, 0.22)])
def test_framings_keep_to_the_shares_of_printed_photocards(framing, low, high):
    convention = FRAMING_CONVENTIONS[framing]
    assert (convention.smallest_share, convention.largest_share) == (low, high)
    assert low < convention.share < high
    assert 0.25 <= convention.eye_line <= 0.46


@given(st.floats(200, 3000), st.sampled_from(FRAMINGS), st.floats(-15, 15))
def test_with_room_hair_and_chin_lie_in_the_safe_zone(size, framing, roll_deg):
    subject = face(HUGE / 2, HUGE / 2, size, roll_deg=roll_deg)
    crop = frame_face(subject, HUGE, HUGE, KPOP, CropSettings(framing=framing))
    safe = DEFAULT_LIMITS.safe_mm * crop.trim.width / KPOP.width_mm - 1e-6
    zone = Box(crop.trim.x0 + safe, crop.trim.y0 + safe, crop.trim.x1 - safe, crop.trim.y1 - safe)
    assert zone.contains(head_box(subject))
    assert head_box(subject).y0 <= subject.box.y0 - 0.25 * size


@pytest.mark.parametrize("yaw", [-0.5, -0.2, 0.0, 0.2, 0.5])
def test_a_face_that_looks_aside_has_a_little_more_room_there(yaw):
    crop = frame_face(face(5000, 5000, 500, yaw=yaw), 10000, 10000, KPOP, CropSettings())
    lead = (crop.trim.centre[0] - 5000) / crop.trim.width
    assert lead == pytest.approx(0.1 * yaw, abs=1e-3)
    assert abs(lead) <= 0.05 + 1e-9


# --- where there is not -------------------------------------------------------------------------------------------


def test_near_the_edge_of_the_frame_the_crop_is_moved_before_it_is_tightened():
    crop = frame_face(face(300, 700, 300), 4000, 3000, KPOP, CropSettings())
    assert crop.box.x0 == pytest.approx(0, abs=1)
    assert 300 / crop.trim.height == pytest.approx(FRAMING_CONVENTIONS["bust"].share, rel=0.15)
    assert crop.warnings == ()


def test_a_head_at_the_top_of_the_frame_is_tightened_so_that_the_bleed_takes_less_of_it():
    roomy = frame_face(face(1000, 1500, 300), 2000, 3000, KPOP, CropSettings())
    tight = frame_face(face(1000, 200, 300), 2000, 3000, KPOP, CropSettings())
    assert tight.trim.height < roomy.trim.height
    assert tight.framing == "bust"


def test_on_a_narrow_card_the_framing_is_loosened_until_the_face_is_in_the_safe_zone():
    narrow, subject = CardGeometry(38, 85, 3, 300), face(5000, 5000, 1000)
    crop = frame_face(subject, 10000, 10000, narrow, CropSettings(framing="face"))
    safe = DEFAULT_LIMITS.safe_mm * crop.trim.width / narrow.width_mm
    assert crop.framing == "face"
    assert 1000 / crop.trim.height < FRAMING_CONVENTIONS["face"].share
    assert crop.trim.x0 + safe <= subject.box.x0 + 3
    assert crop.trim.x1 - safe >= subject.box.x1 - 3


@pytest.mark.parametrize(("above", "real"), [(60, 1.0), (25, None), (0, None)])
def test_a_head_at_the_top_of_the_frame_keeps_its_room_and_bleed_is_drawn_on_only_for_that(above, real):
    subject = face(1000, 240 + above, 300)  # its hair begins so many pixels below the frame's edge
    crop = frame_face(subject, 2000, 3000, KPOP, CropSettings())
    assert crop.trim.contains(head_box(subject))
    assert crop.framing == "bust"
    if real == 1.0:
        assert crop.source is None and crop.warnings == ()
    else:
        assert 0.7 < crop.bleed_share < 0.85
        assert crop.warnings == (f"{crop.bleed_share:.0%} of the bleed is real: the picture ends at the top",)


def test_a_face_at_the_very_edge_of_the_frame_is_not_cut_and_its_margin_is_said():
    crop = frame_face(face(1000, 150, 300), 2000, 3000, KPOP, CropSettings())
    assert crop.trim.y0 == pytest.approx(0, abs=1e-6)
    said = "the cut may touch the face, which lies 0.0 mm from it: cuts are up to 1 mm off"
    assert any(warning.startswith(said) for warning in crop.warnings)


def test_a_face_that_the_cut_may_touch_is_framed_tighter_or_said_in_the_terms_of_preflight():
    near, nearer, card = face(1000, 160, 300), face(1000, 156, 300), CardGeometry(55, 85, 0, 300)
    crop = frame_face(near, 2000, 3000, card, CropSettings(), limits=printer("rgb-shop"))
    assert card.margin_mm(near.box, crop.box) > 1.6
    assert crop.warnings == (
        "framed as face instead of bust: so that the head lies farther from the cut",
        "the frame cuts off the top of the head: the head reaches beyond its edge",
    )
    crop = frame_face(nearer, 2000, 3000, card, CropSettings(), limits=printer("rgb-shop"))
    assert 0.5 < card.margin_mm(nearer.box, crop.box) < 1.6
    assert any("mm from it: cuts are up to 1.6 mm off" in warning for warning in crop.warnings)
    crop = frame_face(near, 2000, 3000, card, CropSettings(), limits=printer("home"))
    assert not any("the cut may touch" in warning for warning in crop.warnings)


def test_a_close_up_gets_a_tighter_framing_and_is_not_cut():
    subject = face(540, 760, 766)
    crop = frame_face(subject, 1080, 1440, KPOP, CropSettings(framing="bust"))
    assert crop.framing == "face"
    assert crop.box.height == pytest.approx(1440)
    assert crop.trim.contains(subject.box)
    assert crop.warnings == ("framed as face instead of bust: the frame leaves no room for more",)


def test_a_small_face_is_framed_wider_to_reach_the_ppi():
    crop = frame_face(face(960, 500, 60), 1920, 1080, KPOP, CropSettings(framing="bust", min_ppi=90))
    assert crop.framing == "half"
    assert crop.effective_ppi >= 90 * (1 - 1e-9)
    assert crop.warnings == (
        "framed as half instead of bust: the face is only 60 px high, "
        "and 90 source pixels per printed inch were asked for",
    )


def test_a_face_too_small_for_the_ppi_even_so_is_widened_no_further_than_half_and_said_with_numbers():
    crop = frame_face(face(960, 500, 40), 1920, 1080, KPOP, CropSettings(framing="bust", min_ppi=150))
    assert crop.framing == "half"
    assert 40 / crop.trim.height == pytest.approx(0.16, rel=0.02)
    assert (
        "75 source pixels per printed inch, fewer than the 150 asked for: the face is only 40 px high" in crop.warnings
    )


def test_a_ppi_of_zero_asks_for_nothing_and_what_preflight_will_fail_is_said_all_the_same():
    crop = frame_face(face(960, 500, 30), 1920, 1080, KPOP, CropSettings(min_ppi=0))
    assert crop.framing == "bust"
    assert crop.warnings == (
        "27 source pixels per printed inch, fewer than the 75 that it is held against before it is printed",
    )
    assert frame_face(face(960, 500, 100), 1920, 1080, KPOP, CropSettings(min_ppi=0)).warnings == ()


# --- other faces --------------------------------------------------------------------------------------------------


def share_on_card(crop, other) -> float:
    return crop.trim.intersection(other.box).area / other.box.area


@pytest.mark.parametrize("side", [-1, 1])
def test_a_neighbour_the_edge_would_halve_is_left_out_or_taken_in_by_a_small_move(side):
    subject = face(2000, 1500, 300)
    alone = frame_face(subject, 4000, 3000, KPOP, CropSettings())
    edge = alone.trim.x1 if side > 0 else alone.trim.x0
    neighbour = face(edge, 1500, 220)
    assert 0.4 < share_on_card(alone, neighbour) < 0.6
    crop = frame_face(subject, 4000, 3000, KPOP, CropSettings(), [neighbour])
    assert not 0.05 < share_on_card(crop, neighbour) < 0.95
    assert crop.warnings == ()
    safe = DEFAULT_LIMITS.safe_mm * crop.trim.width / KPOP.width_mm
    assert crop.trim.grown(-0.01).contains(subject.box)
    assert crop.trim.x0 + safe <= subject.box.x0
    assert subject.box.x1 <= crop.trim.x1 - safe


def test_faces_far_away_change_nothing():
    subject = face(2000, 1500, 300)
    far = [face(500, 1500, 300), face(3600, 400, 200)]
    assert frame_face(subject, 4000, 3000, KPOP, CropSettings(), far) == frame_face(
        subject, 4000, 3000, KPOP, CropSettings()
    )


def test_a_neighbour_the_frame_itself_cuts_is_not_said_to_be_cut_by_the_card():
    subject, neighbour = face(480, 1500, 300), face(60, 1500, 220)
    assert neighbour.box.x0 < 0
    crop = frame_face(subject, 1200, 3000, CardGeometry(55, 85, 0, 300), CropSettings(framing="half"), [neighbour])
    visible = neighbour.box.clipped(1200, 3000)
    assert crop.trim.intersection(visible).area / visible.area > 0.9
    assert not any("edge cuts" in warning for warning in crop.warnings)


def test_a_neighbour_that_must_be_cut_is_said():
    """One on either side, so close that no move inside the limits helps."""
    subject = face(2000, 1500, 300)
    crowd = [face(2000 + dx, 1500 + dy, 290) for dx in (-330, -165, 165, 330) for dy in (-420, 420, 0)]
    crop = frame_face(subject, 4000, 3000, KPOP, CropSettings(), crowd)
    cut = [other for other in crowd if 0.1 < share_on_card(crop, other) < 0.9]
    assert cut
    assert f"other faces that the card's edge cuts: {len(cut)}" in crop.warnings


crowds = st.lists(
    st.tuples(st.floats(-1200, 1200), st.floats(-1200, 1200), st.floats(100, 240)), min_size=1, max_size=6
).map(lambda rows: [face(5000 + dx, 5000 + dy, height) for dx, dy, height in rows])


@given(crowds, st.sampled_from(FRAMINGS))
@example([face(5000, 5385, 100), face(5000, 5496, 175), face(5000, 5682, 240)], "bust")
def test_smaller_neighbours_move_the_crop_only_a_little_and_never_out_of_the_framing(crowd, framing):
    subject = face(5000, 5000, 300)
    crop = frame_face(subject, 10000, 10000, KPOP, CropSettings(framing=framing), crowd)
    eye_line = (subject.eye_centre[1] - crop.trim.y0) / crop.trim.height
    assert abs(eye_line - eye_line_of(300 / crop.trim.height)) < MAX_EYE_LINE_SHIFT + 0.01
    assert abs(crop.trim.centre[0] - 5000) / crop.trim.width < MAX_SIDEWAYS + 0.01
    convention = FRAMING_CONVENTIONS[crop.framing]
    assert crop.framing == framing or any(f"{crop.framing} instead of {framing}" in one for one in crop.warnings)
    assert convention.smallest_share * 0.999 < 300 / crop.trim.height < convention.largest_share * 1.001
    assert crop.trim.contains(subject.box)


@pytest.mark.parametrize(("dx", "dy"), [(0, 480), (260, 330), (-330, 60), (300, 0)])
@pytest.mark.parametrize("height", [300, 360])
def test_a_neighbour_as_large_or_larger_is_left_out_by_a_tighter_framing_or_a_shift(dx, dy, height):
    """A man whose card is filled by the woman before him, and a neighbour cheek by jowl."""
    subject, neighbour = face(2000, 1500, 300), face(2000 + dx, 1500 + dy, height)
    crop = frame_face(subject, 4000, 3000, KPOP, CropSettings(), [neighbour])
    assert crop.trim.contains(subject.box)
    assert share_on_card(crop, neighbour) < 0.5
    assert not any("larger" in warning for warning in crop.warnings)


def test_where_the_ppi_forbids_a_tighter_framing_a_larger_face_beside_it_is_said():
    subject, neighbour = face(2000, 1500, 60), face(2010, 1560, 80)
    crop = frame_face(subject, 4000, 3000, KPOP, CropSettings(), [neighbour])
    (said,) = (warning for warning in crop.warnings if "larger" in warning)
    assert said == (
        "larger faces beside it on the card: 1; no move or tighter framing at 75 source pixels per printed inch "
        "leaves them out"
    )


# --- real groups --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos():
    return create_detector(FaceSettings(), ModelStore(), long_edges_px=PHOTO_LONG_EDGES_PX)


def composed(photos, path, settings):
    picture = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    faces = photos.detect([picture])[0]
    height, width = picture.shape[:2]
    return [
        (one, frame_face(one, width, height, KPOP, settings, [other for other in faces if other is not one]))
        for one in faces
    ]


@pytest.mark.parametrize(
    ("rows", "part"),
    [(slice(0, 1024), None), (slice(20, 1024), None), (slice(100, 1024), "top of the head"), (slice(0, 380), None),
     (slice(0, 326), "chin")],
)  # fmt: skip
def test_a_head_that_goes_on_beyond_the_frame_is_said_to_be_cut_though_its_box_lies_inside(photos, rows, part):
    from skimage.data import astronaut

    picture = np.repeat(np.repeat(np.asarray(astronaut()), 2, axis=0), 2, axis=1)[rows].copy()
    (found,) = photos.detect([picture])[0]
    box = found.box.clipped(1024, picture.shape[0]).grown(-0.02)  # as a detector gives it that ends before the edge
    # With a cut that is exact nothing is said of a face that only lies near it.
    limits = replace(DEFAULT_LIMITS, cut_error_mm=0.0)
    said = frame_face(replace(found, box=box), 1024, picture.shape[0], KPOP, CropSettings(), limits=limits).warnings
    cut = [warning for warning in said if "frame cuts off" in warning]
    assert cut == ([] if part is None else [f"the frame cuts off the {part}: the head reaches beyond its edge"])


def test_two_men_side_by_side_get_a_card_each(photos, shared):
    for subject, crop in composed(photos, shared("data/photo/group/obama_and_biden.jpg"), CropSettings())[:2]:
        assert crop.warnings == ()
        assert crop.framing == "bust"
        assert crop.effective_ppi > 180
        assert crop.trim.contains(head_box(subject))


def test_in_a_dense_group_every_card_shows_its_own_face_uncut_away_from_the_frame_edge(photos, shared):
    cards = composed(photos, shared("data/photo/group/solvay1927.jpg"), CropSettings(min_ppi=60))
    assert len(cards) == 29
    for subject, crop in cards:
        assert inside(crop.trim, 2048, 922)
        if subject.box.y0 > 2:
            assert crop.trim.grown(1e-6).contains(head_box(subject).clipped(2048, 922))
            assert not any("the cut takes" in warning for warning in crop.warnings)
    cut = sum(any("edge cuts" in warning for warning in crop.warnings) for _, crop in cards)
    naive = [frame_face(one, 2048, 922, KPOP, CropSettings(min_ppi=60)) for one, _ in cards]
    others = [[other for other, _ in cards if other is not one] for one, _ in cards]
    cut_naive = sum(
        any(0.1 < share_on_card(crop, other) < 0.9 for other in rest) for crop, rest in zip(naive, others, strict=True)
    )
    assert cut < 0.7 * cut_naive
