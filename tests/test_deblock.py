import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fancam.enhancing.cleaning.deblock import Blocks, deblock, find_blocks, measure_blockiness, measure_quantiser
from fancam.pictures import read_picture
from tests.figures import compressed, psnr
from tests.noisy_pictures import noisy, scene, textured


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
    assert psnr(sharp, deblock(coded)) >= psnr(sharp, coded)


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


@pytest.mark.parametrize("quality", [20, 45, 60, 80])
@pytest.mark.parametrize("cut", [(0, 0), (3, 5)])
def test_quality_is_told_by_the_steps_that_coefficients_lie_on_wherever_the_grid_is(sharp, quality, cut):
    blocks = find_blocks(compressed(sharp, quality)[cut[0] :, cut[1] :])
    assert blocks is not None
    assert blocks.quality == pytest.approx(quality, abs=4)


def test_steps_of_the_quantiser_are_those_of_the_file(sharp, tmp_path):
    Image.fromarray(sharp).save(tmp_path / "a.jpg", quality=50)
    with Image.open(tmp_path / "a.jpg") as picture:
        table = np.array(picture.quantization[0]).reshape(8, 8)
        steps = measure_quantiser(np.asarray(picture))
    assert steps is not None
    low = np.add.outer(range(8), range(8)) <= 3
    low[0, 0] = False
    assert np.mean(steps[0][low] == table[low]) > 0.8


def test_no_quantiser_is_found_in_what_was_made_larger_or_never_compressed(sharp):
    large = cv2.resize(compressed(sharp, 40), None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    for picture in (sharp, large, noisy(scene(), 3), skimage.data.chelsea()):
        assert measure_quantiser(picture) is None


def test_the_result_does_not_depend_on_tiles(sharp):
    coded = compressed(np.ascontiguousarray(np.tile(sharp, (3, 2, 1))[:560]), 40)
    blocks = find_blocks(coded)
    whole = deblock(coded, blocks)
    np.testing.assert_array_equal(deblock(coded[:96], blocks)[:80], whole[:80])
    np.testing.assert_array_equal(deblock(coded[480:], blocks)[16:], whole[496:])


def test_sixteen_bits(sharp):
    coded = compressed(sharp, 25)
    deep = deblock(coded.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    # What is just above a threshold of one is just below that of the other.
    assert np.percentile(np.abs(deep / 257 - deblock(coded).astype(float)), 99) <= 0.6


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (5, 200, 3)])
def test_small_pictures_come_back(shape):
    picture = np.zeros(shape, np.uint8)
    assert np.array_equal(deblock(picture, Blocks(np.ones((3, 64), np.float32), 50.0)), picture)


@pytest.mark.parametrize("side", [128, 512])
@pytest.mark.parametrize("kind", ["fur", "cloth", "sand", "gravel", "grass"])
def test_texture_that_was_never_compressed_has_no_grid(kind, side):
    assert find_blocks(textured(kind, side)) is None
