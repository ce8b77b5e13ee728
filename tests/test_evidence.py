from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing import evidence as room
from fancam.enhancing.evidence import evidence_figures, frames_at_print, invented_share, map_evidence
from fancam.geometry import Box
from fancam.pictures import resample
from fancam.results import Evidence


def _texture(shape, strength, seed=0, blur=0.0):
    noise = np.random.default_rng(seed).normal(0, 1, (*shape, 3))
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return strength * noise / noise.std()


def _picture(levels, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return np.clip(np.rint(np.asarray(levels) * (top / 255)), 0, top).astype(dtype)


def _measured(shape=(96, 80)):
    """A plain enlargement: smooth on the left half, soft texture on the right one."""
    levels = np.full((*shape, 3), 150.0)
    levels[:, shape[1] // 2 :] += _texture((shape[0], shape[1] - shape[1] // 2), 20, blur=3.0)
    return levels


# --- the invented share -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_unchanged_picture_has_nothing_invented(dtype):
    random = np.random.default_rng(2)
    plain = random.integers(0, np.iinfo(dtype).max, (50, 40, 3)).astype(dtype)
    share = invented_share(plain, plain, 2.0)
    assert share.dtype == np.float32 and not share.any()


def test_texture_on_smooth_skin_is_invented_and_the_rest_is_not():
    plain = _measured()
    final = plain.copy()
    final[:, :40] += _texture((96, 40), 12, seed=3, blur=1.0)
    share = invented_share(_picture(final), _picture(plain), 2.0)
    assert share[16:-16, 12:28].min() > 0.9
    assert share[16:-16, 60:68].max() < 0.02


def test_a_shift_of_tone_is_no_detail():
    plain = _measured()
    slope = np.linspace(-25, 25, 80)[None, :, None]
    share = invented_share(_picture(plain + slope), _picture(plain), 2.0)
    assert share.max() < 0.09  # what is there is the rounding to whole levels: 1/12 of a level squared
    deep = invented_share(_picture(plain + slope, np.uint16), _picture(plain, np.uint16), 2.0)
    assert deep.max() < 0.001


def test_noise_taken_out_of_smooth_skin_is_not_invention():
    smooth = np.full((96, 80, 3), 150.0)
    noisy = smooth + _texture((96, 80), 8)
    assert invented_share(_picture(smooth), _picture(noisy), 2.0).max() < 0.02


def test_a_softer_contrast_is_measured_and_an_overdrawn_one_is_not():
    plain = np.full((96, 80, 3), 150.0) + _texture((96, 80), 12, blur=3.0)
    softer, harder = 150 + (plain - 150) * 0.5, 150 + (plain - 150) * 3
    inner = slice(20, -20)
    assert invented_share(_picture(softer), _picture(plain), 2.0)[inner, inner].max() < 0.1
    # Two thirds of the amplitude are the excess: 4/9 of the energy.
    assert np.median(invented_share(_picture(harder), _picture(plain), 2.0)[inner, inner]) == pytest.approx(
        4 / 9, abs=0.05
    )


def test_detail_nobody_sees_counts_for_little():
    plain = np.full((64, 64, 3), 150.0)
    final = plain + _texture((64, 64), 1.0, blur=0.7)
    deep = invented_share(_picture(final, np.uint16), _picture(plain, np.uint16), 2.0)
    assert 0.3 < deep.mean() < 0.55
    weak = plain + _texture((64, 64), 0.2, blur=0.7)
    assert invented_share(_picture(weak, np.uint16), _picture(plain, np.uint16), 2.0).max() < 0.1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), blur=st.floats(0.5, 3), low=st.floats(0, 1), high=st.floats(0, 1))
def test_share_grows_with_the_share_of_the_network(seed, blur, low, high):
    low, high = sorted((low, high))
    plain = 130 + _texture((40, 40), 12, seed, blur=3.0)
    network = plain + _texture((40, 40), 15, seed + 1000, blur=blur)
    less, more = (
        invented_share(_picture(plain + (network - plain) * share, np.uint16), _picture(plain, np.uint16), 2.0)
        for share in (low, high)
    )
    assert (more >= less - 1e-3).all()
    assert less.min() >= 0 and more.max() <= 1


def test_both_depths_agree():
    plain = _measured()
    final = plain + _texture((96, 80), 9, blur=1.0)
    shallow = invented_share(_picture(final), _picture(plain), 2.0)
    deep = invented_share(_picture(final, np.uint16), _picture(plain, np.uint16), 2.0)
    assert np.abs(shallow - deep).mean() < 0.01


@pytest.mark.parametrize("scale", [0.5, 2.0, 5.3])
def test_bands_leave_no_trace(monkeypatch, scale):
    plain, final = (_picture(130 + _texture((300, 70), 20, seed, blur=1.5)) for seed in (1, 2))
    monkeypatch.setattr(room, "_BAND_PX", 2**30)
    whole = invented_share(final, plain, scale)
    for pixels in (1, 70 * 37, 70 * 160):
        monkeypatch.setattr(room, "_BAND_PX", pixels)  # a picture of several real bands takes many seconds
        assert invented_share(final, plain, scale).tobytes() == whole.tobytes()


