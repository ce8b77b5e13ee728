from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from fancam.enhancing.descreen.paper import lighten_paper


@pytest.fixture
def page():
    """A page: cream paper with texture, a photograph, black letters, and the back shining through in one corner."""
    rng = np.random.default_rng(2)
    paper = np.full((500, 600, 3), (246, 243, 233), np.float64)
    paper += cv2.GaussianBlur(rng.normal(0, 6, (500, 600)), (0, 0), 1.5)[:, :, None]
    through = np.zeros((500, 600), np.uint8)
    cv2.putText(through, "BACK", (330, 430), cv2.FONT_HERSHEY_SIMPLEX, 3, 255, 22)
    paper *= 1 - 0.05 * cv2.GaussianBlur(through / 255, (0, 0), 3)[:, :, None]
    paper[40:296, 40:296] = skimage.data.astronaut()[:256, 128:384]
    made = np.clip(np.rint(paper), 0, 255).astype(np.uint8)
    cv2.putText(made, "ink", (340, 160), cv2.FONT_HERSHEY_SIMPLEX, 3, (25, 25, 25), 8)
    return made


def test_texture_and_what_shines_through_are_lightened(page):
    result, line = lighten_paper(page)
    corner = np.s_[330:480, 320:590]
    assert result[corner].std(axis=(0, 1)).max() < 0.35 * page[corner].std(axis=(0, 1)).max()
    assert line is not None
    assert "%" in line


def test_paper_keeps_its_tint(page):
    result, _ = lighten_paper(page)
    assert np.abs(np.median(result[320:, :300], axis=(0, 1)) - (246, 243, 233)).max() <= 2


def test_ink_stays_black_and_the_photograph_as_it_is(page):
    result, _ = lighten_paper(page)
    dark = page.max(axis=2) < 120
    assert np.array_equal(result[dark], page[dark])
    # Only what is as light and as grey as the paper moves, and that by little.
    photograph = np.s_[40:296, 40:296]
    assert np.abs(result[photograph].astype(int) - page[photograph]).mean() < 1


def test_sixteen_bits_and_grey_are_treated_alike(page):
    result, line = lighten_paper(page)
    deep, deep_line = lighten_paper(page.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    assert deep_line == line
    assert np.abs(deep / 257 - result).max() <= 0.51
    grey, grey_line = lighten_paper(np.ascontiguousarray(page[:, :, 1]))
    assert grey.shape == page.shape[:2]
    assert grey_line is not None


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket", "camera", "moon"])
def test_photograph_without_paper_comes_back_as_it_is(name):
    picture = getattr(skimage.data, name)()
    result, line = lighten_paper(picture)
    assert result is picture
    assert line is None


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (31, 3)])
def test_tiny_pictures_are_taken(shape):
    picture = np.full((*shape, 3), 235, np.uint8)
    result, _ = lighten_paper(picture)
    assert np.array_equal(result, picture)


def test_a_page_upside_down_is_treated_alike(page):
    # It is worked on in bands of rows, which are then others.
    assert len(page) % 256
    assert np.array_equal(lighten_paper(page[::-1])[0][::-1], lighten_paper(page)[0])
