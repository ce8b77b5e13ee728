from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.errors import OutputError, UsageError
from fancam.geometry import Box
from fancam.pictures import open_picture, read_picture
from fancam.report import write_evidence_map
from fancam.results import Evidence

PAPER = (250, 250, 249)
INK_OUTLINE = (28, 28, 30)
MID_GREY = 128


def _written(tmp_path, frames, invented, card=None, *, title="clip-000000123.png", face=None, sentence="A sentence."):
    frames, invented = np.asarray(frames, np.float32), np.asarray(invented, np.float32)
    pixels = np.full((*frames.shape, 3), MID_GREY, np.uint8) if card is None else card
    path = tmp_path / "map.png"
    digest = write_evidence_map(Evidence(frames, invented), pixels, path, title=title, face=face, sentence=sentence)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    return read_picture(path).pixels


def _largest_blocks(drawn, shape):
    """The corners of the two panels: where the paper ends below the headings, found from the left and the middle."""
    other = (drawn != PAPER).any(axis=2)
    full = np.flatnonzero(other.sum(axis=1) > 0.7 * 2 * shape[1])
    top = int(full[0])
    row = other[top + shape[0] // 2]
    starts = np.flatnonzero(np.diff(np.concatenate([[False], row]).astype(int)) == 1)
    wide = [int(x) for x in starts if row[x : x + shape[1]].all()]
    return top, wide[0], wide[1]


def _panels(drawn, shape):
    top, left, right = _largest_blocks(drawn, shape)
    return tuple(drawn[top : top + shape[0], x : x + shape[1]] for x in (left, right))


def _bars(drawn, shape):
    """One line of pixels out of each scale, from its least to its greatest value."""
    top, left, right = _largest_blocks(drawn, shape)
    below = drawn[top + shape[0] :]
    coloured = np.flatnonzero(((below != PAPER).any(axis=2))[:, left : left + shape[1]].all(axis=1))
    line = below[(coloured[0] + coloured[-1]) // 2] if len(coloured) else below[0]
    return line[left + 1 : left + shape[1] - 1], line[right + 1 : right + shape[1] - 1]


SHAPE = (1000, 700)


def _halves(low, high):
    values = np.full(SHAPE, low, np.float32)
    values[:, SHAPE[1] // 2 :] = high
    return values


def test_pixels_have_the_colour_that_the_scale_gives_their_count(tmp_path):
    drawn = _written(tmp_path, _halves(1, 15), np.zeros(SHAPE))
    frames, invented = _panels(drawn, SHAPE)
    bar, _ = _bars(drawn, SHAPE)
    for half, end in ((frames[:, :350], bar[0]), (frames[:, 350:], bar[-1])):
        assert np.ptp(half.reshape(-1, 3), axis=0).max() == 0
        assert np.abs(half[0, 0].astype(int) - end).max() <= 3
    assert np.abs(frames[0, 0].astype(int) - frames[0, -1]).max() > 100
    assert np.ptp(invented.reshape(-1, 3), axis=0).max() == 0, "frames show in the panel of the network"
    middle = _panels(_written(tmp_path, _halves(15**0.5, 15), np.zeros(SHAPE)), SHAPE)[0]
    assert np.abs(middle[0, 0].astype(int) - bar[len(bar) // 2]).max() <= 3


def test_what_a_network_drew_is_coloured_and_the_rest_is_the_grey_card(tmp_path):
    random = np.random.default_rng(1)
    card = random.integers(0, 256, (*SHAPE, 3), np.uint8)
    _, invented = _panels(_written(tmp_path, np.ones(SHAPE), _halves(0, 1), card), SHAPE)
    clean, drawn = invented[:, :350].astype(int), invented[:, 350:].astype(int)
    assert np.ptp(clean, axis=2).max() == 0
    luma = card[:, :350] @ np.array([0.299, 0.587, 0.114])
    assert np.corrcoef(clean[..., 0].ravel(), luma.ravel())[0, 1] > 0.99
    assert (drawn[..., 0] - drawn[..., 2] > 100).all()
    half = _panels(_written(tmp_path, np.ones(SHAPE), _halves(0, 0.5)), SHAPE)[1][0, -1].astype(int)
    assert 50 < half[0] - half[2] < 120


def test_scales_get_lighter_or_more_vivid_step_by_step(tmp_path):
    """The order can be seen without telling hues apart, and in a print without colour."""
    frames, drawn = _bars(_written(tmp_path, _halves(1, 12), _halves(0, 1)), SHAPE)
    luma = frames @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luma[::8]) > 0).all() and luma[-1] - luma[0] > 90
    vivid = drawn.max(axis=1).astype(int) - drawn.min(axis=1)
    assert (np.diff(vivid[::8]) >= 0).all() and vivid[-1] > 150


@settings(max_examples=5, deadline=None)
@given(x=st.integers(20, 500), y=st.integers(20, 700), width=st.integers(20, 150), height=st.integers(20, 200))
def test_the_face_is_outlined_in_both_panels(tmp_path_factory, x, y, width, height):
    tmp_path = tmp_path_factory.mktemp("outline")
    flat = np.ones(SHAPE), np.full(SHAPE, 0.3)
    plain = _written(tmp_path, *flat)
    outlined = _written(tmp_path, *flat, face=Box(x, y, x + width, y + height))
    for before, after in zip(_panels(plain, SHAPE), _panels(outlined, SHAPE), strict=True):
        changed = (before != after).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) == (y, y + height, x, x + width)
        assert (after[y + 1, x + 5 : x + width - 5] == 255).all()
        assert not changed[y + 5 : y + height - 5, x + 5 : x + width - 5].any()


def test_a_face_that_reaches_over_the_edge_stays_inside_the_panels(tmp_path):
    flat = np.ones(SHAPE), np.zeros(SHAPE)
    outlined = _written(tmp_path, *flat, face=Box(-50, -50, 800, 1200))
    plain = _written(tmp_path, *flat)
    top, left, _ = _largest_blocks(plain, SHAPE)
    assert np.array_equal(outlined[:top], plain[:top]) and np.array_equal(outlined[:, :left], plain[:, :left])


@pytest.mark.parametrize("shape", [(1, 1), (40, 30), (90, 900), (1000, 60), (1075, 720), (2400, 1600)], ids=str)
def test_every_card_gets_legible_text_and_a_picture_for_a_screen(tmp_path, shape):
    random = np.random.default_rng(0)
    evidence = random.uniform(1, 15, shape), random.uniform(0, 1, shape)
    card = random.integers(0, 256, (*shape, 3), np.uint8)
    drawn = _written(tmp_path, *evidence, card, sentence="62 % of the face measured in at least 6 frames")
    assert drawn.shape[0] < 1500 and 850 < drawn.shape[1] < 1900
    title = (drawn[: drawn.shape[0] // 4] == (28, 28, 30)).all(axis=2).any(axis=1)
    first = np.flatnonzero(title)[0]
    letters_px = int(np.argmin(title[first:]))
    assert letters_px >= 12 and letters_px * 100 > drawn.shape[1]
    assert (drawn[:4] == PAPER).all() and (drawn[-4:] == PAPER).all() and (drawn[:, -4:] == PAPER).all()


def test_bleed_that_is_drawn_on_was_measured_in_no_frame_and_has_no_colour(tmp_path):
    frames = np.full((600, 440), 2.0)
    frames[:30] = 0
    left = _panels(_written(tmp_path, frames, np.zeros((600, 440))), (600, 440))[0].astype(int)
    spread = left.max(axis=2) - left.min(axis=2)
    assert spread[:30].max() == 0 and spread[30:].min() > 20


def test_small_cards_are_shown_in_whole_pixels_and_large_ones_averaged(tmp_path):
    random = np.random.default_rng(3)
    invented = (random.random((150, 110)) > 0.5).astype(np.float32)
    drawn = _written(tmp_path, np.ones((150, 110)), invented)
    panel = _panels(drawn, (600, 440))[1].astype(int)
    assert np.array_equal((panel[..., 0] - panel[..., 2] > 100)[::4, ::4], invented > 0.5)
    checks = np.indices((3000, 2000)).sum(axis=0) % 2
    large = _panels(_written(tmp_path, np.ones((3000, 2000)), checks), (1080, 720))[1].astype(int)
    vivid = (large[..., 0] - large[..., 2])[10:-10, 10:-10]
    assert vivid.min() > 40 and vivid.max() < 130


def test_sentence_and_title_are_shown_whole_and_kept_in_the_file(tmp_path):
    flat = np.ones(SHAPE), np.zeros(SHAPE)
    short = _written(tmp_path, *flat, sentence="short")
    long = _written(tmp_path, *flat, title="직캠 – “stage”.mp4", sentence="many words " * 30)
    assert long.shape[0] > short.shape[0], "a long sentence was cut"
    found = open_picture(tmp_path / "map.png").facts
    assert found.xmp["dc:source"] == "직캠 – “stage”.mp4"
    assert "many words" in found.exif["ImageDescription"]
    other = _written(tmp_path, *flat, sentence="shore")
    changed = np.flatnonzero((other != short).any(axis=(1, 2)))
    assert changed.size and changed.max() < _largest_blocks(short, SHAPE)[0]


def test_same_arguments_are_the_same_bytes(tmp_path):
    random = np.random.default_rng(5)
    evidence = Evidence(
        random.uniform(1, 9, (200, 150)).astype(np.float32), random.random((200, 150)).astype(np.float32)
    )
    card = random.integers(0, 256, (200, 150, 3), np.uint8)
    digests = {
        write_evidence_map(evidence, card, tmp_path / name, title="x", face=Box(5, 5, 50, 50), sentence="s")
        for name in ("a.png", "b.png")
    }
    assert len(digests) == 1


def test_what_cannot_be_drawn_or_written_is_refused(tmp_path):
    card = np.zeros((8, 8, 3), np.uint8)
    whole = Evidence(np.ones((8, 8), np.float32), np.zeros((8, 8), np.float32))
    other = Evidence(np.ones((8, 8), np.float32), np.zeros((8, 7), np.float32))
    more = {"title": "x", "face": None, "sentence": "s"}
    with pytest.raises(UsageError, match=r"map\.jpg|\.jpg"):
        write_evidence_map(whole, card, tmp_path / "map.jpg", **more)
    with pytest.raises(ValueError, match="card of"):
        write_evidence_map(other, card, tmp_path / "map.png", **more)
    with pytest.raises(ValueError, match="uint8"):
        write_evidence_map(whole, card.astype(np.uint16), tmp_path / "map.png", **more)
    with pytest.raises(OutputError):
        write_evidence_map(whole, card, tmp_path / "none" / "map.png", **more)
    assert not list(tmp_path.iterdir())