def test_pictures_that_do_not_match_are_refused():
    plain = np.zeros((8, 8, 3), np.uint8)
    for final, scale in ((plain[:7], 2.0), (plain.astype(np.uint16), 2.0), (plain, 0.0), (plain, float("nan"))):
        with pytest.raises(ValueError, match=r"compare|scale"):
            invented_share(final, plain, scale)
    with pytest.raises(ValueError, match="map of shape"):
        frames_at_print(np.ones((4, 4), np.float32), Box(2, 2, 2, 3), 8, 8)


# --- frames at print size ---------------------------------------------------------------------------------------------


def test_frames_lie_where_the_picture_lies():
    """A map and a picture of the same values, enlarged from the same box, agree: both count from the edges."""
    levels = np.add.outer(np.arange(30) * 4.0, np.arange(40) * 3.0) + 1
    box = Box(6.3, 4.8, 30.1, 22.6)
    at_print = frames_at_print(levels.astype(np.float32), box, 167, 125)
    picture = resample((levels * 100).astype(np.uint16), box, 167, 125, "bicubic") / 100
    assert np.abs(at_print - picture).max() < 0.02
    x, y = 6.3 + 0.5 * 23.8 / 167, 4.8 + 0.5 * 17.8 / 125
    assert at_print[0, 0] == pytest.approx(1 + (y - 0.5) * 4 + (x - 0.5) * 3, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 99),
    corner=st.tuples(st.floats(-5, 10), st.floats(-5, 10)),
    size=st.tuples(st.floats(0.5, 20), st.floats(0.5, 20)),
    out=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_no_count_appears_that_is_not_around(seed, corner, size, out):
    frames = np.random.default_rng(seed).uniform(1, 15, (12, 14)).astype(np.float32)
    box = Box(corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])
    at_print = frames_at_print(frames, box, *out)
    assert at_print.shape == (out[1], out[0]) and at_print.dtype == np.float32
    assert at_print.min() >= frames.min() - 1e-4 and at_print.max() <= frames.max() + 1e-4


def test_a_smaller_print_averages_and_a_box_beyond_the_picture_is_mirrored():
    stripes = np.tile(np.array([1, 1, 15, 1, 1], np.float32), (8, 8))
    assert np.abs(frames_at_print(stripes, Box(5, 0, 35, 8), 6, 2) - (15 + 4) / 5).max() < 0.6
    ramp = np.tile(np.arange(1, 11, dtype=np.float32), (4, 1))
    mirrored = frames_at_print(ramp, Box(-3, 0, 3, 4), 6, 4)
    assert np.allclose(mirrored[0], [3, 2, 1, 1, 2, 3])


def test_a_photo_was_measured_once():
    picture = np.full((20, 30, 3), 90, np.uint8)
    found = map_evidence(None, Box(3, 3, 9, 9), picture, picture, 2.0)
    assert (found.frames == 1).all() and found.frames.shape == (20, 30) and not found.invented.any()


# --- in figures -------------------------------------------------------------------------------------------------------


def _evidence(frames, invented):
    return Evidence(np.asarray(frames, np.float32), np.asarray(invented, np.float32))


def test_figures_count_the_pixels_of_face_and_card():
    frames, invented = np.ones((10, 10)), np.zeros((10, 10))
    frames[2:6, 2:7], invented[2:4, 2:7] = 9, 0.8
    frames[2, 2] = 5.9995  # six frames, rounded on the way
    found = evidence_figures(_evidence(frames, invented), Box(2, 2, 7, 7))
    assert found["face"] == {
        "mean_frames": pytest.approx((19 * 9 + 5.9995 + 5) / 25, abs=1e-3),
        "measured_in_2": 0.8,
        "measured_in_6": 0.8,
        "mean_invented": 0.32,
        "mostly_invented": 0.4,
    }
    assert found["card"]["measured_in_2"] == 0.2 and found["card"]["mean_invented"] == 0.08
    assert found["sentence"] == (
        "80 % of the face measured in at least 6 frames; 32 % of its detail drawn by a network"
    )


@pytest.mark.parametrize(
    ("frames", "invented", "sentence"),
    [
        (1.0, 0.0, "the card measured in a single frame; no detail drawn by a network"),
        (3.0, 0.5, "100 % of the card measured in at least 2 frames; 50 % of its detail drawn by a network"),
        (8.0, 0.004, "100 % of the card measured in at least 6 frames; less than 1 % of its detail drawn by a network"),
        (1.0, 0.996, "the card measured in a single frame; over 99 % of its detail drawn by a network"),
    ],
)
def test_sentence_is_plain_and_does_not_round_to_nothing(frames, invented, sentence):
    found = evidence_figures(_evidence(np.full((4, 4), frames), np.full((4, 4), invented)), None)
    assert found["sentence"] == sentence and list(found) == ["card", "sentence"]


def test_a_face_outside_the_card_counts_as_none():
    found = evidence_figures(_evidence(np.ones((4, 4)), np.zeros((4, 4))), Box(10, 10, 20, 20))
    assert "face" not in found
    cut = evidence_figures(_evidence(np.ones((4, 4)), np.zeros((4, 4))), Box(-5, 2, 3, 20))
    assert cut["face"]["mean_frames"] == 1
