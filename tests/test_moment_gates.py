"""At the exact look a combed face, and one smeared by motion beside a sharp one, are rejected by name."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fancam.geometry import Box
from fancam.jobs.context import Context
from fancam.picking import face_patch, judge_persons, score_face, score_frame, whole_frame
from fancam.picking.persons import NEAR_S
from fancam.results import Candidate, Face, ScoredFace
from fancam.settings import PickSettings, Settings
from fancam.video import open_video

FACE = Face(Box(181.5, 58.2, 269.9, 177.8), ((203, 102), (247, 104), (223, 125), (203, 142), (241, 144)), 0.9, 0)
SETTINGS = PickSettings()


def woven(pixels: np.ndarray, moved_px: int) -> np.ndarray:
    """Every second line as it is when all has moved sideways."""
    combed = pixels.copy()
    combed[1::2] = np.roll(pixels, moved_px, axis=1)[1::2]
    return combed


@pytest.mark.parametrize("moved_px", [3, 6, 12])
def test_a_face_woven_from_two_moments_is_combed(moved_px):
    assert score_face(woven(astronaut(), moved_px), FACE, SETTINGS).rejected == "combed"


def test_a_still_face_in_interlaced_material_is_no_worse():
    assert score_face(woven(astronaut(), 0), FACE, SETTINGS).rejected is None


def test_noise_sharpening_and_a_fine_weave_are_no_combing():
    picture = astronaut().astype(np.float32)
    noisy = picture + np.random.default_rng(1).normal(0, 12, picture.shape)
    halo = picture + 1.5 * (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))
    weave = picture + 20 * (np.indices(picture.shape[:2]).sum(axis=0) % 2)[..., None]
    for pixels in (noisy, halo, weave):
        assert score_face(np.clip(pixels, 0, 255).astype(np.uint8), FACE, SETTINGS).rejected != "combed"


def test_frames_of_a_clip_woven_of_two_are_combed_where_something_moves_and_never_else(shared):
    with open_video(shared("data/video/dance.mp4")).scan() as scan:
        frames = [np.repeat(f.luma[:, :, None], 3, axis=2) for n, f in enumerate(scan) if 300 <= n < 340]

    def combed(pixels: np.ndarray) -> bool:
        return score_frame(pixels, whole_frame(pixels[100:500], None).box, SETTINGS).rejected == "combed"

    assert not any(combed(frame) for frame in frames)
    mixed = [np.where(np.arange(len(a))[:, None, None] % 2, b, a) for a, b in zip(frames, frames[2:], strict=False)]
    assert sum(combed(frame) for frame in mixed) > 0.7 * len(mixed)


def looks(*given: tuple[float, int], blur=lambda pixels, px: cv2.blur(pixels, (px, 1))) -> list[ScoredFace]:
    """Looks at one person at these times, smeared sideways over so many pixels."""
    found, patches = [], []
    for time_s, smear_px in given:
        pixels = astronaut() if smear_px == 0 else blur(astronaut(), smear_px)
        candidate = Candidate(round(time_s * 1000), time_s, 0.5, 0)
        found.append(ScoredFace(candidate, FACE, score_face(pixels, FACE, SETTINGS)))
        patches.append(face_patch(pixels, FACE))
    return judge_persons(found, patches, SETTINGS)


def smeared_steeply(pixels: np.ndarray, px: int) -> np.ndarray:
    """Smeared along the diagonal."""
    return cv2.filter2D(pixels, -1, np.eye(px, dtype=np.float32) / px)


@pytest.mark.parametrize("blur", [lambda pixels, px: cv2.blur(pixels, (px, 1)), smeared_steeply])
def test_a_face_smeared_by_motion_loses_to_its_sharp_neighbours(blur):
    first, smeared, last = looks((1.0, 0), (1.1, 13), (1.2, 0), blur=blur)
    assert (first.score.rejected, last.score.rejected) == (None, None)
    assert (smeared.score.rejected, smeared.score.value) == ("smeared", 0.0)


def coded_hard(pixels: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def out_of_focus(pixels: np.ndarray, sigma_px: int) -> np.ndarray:
    return cv2.GaussianBlur(pixels, (0, 0), sigma_px)


@pytest.mark.parametrize(("blur", "amount"), [(coded_hard, 5), (out_of_focus, 2), (out_of_focus, 3)])
def test_a_face_that_is_soft_whatever_the_direction_is_not_smeared(blur, amount):
    sharp, soft, _ = looks((1.0, 0), (1.1, amount), (1.2, 0), blur=blur)
    assert soft.score.value < sharp.score.value
    assert soft.score.rejected is None


def test_a_smeared_face_is_kept_where_no_other_look_is_near():
    far = 1.0 + NEAR_S + 0.1
    assert looks((0.95, 0), (1.0, 0), (far, 13))[2].score.rejected is None
    assert [one.score.rejected for one in looks((1.0, 13), (1.1, 13), (1.2, 13))] == [None] * 3


def test_neighbours_that_are_themselves_rejected_take_nothing_from_a_smeared_face():
    found = [replace(one, score=replace(one.score, rejected=None if n == 1 else "eyes_closed"))
             for n, one in enumerate(looks((1.0, 0), (2.0, 13), (3.0, 0)))]  # fmt: skip
    near = [replace(one, candidate=Candidate(n, 0.1 * n, 0.5, 0)) for n, one in enumerate(found)]
    patches = [face_patch(pixels, FACE) for pixels in (astronaut(), cv2.blur(astronaut(), (13, 1)), astronaut())]
    assert judge_persons(near, patches, SETTINGS)[1].score.rejected is None


def test_a_sharp_hand_before_a_soft_face_takes_nothing_from_its_clear_neighbours():
    found, patches = [], []
    for number in range(7):
        pixels = cv2.GaussianBlur(astronaut(), (0, 0), 1.5)
        if number == 3:
            for x in range(180, 270, 12):
                cv2.line(pixels, (x, 130), (x + 6, 170), (90, 60, 50), 4)
        found.append(ScoredFace(Candidate(number, 0.1 * number, 0.5, 0), FACE, score_face(pixels, FACE, SETTINGS)))
        patches.append(face_patch(pixels, FACE))
    assert found[3].score.why["sharpness"] > 1.4 * found[2].score.why["sharpness"], "else nothing is tested"
    judged = judge_persons(found, patches, SETTINGS)
    assert [one.score.rejected for one in judged] == [None] * 7
    assert judged[3].score.value < min(one.score.value for number, one in enumerate(judged) if number != 3)


def test_a_dark_bit_of_paper_on_the_forehead_in_one_look_of_a_clip_covers_the_face(shared):
    context, film = Context(Settings()), open_video(shared("data/video/asl/book.mkv"))
    with film.scan() as scan:
        wanted = [frame.pts for frame in scan][::8][:9]
    found, patches = [], []
    for number, frame in enumerate(film.frames(wanted)):
        pixels = frame.pixels.copy()
        (face,) = context.frame_detector.detect([pixels])[0]
        if number == 4:
            (ax, ay), (bx, by) = face.landmarks[:2]
            centre = (round((ax + bx) / 2), round((ay + by) / 2 - 0.25 * face.box.width))
            cv2.circle(pixels, centre, round(face.box.width / 24), (40, 20, 60), -1)
            (face,) = context.frame_detector.detect([pixels])[0]
        face = replace(face, mesh=context.mesher.measure(pixels, face), track=0)
        found.append(ScoredFace(Candidate(frame.pts, frame.time_s, 0.5, 0), face, score_face(pixels, face, SETTINGS)))
        patches.append(face_patch(pixels, face))
    visible = [one.score.why["visible"] for one in judge_persons(found, patches, SETTINGS)]
    assert visible[4] < 0.3
    assert np.median(np.delete(visible, 4)) == 1.0
