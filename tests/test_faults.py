"""Frames that make no card whatever they show are told by their neighbours, and nothing else is taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fancam.geometry import Orientation
from fancam.media import LumaFrame
from fancam.picking import Shortlist
from fancam.picking.faults import AHEAD, FaultFinder
from fancam.picking.reduction import blocks_of, miniature, reduced, textured
from fancam.settings import ScanSettings
from fancam.video import open_video
from tests.clips import cross_faded, write_clip

Luma = np.ndarray


def luma_of_clip(path, first: int = 0, count: int = 10**6) -> list[Luma]:
    with open_video(path).scan() as frames:
        return [frame.luma.copy() for number, frame in enumerate(frames) if first <= number < first + count]


def frame_of(number: int, luma: Luma, key_frame: bool = False) -> LumaFrame:
    rows, columns = luma.shape
    return LumaFrame(number, number / 30, luma, 8, True, Orientation(), columns, rows, key_frame)


def add(finder: FaultFinder[int], number: int, luma: Luma, key_frame: bool) -> list[tuple[int, str | None]]:
    pixels = reduced(frame_of(number, luma)).pixels
    small = blocks_of(miniature(pixels))
    return list(finder.add(number, pixels, key_frame, small, textured(small)))


def faults_of(pictures, key_frames=()) -> list[str | None]:
    """What each frame is taken for; None for a sound one."""
    finder: FaultFinder[int] = FaultFinder()
    found = []
    for number, luma in enumerate(pictures):
        found += add(finder, number, luma, number in key_frames)
    found += finder.finish()
    assert [number for number, _ in found] == list(range(len(pictures)))
    return [fault for _, fault in found]


def shortlisted(pictures) -> tuple[set[int], dict[str, int]]:
    shortlist = Shortlist(ScanSettings(), 8, None, None)
    for number, luma in enumerate(pictures):
        shortlist.add(frame_of(number, luma))
    return {moment.pts for moment in shortlist.finish()}, shortlist.left_out


@pytest.fixture(scope="module")
def signer(shared) -> list[Luma]:
    return luma_of_clip(shared("data/video/asl/walk.mkv"))


@pytest.fixture(scope="module")
def other_signer(shared) -> list[Luma]:
    dance = luma_of_clip(shared("data/video/dance.mp4"), 300, 80)
    return [cv2.resize(picture[:432], (640, 480), interpolation=cv2.INTER_AREA) for picture in dance]


@pytest.mark.parametrize("length", [6, 12, 24, 40])
def test_frames_inside_a_cross_fade_of_two_clips_are_no_moments(signer, other_signer, length):
    pictures = cross_faded(signer[:70], other_signer, length)
    faded = set(range(70 - length, 70))
    found = {number for number, fault in enumerate(faults_of(pictures)) if fault == "cross_fade"}
    visible = {number for number in faded if 0.15 < (number - (70 - length) + 1) / (length + 1) < 0.85}
    assert visible <= found <= faded
    chosen, left_out = shortlisted(pictures)
    assert not chosen & found and left_out == {"cross_fade": len(found)}


def test_a_coded_cross_fade_is_told_as_well(tmp_path, signer, other_signer):
    pictures = [np.repeat(p[:, :, None], 3, axis=2) for p in cross_faded(signer[:50], other_signer[:50], 15)]
    found = faults_of(luma_of_clip(write_clip(tmp_path / "faded.mp4", pictures, crf=28)))
    assert found[38:47] == ["cross_fade"] * 9
    assert not any(found[:34] + found[51:])


def test_a_cut_is_no_cross_fade(signer, other_signer):
    assert not any(faults_of(signer[:60] + other_signer))


def test_light_that_goes_from_one_side_of_a_scene_to_the_other_is_no_cross_fade(signer):
    ramp = np.linspace(0.15, 1.0, 640, dtype=np.float32)[None]
    shares = np.clip((np.arange(80) - 25) / 30, 0, 1)
    lit = [
        np.rint(p * ((1 - s) * ramp + s * ramp[:, ::-1])).astype(np.uint8)
        for p, s in zip(signer[:80], shares, strict=True)
    ]
    assert not any(faults_of(lit))


def test_a_pan_and_a_zoom_are_no_cross_fades():
    from skimage.data import astronaut

    wide = cv2.resize(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY), (1400, 1400), interpolation=cv2.INTER_CUBIC)
    for speed in (1, 4, 9, 14):
        assert not any(
            faults_of([np.ascontiguousarray(wide[300:780, 2 + speed * i : 642 + speed * i]) for i in range(54)])
        )
    zoomed = [cv2.resize(wide[8 * i : 1400 - 8 * i, 8 * i : 1400 - 8 * i], (640, 480)) for i in range(60)]
    assert not any(faults_of(zoomed))


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_is_no_moment_and_its_neighbours_are(signer, length):
    pictures = [p.copy() for p in signer]
    for number in range(40, 40 + length):
        pictures[number] = np.clip(pictures[number] * 1.2 + 60.0, 0, 255).astype(np.uint8)
    found = faults_of(pictures)
    assert found[40 : 40 + length] == ["flash"] * length
    assert not any(found[:40] + found[40 + length :])


def test_light_that_is_switched_on_and_stays_is_no_flash(signer):
    pictures = [p if i < 40 else np.clip(p * 1.2 + 60.0, 0, 255).astype(np.uint8) for i, p in enumerate(signer)]
    assert not any(faults_of(pictures))


def test_of_a_repeated_frame_one_is_a_moment(signer):
    pictures = signer[:30] + [signer[30]] * 20 + signer[31:]
    found = faults_of(pictures)
    assert found[30:50] == [None] + ["frozen"] * 19
    assert not any(found[:30] + found[50:])


def test_of_repeated_frames_the_key_frame_is_kept(signer):
    found = faults_of(signer[:30] + [signer[30]] * 10 + signer[31:], key_frames={34})
    assert [number for number in range(30, 40) if found[number] is None] == [34]


def test_a_still_picture_of_any_length_is_one_moment(signer):
    chosen, left_out = shortlisted([signer[0]] * 200)
    assert chosen == {0} and left_out == {"frozen": 199}


def test_frames_wait_for_no_more_than_those_ahead(signer):
    finder: FaultFinder[int] = FaultFinder()
    for number, luma in enumerate(signer):
        assert len(add(finder, number, luma, False)) == (number >= AHEAD)
    assert len(list(finder.finish())) == AHEAD


@pytest.mark.parametrize(
    "name", ["asl/bird.mkv", "asl/want.mkv", "phone_selfie.mp4", "head-pose-face-detection-female-and-male.gif"]
)
def test_nothing_is_left_out_of_a_clip_without_faults(shared, name):
    assert not any(faults_of(luma_of_clip(shared(f"data/video/{name}"))))
