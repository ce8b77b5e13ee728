from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.facemesh import FaceMesh
from fancam.geometry import Box
from fancam.picking.persons import usual_blink
from fancam.picking.terms import closedness, eyes_term, head_term, mouth_term, smile_term
from fancam.results import Face

FACE = Face(Box(400, 400, 500, 530), ((425, 450), (475, 450), (450, 480), (430, 500), (470, 500)), 0.9)
parts = st.floats(0, 1)


def mesh(left: float = 0.0, right: float = 0.0, jaw: float = 0.0, smile: float = 0.0) -> FaceMesh:
    expression = {"eyeBlinkRight": left, "eyeBlinkLeft": right, "jawOpen": jaw,
                  "mouthSmileLeft": smile, "mouthSmileRight": smile}  # fmt: skip
    return FaceMesh(np.zeros((478, 3), np.float32), expression)


@given(parts, parts, st.floats(0.02, 0.6))
def test_eyes_that_close_never_score_higher(blink, further, usual):
    more = min(blink + 0.3 * further, 1.0)
    assert eyes_term(mesh(more, more), usual) <= eyes_term(mesh(blink, blink), usual)


def test_narrow_eyes_are_open_eyes_of_who_always_has_them():
    assert eyes_term(mesh(0.5, 0.5), usual_blink([0.5] * 20)) == 1.0
    assert eyes_term(mesh(0.5, 0.5), usual_blink([0.05] * 20)) < 0.2


def test_a_wink_is_no_blink():
    assert eyes_term(mesh(0.7, 0.1), 0.1) == 1.0
    assert closedness(mesh(0.7, 0.7), 0.1) > 0.9


@pytest.mark.parametrize("blinks", [[], [0.1], [0.4] * 3, [0.1] * 60 + [0.7] * 20])
def test_what_is_usual_lies_between_the_person_and_people_in_general(blinks):
    assert 0.1 <= usual_blink(blinks) <= 0.4


def test_a_mouth_mid_word_loses_against_rest_and_smile():
    word, rest, laugh = mesh(jaw=0.4), mesh(), mesh(jaw=0.4, smile=0.9)
    assert mouth_term(word) < 0.4 < 0.9 < mouth_term(laugh) <= mouth_term(rest) == 1.0
    assert smile_term(laugh) > smile_term(rest) == 0.5


@given(st.floats(0, 300))
def test_a_head_that_leaves_the_frame_scores_lower_the_more_of_it_does(up_px):
    def raised(by: float) -> Face:
        return replace(FACE.shifted(0, -by))

    assert head_term(raised(up_px + 20), 1000, 1000) <= head_term(raised(up_px), 1000, 1000) <= 1.0
    assert head_term(raised(0), 1000, 1000) == 1.0
    assert head_term(raised(420), 1000, 1000) == 0.0
