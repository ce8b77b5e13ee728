import cv2
import numpy as np
import pytest

from fancam.enhancing.cleaning.denoise import denoise, is_noisy
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.pictures import read_picture
from tests.figures import compressed, psnr
from tests.noisy_pictures import in_low_light, noisy, scene, textured


@pytest.mark.parametrize("sigma", [2, 5, 10, 20])
def test_strength_of_white_noise_is_told_within_fifteen_percent(sigma):
    model = measure_noise(noisy(scene(), sigma))
    weights = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    true = sigma * np.sqrt((weights**2).sum(axis=1))
    assert np.abs(np.median(model.sigma, axis=1) / true - 1).max() < 0.15
    assert np.abs(model.sigma / true[:, None] - 1).max() < 0.3


def test_strength_follows_the_brightness():
    picture = scene()
    model = measure_noise(noisy(picture, 2 + picture.mean(axis=2, keepdims=True) / 16))
    dark, bright = np.interp([60, 150], model.levels, model.sigma[0])
    assert bright / dark == pytest.approx((2 + 150 / 16) / (2 + 60 / 16), rel=0.2)


def test_white_noise_has_a_flat_spectrum_and_smoothed_noise_has_not():
    flat = measure_noise(noisy(scene(), 8)).spectrum[0]
    field = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 30, (256, 256, 3)), (0, 0), 1.2)
    steep = measure_noise(np.clip(np.rint(scene() + field), 0, 255).astype(np.uint8)).spectrum[0]
    assert flat.max() / flat.min() < 2.2
    assert steep[:3, :3].mean() / steep[5:, 5:].mean() > 20
    assert flat.mean() == pytest.approx(1, abs=1e-3) and steep.mean() == pytest.approx(1, abs=1e-3)


def test_texture_and_slopes_without_noise_are_no_noise():
    assert not is_noisy(measure_noise(np.clip(np.rint(scene()), 0, 255).astype(np.uint8)))


def test_drawn_picture_has_no_noise():
    drawn = np.full((200, 200, 3), 200, np.uint8)
    cv2.circle(drawn, (100, 100), 60, (20, 90, 180), -1)
    assert measure_noise(drawn).luma_sigma < 0.1


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 300, 3), (20, 20, 3)])
def test_picture_too_small_to_tell_is_silent(shape):
    assert not is_noisy(measure_noise(np.random.default_rng(0).integers(0, 255, shape, np.uint8)))


def test_black_bars_do_not_hide_the_noise():
    picture = noisy(scene(), 8)
    bars = np.zeros((3 * 256, 256, 3), np.uint8)
    bars[256:512] = picture
    alone, between = (np.median(measure_noise(p).sigma[0]) for p in (picture, bars))
    assert between == pytest.approx(alone, rel=0.1)


def test_crushed_blacks_do_not_lower_the_noise_of_what_is_lit():
    picture = scene()
    picture[:, :120] = 0
    model = measure_noise(noisy(picture, 10))
    assert np.interp(120, model.levels, model.sigma[0]) == pytest.approx(10 * 0.669, rel=0.15)


def test_sixteen_bits_measure_as_eight():
    picture = noisy(scene(), 6)
    deep = picture.astype(np.uint16) * 257
    assert np.allclose(measure_noise(picture).sigma, measure_noise(deep).sigma, rtol=0.02)


def test_blotches_that_a_coder_left_in_the_chroma_are_seen():
    truth = scene(512)
    model = measure_noise(compressed(noisy(truth, 15), 60))
    error = compressed(noisy(truth, 15), 60).astype(float) - truth
    laid = (error[32:224, 32:300] @ np.array([-0.168736, -0.331264, 0.5])).std()
    assert model.chroma_sigma > 0.6 * laid
    assert model.spectrum[1, :2, :2].mean() > 5 * model.spectrum[1, 2:, 2:].mean()


