from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from fancam.geometry import Box
from fancam.report import Looked, pick_strip, write_pick_sheet, write_screen_picture
from fancam.report.pick_sheet import MOST_STRIPS
from fancam.results import Score

FACE = Box(181.5, 58.2, 269.9, 177.8)
WHY = {"sharpness": 0.9, "eyes": 0.0, "pose": None, **{f"term {number}": 0.5 for number in range(12)}}


def looked(time_s: float = 41.2, face: Box | None = FACE, reason: str = "sharper than 28 of 30") -> Looked:
    return Looked.at(np.asarray(astronaut()), face, time_s, Score(0.9, WHY), reason)


def test_a_strip_is_always_as_high_and_grows_by_those_that_were_beaten():
    alone, beside, crowd = (pick_strip(looked(), [looked()] * count, "clip-000001234") for count in (0, 2, 9))
    assert alone.shape[0] == beside.shape[0] == crowd.shape[0]
    assert alone.shape[1] < beside.shape[1] < crowd.shape[1]
    assert np.array_equal(crowd, pick_strip(looked(), [looked()] * 4, "clip-000001234")), "four are shown"


def test_the_head_of_a_face_at_the_edge_is_shown_as_far_as_it_goes():
    corner = looked(face=Box(-20, -30, 60, 70))
    assert corner.face is not None and corner.face.shape == looked().face.shape
    assert (corner.face[:10] > 240).all(), "paper above the frame"


@pytest.mark.parametrize("reason", ["", "word " * 200, "민지 무대; \x1b[31m", "x" * 400])
def test_any_reason_fits(reason):
    usual = pick_strip(looked(), [looked()], "name")
    assert pick_strip(looked(reason=reason), [looked(reason=reason)], reason or "name").shape == usual.shape


def test_a_whole_frame_takes_the_room_of_the_face():
    assert looked(face=None).frame.shape[0] > 0.9 * looked().face.shape[0]
    assert looked(face=None).face is None


def test_the_sheet_counts_more_picks_than_it_shows(tmp_path):
    write_screen_picture(tmp_path / "strip.png", pick_strip(looked(), [], "name"))
    write_pick_sheet([tmp_path / "strip.png"] * (MOST_STRIPS + 5), tmp_path / "many.jpg")
    write_pick_sheet([tmp_path / "strip.png"] * MOST_STRIPS, tmp_path / "all.jpg")
    with Image.open(tmp_path / "many.jpg") as many, Image.open(tmp_path / "all.jpg") as whole:
        assert many.size == whole.size
    with pytest.raises(ValueError, match="at least one"):
        write_pick_sheet([], tmp_path / "none.jpg")
