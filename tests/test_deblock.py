import cv2
import numpy as np
import pytest

from fancam.enhancing.cleaning.deblock import deblock, measure_blockiness
from fancam.pictures import read_picture
from tests.figures import compressed, psnr
from tests.noisy_pictures import noisy, scene


@pytest.fixture(scope="module")
def sharp(shared):
    photo = read_picture(shared("data/photo/people/obama/obama2.jpg")).pixels[160:1184]
    return cv2.resize(photo, (313, 512), interpolation=cv2.INTER_AREA)[96:352]


@pytest.mark.parametrize("quality", [20, 40, 60])
def test_compressed_photo_comes_nearer_to_what_it_was(sharp, quality):
    coded = compressed(sharp, quality)
    assert psnr(sharp, deblock(coded)) > psnr(sharp, coded) + 0.2


@pytest.mark.parametrize("quality", [80, 90, 98])
def test_light_compression_is_not_made_worse(sharp, quality):
    coded = compressed(sharp, quality)
    assert psnr(sharp, deblock(coded)) > psnr(sharp, coded) - 0.05


def test_seams_are_gone(sharp):
    coded = compressed(sharp, 25)
    assert measure_blockiness(deblock(coded)) < 0.6 * measure_blockiness(coded)


def test_grid_is_found_where_a_picture_was_cropped(sharp):
    coded = compressed(sharp, 30)[3:, 5:]
    assert psnr(sharp[3:, 5:], deblock(coded)) > psnr(sharp[3:, 5:], coded) + 0.2


def test_what_was_not_compressed_comes_back_byte_for_byte(sharp):
    for picture in (sharp, noisy(scene(), 8)):
        same = deblock(picture)
        assert np.array_equal(same, picture) and same is not picture


def test_measured_blockiness_is_believed(sharp):
    coded = compressed(sharp, 25)
    assert np.array_equal(deblock(coded, 1.0), coded)
    assert np.array_equal(deblock(coded, 2.5), deblock(coded))


def test_sixteen_bits(sharp):
    coded = compressed(sharp, 25)
    deep = deblock(coded.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    # What is just above a threshold of one is just below that of the other.
    assert np.percentile(np.abs(deep / 257 - deblock(coded).astype(float)), 99) <= 0.6


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (5, 200, 3)])
def test_small_pictures_come_back(shape):
    picture = np.zeros(shape, np.uint8)
    assert np.array_equal(deblock(picture, 3.0), picture)
