from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.enhancing.grain import adding
from fancam.enhancing.grain.adding import GrainFields, add_grain
from fancam.enhancing.grain.measure import measure_grain
from fancam.enhancing.grain.model import Grain, column_counts, frequencies, remove_grain, smeared, unsmeared

SIDE = 320


def gaussian(blur_px):
    """The half spectrum of variance 1 of white noise after OpenCV's blur, over 32 × 32 pixels."""
    impulse = np.zeros((32, 32))
    impulse[16, 16] = 1
    power = np.abs(np.fft.rfft2(cv2.GaussianBlur(impulse, (0, 0), blur_px) if blur_px else impulse)) ** 2
    return power / (power * column_counts(32)).sum()


def light(side=SIDE, low=60.0, high=200.0):
    """Light and shade without texture, (side, side) levels."""
    y, x = np.mgrid[:side, :side] / side
    return low + (high - low) * x + 12 * np.sin(5 * y)


def exposed(sigma, blur_px=0.0, side=SIDE, seed=1):
    """Noise of this standard deviation, blurred."""
    noise = np.random.default_rng(seed).standard_normal((side, side))
    if blur_px:
        noise = cv2.GaussianBlur(noise, (0, 0), blur_px)
    return sigma * noise / noise.std()


def picture(values, dtype=np.uint8):
    """Grey levels as a picture of three equal channels."""
    top = np.iinfo(dtype).max
    levels = np.clip(np.rint(values * (top / 255)), 0, top).astype(dtype)
    return np.repeat(levels[..., None], 3, axis=2)


def known_grain(blur_px=0.8, sigma=6.0, chroma=0.0):
    """A grain with a Gaussian spectrum, the same at every luma."""
    power = gaussian(blur_px)
    strength = np.array([[sigma, sigma], [chroma, chroma], [chroma, chroma]])
    return Grain(np.array([0.0, 255.0]), strength, np.stack([power] * 3), np.eye(3))


