from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.enhancing import guard as verdict_module
from fancam.enhancing.guard import (
    LADDER,
    LANDMARK_REPEATABILITY,
    NOT_FOUND,
    FaceTrial,
    Guard,
    Likeness,
    network_warnings,
    objections,
)
from fancam.enhancing.prior.alignment import TEMPLATE
from fancam.settings import GuardSettings

SETTINGS = GuardSettings()
ANYTHING = st.floats(-1, 1)


def face(value: int) -> np.ndarray:
    """A picture that only carries a number, for instruments that read it back."""
    return np.full((512, 512, 3), value, np.uint8)


class FakeEmbedder:
    """Reads the angle to the camera's face off the picture: value 200 is the camera, 1 less is 1 % less alike."""

    name = "fake"
    sha256 = "0" * 64

    def __init__(self) -> None:
        self.batches = []

    def embed(self, pictures, landmarks):
        self.batches += [len(pictures)] if pictures else []
        assert all(np.allclose(points, TEMPLATE) for points in landmarks)
        cosines = [1 - (200 - int(picture[0, 0, 0])) / 100 for picture in pictures]
        return np.array([[c, math.sqrt(max(1 - c * c, 0))] for c in cosines], np.float32)


def fake_drift(camera, printed, landmarks):
    """A hundredth of the eye distance per level in the green channel; 255 is a lost feature, and nothing to follow."""
    if camera[0, 0, 1] == 255:
        return None
    return NOT_FOUND if printed[0, 0, 1] == 255 else int(printed[0, 0, 1]) / 100


@pytest.fixture(autouse=True)
def _drift_as_written_in_the_picture(monkeypatch):
    monkeypatch.setattr(verdict_module, "landmark_drift", fake_drift)


def picture(alike: float = 1.0, drift: float = 0.0) -> np.ndarray:
    made = face(0)
    made[..., 0] = round(200 - 100 * (1 - alike))
    made[..., 1] = 255 if drift == NOT_FOUND else round(100 * drift)
    return made


def trial(network=(0.95, 0.0), prior=(0.5, 0.0), asked=1.0, camera_drift=0.0):
    """A prior whose effect grows evenly with its strength."""

    def blended(strength):
        assert strength > 0
        (alike, drift), (full_alike, full_drift) = network, prior
        moved = NOT_FOUND if NOT_FOUND in (drift, full_drift) else drift + strength * (full_drift - drift)
        return picture(alike + strength * (full_alike - alike), moved)

    return FaceTrial(picture(1.0, camera_drift), picture(*network), blended, asked)


def guard(settings=SETTINGS):
    return Guard(settings, FakeEmbedder(), None)


# --- the rules ----------------------------------------------------------------------------------------------------


def test_a_prior_may_cost_as_much_likeness_as_the_setting_says_and_no_more():
    network = Likeness(0.90, 0.0)
    assert objections(Likeness(0.86, 0.0), network, SETTINGS) == ()
    assert objections(Likeness(0.84, 0.0), network, SETTINGS) == ("identity",)


def test_a_bad_enlargement_does_not_forbid_the_prior():
    network = Likeness(0.30, 0.09)
    assert objections(Likeness(0.30, 0.09), network, SETTINGS) == ()
    assert objections(Likeness(0.70, 0.02), network, SETTINGS) == ()


def test_a_bad_enlargement_does_not_let_a_prior_make_it_worse():
    network = Likeness(0.95, 0.09)
    assert objections(Likeness(0.95, 0.09 + 2 * LANDMARK_REPEATABILITY), network, SETTINGS) == ("landmarks",)


def test_landmarks_may_move_up_to_the_limit():
    network = Likeness(0.9, 0.0)
    assert objections(Likeness(0.9, 0.029), network, SETTINGS) == ()
    assert objections(Likeness(0.9, 0.031), network, SETTINGS) == ("landmarks",)


def test_a_feature_that_is_not_found_any_more_has_moved():
    assert objections(Likeness(0.95, NOT_FOUND), Likeness(0.95, NOT_FOUND), SETTINGS) == ("landmarks",)


@given(identity=ANYTHING, network=ANYTHING, drift=st.floats(0, 1), network_drift=st.floats(0, 1))
def test_printing_the_enlargement_itself_is_never_refused(identity, network, drift, network_drift):
    same = Likeness(network, network_drift)
    assert objections(same, same, SETTINGS) == ()
    better = Likeness(max(identity, network), min(drift, network_drift))
    assert objections(better, same, SETTINGS) == ()


# --- the ladder ---------------------------------------------------------------------------------------------------


def test_a_harmless_prior_keeps_its_strength():
    (verdict,) = guard().judge([trial(prior=(0.95, 0.0), asked=0.6)])
    assert (verdict.strength, verdict.forced_by, verdict.warnings) == (0.6, (), ())
    assert verdict.identity == pytest.approx(0.95, abs=0.01) and verdict.identity_network == pytest.approx(0.95)


def test_strength_is_lowered_until_the_likeness_holds():
    # 0.15 of likeness lost at full strength: a quarter of it is what may be lost.
    (verdict,) = guard().judge([trial(network=(0.95, 0.0), prior=(0.8, 0.0))])
    assert verdict.strength == 0.25
    assert verdict.forced_by == ("identity",)
    assert verdict.identity == pytest.approx(0.91, abs=0.011)