def test_what_jpeg_leaves_of_noise_has_larger_outliers_than_its_power():
    white, coded = noisy(scene(), 12), compressed(noisy(scene(), 12), 60)
    corners = [m.outliers[0, 5:, 5:].mean() / m.spectrum[0, 5:, 5:].mean() for m in map(measure_noise, (white, coded))]
    assert corners[0] < 1.3
    assert corners[1] > 2 * corners[0]


def test_noise_is_told_on_a_real_photo(shared):
    photo = read_picture(shared("data/photo/people/obama/obama2.jpg")).pixels[:1024:2, :600:2]
    own, louder = measure_noise(photo), measure_noise(noisy(photo, 10))
    middle = np.interp(60, own.levels, own.sigma[0])
    assert np.interp(60, louder.levels, louder.sigma[0]) == pytest.approx(np.hypot(6.69, middle), rel=0.15)


# --- noise or texture ---------------------------------------------------------------------------------------------

TEXTURES = ("fur", "cloth", "sand", "gravel", "grass")


@pytest.mark.parametrize("side", [128, 512])
@pytest.mark.parametrize("kind", TEXTURES)
def test_texture_without_noise_is_left_alone(kind, side):
    model = measure_noise(textured(kind, side))
    assert not model.confident
    assert not is_noisy(model)


@pytest.mark.parametrize("sigma", [5, 10, 15])
@pytest.mark.parametrize("kind", TEXTURES)
def test_noise_on_a_texture_is_told_by_its_colour_and_no_stronger_than_it_is(kind, sigma):
    model = measure_noise(in_low_light(textured(kind, 128), sigma))
    assert is_noisy(model)
    assert 0.4 * 0.67 * sigma < model.luma_sigma < 2 * 0.67 * sigma
    assert model.chroma_sigma < 1.5 * 0.65 * sigma


@pytest.mark.parametrize("kind", TEXTURES)
def test_a_noisy_texture_is_nearer_the_truth_when_it_was_cleaned(kind):
    truth = textured(kind, 128)
    source = in_low_light(truth, 10)
    assert psnr(truth, denoise(source, measure_noise(source))) > psnr(truth, source)


def test_flat_areas_of_many_brightnesses_show_noise_that_is_grey():
    grey = scene(512).mean(axis=2)
    field = np.random.default_rng(2).normal(0, 6, grey.shape)
    model = measure_noise(np.clip(np.rint(grey + field), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2))
    assert is_noisy(model)
    assert any("brightness" in words for words in model.evidence)


def test_an_evenly_lit_wall_with_grey_noise_may_as_well_be_plaster():
    wall = np.clip(np.rint(np.random.default_rng(2).normal(130, 6, (256, 256))), 0, 255).astype(np.uint8)
    assert not is_noisy(measure_noise(wall[..., None].repeat(3, axis=2)))


def test_a_wall_whose_noise_has_colours_of_its_own_is_noisy():
    assert is_noisy(measure_noise(noisy(np.full((128, 128, 3), 130.0), 5)))


def test_a_dark_noisy_face_is_cleaned_and_a_clean_one_is_not(shared):
    photo = read_picture(shared("data/photo/people/obama/obama3.jpg")).pixels[100:868, 420:1188]
    face = cv2.resize(photo, (192, 192), interpolation=cv2.INTER_AREA)
    dark = np.clip(np.rint(face * 0.35), 0, 255).astype(np.uint8)
    assert not is_noisy(measure_noise(dark))
    for sigma in (5, 12):
        assert is_noisy(measure_noise(in_low_light(dark, sigma)))


@pytest.mark.parametrize("kind", TEXTURES)
def test_sixteen_bits_tell_noise_from_texture_as_eight_do(kind):
    for picture in (textured(kind, 128), in_low_light(textured(kind, 128), 8)):
        assert measure_noise(picture).evidence == measure_noise(picture.astype(np.uint16) * 257).evidence