def density(values, scale=1.0, side=48, edges=(0.05, 0.15, 0.25, 0.35, 0.45)):
    """Variance per squared period per source pixel, in rings of frequency in periods per source pixel."""
    side = round(side * scale)
    window = np.hanning(side + 2)[1:-1]
    window2d = np.outer(window, window)
    total = np.zeros((side, side))
    count = 0
    for y in range(0, values.shape[0] - side + 1, side // 2):
        for x in range(0, values.shape[1] - side + 1, side // 2):
            total += np.abs(np.fft.fft2(values[y : y + side, x : x + side] * window2d)) ** 2
            count += 1
    total /= count * (window2d**2).sum() * scale**2
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) * scale
    return np.array([total[(frequency >= a) & (frequency < b)].mean() for a, b in itertools.pairwise(edges)])


# --- measuring ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("sigma", "blur_px"), [(2, 0.0), (2, 1.0), (6, 0.7), (12, 1.5)])
def test_known_grain_is_measured(sigma, blur_px, dtype):
    grain = measure_grain(picture(light() + exposed(sigma, blur_px), dtype))
    assert grain.strength[0] == pytest.approx(np.full(len(grain.levels), sigma), rel=0.1)
    assert grain.sigma == grain.strength[0].max()
    assert not grain.coloured
    wanted = gaussian(blur_px)
    rings = np.digitize(frequencies(32), [0, 4, 8, 12])
    for ring in (1, 2, 3):
        share = [float((each * column_counts(32))[rings == ring].sum()) for each in (grain.spectrum[0], wanted)]
        if share[1] > 0.02:
            assert share[0] == pytest.approx(share[1], rel=0.15)


def test_the_strength_follows_brightness():
    base = light(512, 20, 235)
    curve = 1 + 5 * np.sin(np.pi * base / 255)
    grain = measure_grain(picture(base + curve * exposed(1, 0.8, 512)))
    assert len(grain.levels) >= 10
    wanted = 1 + 5 * np.sin(np.pi * grain.levels / 255)
    assert grain.strength[0] == pytest.approx(wanted, rel=0.12)


def test_texture_beside_calm_places_is_no_grain():
    base = light()
    base[:, : SIDE // 2] += cv2.GaussianBlur(exposed(60, 2.0, seed=5), (0, 0), 0.5)[:, : SIDE // 2]
    grain = measure_grain(picture(base + exposed(4, 0.7)))
    beyond = grain.levels > 130 + 12
    assert grain.strength[0][beyond] == pytest.approx(np.full(beyond.sum(), 4), rel=0.15)
    assert grain.sigma < 6


def test_grain_of_independent_colours_has_chroma_and_its_correlation():
    rng = np.random.default_rng(3)
    colour = np.stack([light()] * 3, -1) + 6 * rng.standard_normal((SIDE, SIDE, 3))
    grain = measure_grain(np.clip(np.rint(colour), 0, 255).astype(np.uint8))
    assert grain.coloured
    # Y, Cb and Cr of independent R, G and B, after ITU-T T.871.
    rows = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    covariance = rows @ rows.T
    deviation = np.sqrt(np.diag(covariance))
    assert grain.strength.mean(axis=1) == pytest.approx(6 * deviation, rel=0.1)
    assert grain.coherence == pytest.approx(covariance / np.outer(deviation, deviation), abs=0.06)


@pytest.mark.parametrize(
    "values",
    [light(), np.full((64, 64), 128.0), np.full((8, 8), 10.0), light() + exposed(0.25)],
    ids=["light", "flat", "tiny", "finer than a level"],
)
def test_without_grain_there_is_none(values):
    assert measure_grain(picture(values)) is None
    assert measure_grain(picture(values)[..., 0]) is None


def test_margins_and_clipped_areas_do_not_hide_the_grain():
    values = light() + exposed(5, 0.8)
    values[:, :110] = 240
    values[:100] = 300
    grain = measure_grain(picture(values))
    assert grain.strength[0][grain.levels < 200] == pytest.approx(np.full((grain.levels < 200).sum(), 5), rel=0.15)


def test_alpha_is_refused():
    with pytest.raises(ValueError, match="no grey or RGB"):
        measure_grain(np.zeros((64, 64, 4), np.uint8))


@given(st.floats(0, 2.0))
@settings(max_examples=20, deadline=None)
def test_what_the_window_smears_is_found_again(blur_px):
    wanted = np.exp(-((2 * np.pi * blur_px * frequencies(32) / 32) ** 2))
    seen = np.where(frequencies(32) < 2, 0.0, smeared(wanted))
    found = unsmeared(seen)
    strong = wanted > 0.05
    assert found[strong] == pytest.approx(wanted[strong], rel=0.2)


def test_a_denoiser_is_told_the_same_grain():
    model = known_grain(0.8, 6.0, 2.0).noise_model()
    assert model.luma_sigma == pytest.approx(6)
    assert model.chroma_sigma == pytest.approx(2)
    blurred = exposed(1, 0.8, 1024)
    blocks = blurred.reshape(128, 8, 128, 8).swapaxes(1, 2).reshape(-1, 8, 8).astype(np.float32)
    power = np.mean([cv2.dct(each) ** 2 for each in blocks], axis=0)
    assert model.spectrum[0] == pytest.approx(power, rel=0.12, abs=0.02)
    assert model.spectrum.mean(axis=(1, 2)) == pytest.approx(np.ones(3), rel=1e-4)
    assert np.isfinite(known_grain().noise_model().spectrum).all()


# --- making -------------------------------------------------------------------------------------------------------


@given(st.floats(0.5, 4.0), st.floats(0.5, 1.5))
@settings(max_examples=8, deadline=None)  # a second each at the largest scale
def test_the_spectrum_keeps_its_physical_frequency_at_any_scale(scale, blur_px):
    grain = known_grain(blur_px)
    side = 480
    base = np.full((side, side, 3), 128 * 257, np.uint16)
    made = add_grain(base, grain, scale)[..., 0] / 257 - 128.0
    edges = [edge for edge in (0.05, 0.12, 0.19, 0.26) if edge < 0.45 * scale]
    found = density(made, scale, 32, edges)
    middles = (np.array(edges[1:]) + edges[:-1]) / 2
    wanted = np.interp(middles * 32, np.arange(17), 36 * 32**2 * grain.spectrum[0][0])
    strong = wanted > 0.1 * wanted.max()
    assert found[strong] == pytest.approx(wanted[strong], rel=0.3)
    if scale >= 1:
        assert made.std() == pytest.approx(6, rel=0.12)


def test_nothing_lies_above_the_finest_frequency_of_the_source():
    white = known_grain(0.0)
    made = add_grain(np.full((512, 512, 3), 128 * 257, np.uint16), white, 2.0)[..., 0] / 257 - 128.0
    power = np.abs(np.fft.fft2(made * np.outer(np.hanning(512), np.hanning(512)))) ** 2
    axis = np.abs(np.fft.fftfreq(512))
    beyond = np.maximum(axis[:, None], axis) > 0.27
    assert power[beyond].mean() < 1e-3 * power[~beyond].mean()


def test_a_reduction_keeps_what_it_can_hold():
    base = np.full((512, 512, 3), 128 * 257, np.uint16)
    made = add_grain(base, known_grain(0.0), 0.5)[..., 0] / 257 - 128.0
    assert made.std() == pytest.approx(3, rel=0.05), "a quarter of the frequencies of white noise"


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_enlarged_light_gets_the_grain_of_its_source(scale):
    base = light(high=190)
    curve = 2 + 4 * np.sin(np.pi * base / 255)
    grain = measure_grain(picture(base + curve * exposed(1, 0.8)))
    larger = cv2.resize(base, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    rest = add_grain(picture(larger), grain, scale)[..., 1] - larger
    for low in range(80, 180, 20):
        here = (larger >= low) & (larger < low + 20)
        assert rest[here].std() == pytest.approx((2 + 4 * np.sin(np.pi * larger[here] / 255)).mean(), rel=0.1)


def test_only_what_is_missing_is_added():
    grain = known_grain(0.8, 6.0)
    full = picture(light() + exposed(6, 0.8))
    added = add_grain(full, grain, 1.0).astype(float) - full
    assert added.std() < 1.5
    half = picture(light() + exposed(3, 0.8))
    rest = add_grain(half, grain, 1.0)[..., 0] - light()
    assert rest.std() == pytest.approx(6, rel=0.1)


def test_strength_is_a_share():
    base = picture(light(), np.uint16)
    for share in (0.5, 1.5):
        rest = add_grain(base, known_grain(), 1.0, strength=share)[..., 0] / 257 - light()
        assert rest.std() == pytest.approx(6 * share, rel=0.05)
    assert np.array_equal(add_grain(base, known_grain(), 1.0, strength=0), base)


def test_black_and_white_stay_and_the_mean_beside_them_too():
    base = np.zeros((256, 256, 3), np.uint8)
    base[:, 64:128], base[:, 128:192], base[:, 192:] = 4, 252, 255
    made = add_grain(base, known_grain(0.8, 8.0), 2.0)
    assert (made[:, :64] == 0).all()
    assert (made[:, 192:] == 255).all()
    assert made[:, 64:128].std() > 1
    assert made[:, 64:128].mean() == pytest.approx(4, abs=0.15)
    assert made[:, 128:192].mean() == pytest.approx(252, abs=0.15)


def test_the_mean_is_kept():
    base = picture(light(512))
    made = add_grain(base, known_grain(0.7, 10.0), 2.0)
    assert made.mean() == pytest.approx(base.mean(), abs=0.1)


def test_grey_stays_grey_and_colour_grain_has_colour():
    base = picture(light())
    made = add_grain(base, known_grain(), 2.0)
    assert (made == made[..., :1]).all()
    assert np.array_equal(add_grain(base[..., 0], known_grain(chroma=3.0), 2.0).shape, base.shape[:2])
    coloured = add_grain(base, known_grain(chroma=3.0), 2.0)
    assert (coloured[..., 0].astype(float) - coloured[..., 2]).std() > 3


def test_the_same_grain_comes_from_any_bands(monkeypatch):
    """The grain grows with the brightness, so that a band has to know what is beside it."""
    base = picture(light(200) + exposed(20, side=200))
    grain = known_grain(chroma=2.0)
    grain = dataclasses.replace(grain, strength=grain.strength * np.array([0.0, 2.0]))
    whole = add_grain(base, grain, 1.7)
    # How many rows are worked on at once is a matter of memory alone: more than fit at once are too many for a test.
    monkeypatch.setattr(adding, "_BAND_PX", 200 * 37)
    assert np.array_equal(add_grain(base, grain, 1.7), whole)


def test_a_seed_gives_its_own_grain_again():
    base = picture(light())
    first, again, other = (add_grain(base, known_grain(), 2.0, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    rests = [(each[..., 0] - light()).ravel() for each in (first, other)]
    assert abs(np.corrcoef(*rests)[0, 1]) < 0.05
    assert np.array_equal(base, picture(light())), "the picture itself is not changed"


def test_the_field_has_no_period_and_no_seams():
    grain = known_grain(0.8)
    field = GrainFields.of(grain.spectrum[:1], np.eye(1), 2.0).band(0, 1300, 1300)[0]
    for shift in (384, 512, 768):
        assert abs(np.corrcoef(field[:-shift].ravel(), field[shift:].ravel())[0, 1]) < 0.03
        assert abs(np.corrcoef(field[:, :-shift].ravel(), field[:, shift:].ravel())[0, 1]) < 0.03
    columns = field.std(axis=0)
    overlap = np.r_[0:128, 384:512, 768:896]
    assert columns[overlap].mean() == pytest.approx(field.std(), rel=0.03)


@pytest.mark.parametrize(("scale", "strength"), [(0.0, 1.0), (-1.0, 1.0), (2.0, -0.1), (float("nan"), 1.0)])
def test_senseless_factors_are_refused(scale, strength):
    with pytest.raises(ValueError, match="scale"):
        add_grain(picture(light(64)), known_grain(), scale, strength=strength)


# --- the whole way ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colours", [2, 3])
def test_removed_and_made_again_the_grain_is_as_strong_as_before(colours):
    source = picture(light() + exposed(6, 0.8))
    source = source if colours == 3 else source[..., 0]
    grain = measure_grain(source)
    clean = remove_grain(source, grain)
    assert clean.shape == source.shape
    side = 2 * SIDE
    base = cv2.resize(light(), (side, side), interpolation=cv2.INTER_CUBIC)
    larger = cv2.resize(clean, (side, side), interpolation=cv2.INTER_CUBIC)
    one = larger if colours == 2 else larger[..., 0]
    assert (one - base).std() < 3, "the grain must have gone"
    made = add_grain(larger, grain, 2.0)
    rest = (made if colours == 2 else made[..., 0]) - base
    assert rest.std() == pytest.approx(6, rel=0.1)
    known = density(exposed(6, 0.8), 1.0)
    assert density(rest, 2.0)[:3] == pytest.approx(known[:3], rel=0.2)