def test_strength_is_lowered_until_the_landmarks_hold():
    (verdict,) = guard().judge([trial(network=(0.95, 0.0), prior=(0.95, 0.06))])
    assert verdict.strength == 0.5 and verdict.forced_by == ("landmarks",)
    assert verdict.landmark_drift == pytest.approx(0.03) and verdict.identity == pytest.approx(0.95)


def test_a_prior_that_never_holds_is_left_out():
    (verdict,) = guard().judge([trial(prior=(0.7, 0.5))])
    assert verdict.strength == 0 and verdict.forced_by == ("identity", "landmarks")
    assert verdict.identity == verdict.identity_network
    assert verdict.landmark_drift == 0


def test_the_ladder_is_in_shares_of_what_was_asked_for():
    seen = []
    one = trial(prior=(0.66, 0.0), asked=0.8)
    guard().judge([dataclasses.replace(one, blended=lambda s: seen.append(s) or one.blended(s))])
    assert seen == pytest.approx([1.0, *(0.8 * share for share in LADDER[:-1])])  # its drawing itself, then shares


@pytest.mark.parametrize("asked", [0.05, 0.5, 1.0])
def test_of_a_drawing_of_somebody_else_nothing_is_printed(asked):
    by_identity, by_features = trial(prior=(0.5, 0.0), asked=asked), trial(prior=(0.95, 0.0), asked=asked)
    lost = dataclasses.replace(
        by_features, blended=lambda s: picture(0.95, NOT_FOUND) if s == 1 else by_features.blended(s)
    )
    for verdict in guard().judge([by_identity, lost]):
        assert verdict.strength == 0 and verdict.forced_by == ("stranger",)


def test_where_the_enlargement_lost_a_feature_already_the_prior_is_not_called_a_stranger():
    (verdict,) = guard().judge([trial(network=(0.95, NOT_FOUND), prior=(0.95, NOT_FOUND))])
    assert verdict.strength == 0 and verdict.forced_by == ("landmarks",)


def test_faces_of_all_pictures_are_measured_together_and_only_refused_ones_again():
    embedder = FakeEmbedder()
    good, bad = trial(prior=(0.95, 0.0)), trial(prior=(0.8, 0.0))
    verdicts = Guard(SETTINGS, embedder, None).judge([good, bad, good])
    assert [verdict.strength for verdict in verdicts] == [1.0, 0.25, 1.0]
    assert embedder.batches == [3, 3, 3, 1, 1, 1]  # cameras, enlargements, then four rungs


def test_verdicts_do_not_depend_on_the_company():
    trials = [
        trial(prior=(0.8, 0.0)),
        trial(prior=(0.95, 0.08)),
        trial(prior=(0.0, 0.0)),
        trial(asked=0.0),
        trial(asked=0.4),
    ]
    assert guard().judge(trials) == [guard().judge([one])[0] for one in trials]


def test_without_a_prior_the_enlargement_alone_is_judged():
    (verdict,) = guard().judge([trial(network=(0.40, 0.09), asked=0.0)])
    assert verdict.strength == 0 and verdict.forced_by == ()
    assert verdict.identity == verdict.identity_network == pytest.approx(0.40)
    assert len(verdict.warnings) == 2
    assert "0.40 like the camera's" in verdict.warnings[0] and "9 % of the eye distance" in verdict.warnings[1]


def test_no_faces_give_no_verdicts():
    assert guard().judge([]) == []


# --- what is missing ----------------------------------------------------------------------------------------------


def test_switched_off_it_measures_nothing_and_grants_everything():
    class Forbidden:
        name = sha256 = ""

        def embed(self, pictures, landmarks):
            raise AssertionError

        def __call__(self, pictures) -> list:
            raise AssertionError

    off = Guard(GuardSettings(enabled=False), Forbidden(), Forbidden())
    (verdict,) = off.judge([trial(prior=(0.0, 0.5), asked=0.7)])
    assert verdict.strength == 0.7 and verdict.identity is None and verdict.warnings == ()


def test_a_face_without_features_to_follow_is_judged_by_identity():
    blank = trial(prior=(0.8, 0.0), camera_drift=NOT_FOUND)
    assert guard().judge([blank])[0].strength == 0.25


def test_the_landmarker_says_which_places_are_followed(monkeypatch):
    seen = []
    monkeypatch.setattr(verdict_module, "landmark_drift", lambda camera, printed, marks: seen.append(marks) or 0.0)
    own = TEMPLATE.astype(np.float32) + 5
    one = trial(asked=0.0)
    Guard(SETTINGS, FakeEmbedder(), lambda pictures: [own, None]).judge([one, one])
    assert seen[0] is own and seen[1] is TEMPLATE


def test_a_feature_lost_by_the_enlargement_has_no_drift_and_a_warning():
    (verdict,) = guard().judge([trial(network=(0.95, NOT_FOUND), asked=0.0)])
    assert verdict.landmark_drift is None and "not recognised in the enlarged face" in verdict.warnings[0]


def test_a_good_enlargement_gives_no_warning():
    assert network_warnings(Likeness(0.9, 0.02), SETTINGS) == ()
    assert network_warnings(Likeness(0.9, None), SETTINGS) == ()
