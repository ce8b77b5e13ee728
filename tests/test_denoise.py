import hashlib

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fancam.enhancing.cleaning.denoise import Passes, denoise, filtered, halved_spectrum, is_noisy
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.pictures import read_picture
from fancam.results import NoiseModel
from tests.figures import psnr
from tests.noisy_pictures import noisy, scene


def white(sigma):
    ones = np.ones((3, 8, 8), np.float32)
    return NoiseModel(np.array([128], np.float32), np.full((3, 1), sigma, np.float32), ones)


@pytest.fixture(scope="module")
def face(shared):
    photo = read_picture(shared("data/photo/people/obama/obama.jpg")).pixels[56:440, 298:682]
    return cv2.resize(photo, (192, 192), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("sigma", [8, 15, 25])
def test_blind_result_is_nearer_the_truth_than_tuned_non_local_means(face, sigma):
    source = noisy(face, sigma)
    bgr = np.ascontiguousarray(source[..., ::-1])
    tuned = max(
        psnr(face, cv2.fastNlMeansDenoisingColored(bgr, None, h * sigma, c * sigma)[..., ::-1])
        for h, c in ((0.45, 0.5), (0.6, 0.5), (0.6, 0.8))
    )
    assert psnr(face, denoise(source, measure_noise(source))) > tuned + 0.5


def test_skin_and_lashes_keep_their_strongest_detail(face):
    source = noisy(face, 8)
    clean = denoise(source, measure_noise(source)).astype(float)
    detail = [
        p[60:130, 50:140].mean(axis=2) - cv2.GaussianBlur(p[60:130, 50:140].mean(axis=2), (0, 0), 2)
        for p in (face.astype(float), clean)
    ]
    assert (detail[0] * detail[1]).sum() / (detail[0] ** 2).sum() > 0.85


def test_strength_zero_gives_the_same_bytes():
    source = noisy(scene(), 10)
    same = denoise(source, measure_noise(source), 0)
    assert np.array_equal(same, source) and same is not source


def test_more_strength_takes_out_more():
    source = noisy(scene(), 10)
    model = measure_noise(source)
    left = [
        float(np.std(denoise(source, model, s)[20:100, 20:100].astype(float) - scene()[20:100, 20:100]))
        for s in (0.5, 1, 1.5)
    ]
    assert left[0] > 1.5 * left[1] > 1.5 * left[2]


def test_noise_of_one_brightness_does_not_soften_another():
    picture = np.full((128, 256, 3), 60.0)
    picture[:, 128:] = 200
    picture[:, 160:] += 6 * ((np.arange(96) // 2 % 2)[None, :, None])
    levels, sigma = np.array([60, 200], np.float32), np.array([[15, 0.3]] * 3, np.float32)
    source = picture + np.where(picture < 100, np.random.default_rng(0).normal(0, 15, picture.shape), 0)
    source = np.clip(np.rint(source), 0, 255).astype(np.uint8)
    clean = denoise(source, NoiseModel(levels, sigma, np.ones((3, 8, 8), np.float32))).astype(float)
    assert clean[30:90, 20:100].std() < 4
    assert np.abs(clean[:, 176:240] - source[:, 176:240]).max() <= 1


@pytest.mark.parametrize(("top", "left"), [(0, 0), (200, 152), (64, 400)])
def test_a_part_comes_out_as_in_the_whole(top, left):
    # Other tiles, other bands, other sizes of arrays: the same bytes, as far as the border of the part is away.
    source = noisy(np.tile(scene(), (3, 4, 1))[:531, :803], 12)
    model = measure_noise(source)
    part, reach = np.s_[top : top + 283, left : left + 331], 112
    inside = np.s_[reach if top else 0 : -reach, reach if left else 0 : -reach]
    assert np.array_equal(denoise(source[part], model)[inside], denoise(source, model)[part][inside])


def test_every_processor_gives_the_same_bytes():
    y, x = np.mgrid[:90, :110]
    source = np.stack([(x * 7 + y * y) % 251, (x * y) % 97 + 60, (y * 5 + x // 3) % 240], axis=-1).astype(np.uint8)
    digest = hashlib.sha256(denoise(source, white(9)).tobytes()).hexdigest()
    assert digest == "2aedfdc2e1e6cfba68ccf839f7975f9d13e5e69b9616e9f4b4ec8e776c60be1b"


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (9, 9, 3), (131, 64, 3)])
def test_any_size_comes_back(shape):
    source = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    assert denoise(source, white(5)).shape == shape


def test_sixteen_bits_are_cleaned_as_eight():
    source = noisy(scene(128), 10)
    deep = denoise(source.astype(np.uint16) * 257, white(6))
    assert deep.dtype == np.uint16
    # What is just above a threshold of one is just below that of the other.
    assert np.percentile(np.abs(deep / 257 - denoise(source, white(6)).astype(float)), 99) <= 0.6


def test_flat_colour_is_not_changed():
    flat = np.full((70, 90, 3), (201, 13, 96), np.uint8)
    assert np.array_equal(denoise(flat, white(10)), flat)


def test_a_clean_photo_is_left_alone(shared):
    photo = read_picture(shared("data/photo/goldens/inputs/blurry-face.jpg")).pixels
    assert not is_noisy(measure_noise(photo))


def test_coarse_blotches_go_from_the_chroma():
    source = np.clip(np.rint(128 + np.random.default_rng(3).normal(0, 12, (256, 256, 3))), 0, 255).astype(np.uint8)
    blotches = []
    for picture in (source, denoise(source, measure_noise(source))):
        coarse = cv2.resize(picture.astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA)
        blotches.append((coarse @ np.array([0.5, -0.418688, -0.081312])).std())
    assert blotches[1] < 0.5 * blotches[0]


def test_halving_leaves_a_quarter_of_white_noise_and_all_of_coarse_noise():
    assert halved_spectrum(np.ones((8, 8), np.float32)) == pytest.approx(np.full((8, 8), 0.25), abs=1e-6)
    plane = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (512, 512)).astype(np.float32), (0, 0), 3)
    half = plane.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    assert half.var() == pytest.approx(plane.var(), rel=0.1)


@pytest.mark.parametrize("sizes", [1, 2, 3])
def test_margin_is_all_that_a_plane_depends_on(sizes):
    passes = Passes(sizes, 1)
    margin, rng = passes.margin_px, np.random.default_rng(0)
    plane = rng.normal(0, 10, (2 * margin + 96, 2 * margin + 96)).astype(np.float32)
    variance, spectrum = np.full(plane.shape, 64, np.float32), np.ones((8, 8), np.float32)
    core = filtered(plane, variance, spectrum, passes)
    assert core.shape == (96, 96)
    shifted = filtered(plane[8:, 8:][: 2 * margin + 80, : 2 * margin + 80], variance[:-16, :-16], spectrum, passes)
    assert np.allclose(core[8:88, 8:88], shifted, atol=1e-3)


def test_a_flat_wall_without_any_noise_stays_a_wall():
    # Nothing at all in some band of the spectrum, and no signal in many blocks: nothing over nothing.
    picture = np.full((280, 420, 3), 90, np.uint8)
    for number, side in enumerate((130, 104, 116)):
        head = cv2.resize(astronaut()[:480, :480], (side, side), interpolation=cv2.INTER_AREA)
        picture[270 - side : 270, 5 + 138 * number : 5 + 138 * number + side] = head
    model = measure_noise(picture)
    cleaned = denoise(picture, model)
    assert np.abs(cleaned.astype(int) - picture).max() < 40
    assert (cleaned[:100, :400:7] == 90).mean() > 0.99
