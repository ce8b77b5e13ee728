from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from fancam import faces
from fancam.cli import invoke
from fancam.enhancing.facepass import FacePass
from fancam.enhancing.guard import Guard
from fancam.enhancing.work import CropRequest, EnhanceJob, Work
from fancam.geometry import Box
from fancam.nn import ModelStore
from fancam.pictures import resample
from fancam.results import Enhanced, Face
from fancam.settings import FaceSettings, GuardSettings, RestoreSettings
from tests.prior_networks import StandInRestorer, saved, small_gfpgan

SCALE = 3


@pytest.fixture(scope="module")
def detector():
    return faces.create_detector(FaceSettings(), ModelStore(), device="cpu", long_edges_px=(256,))


@pytest.fixture(scope="module")
def work(detector) -> Work:
    """A public-domain face of about 80 px, enlarged threefold by a plain filter."""
    from skimage.data import astronaut

    whole = np.ascontiguousarray(astronaut()[0:220, 120:320])
    small = resample(whole, Box(0, 0, 200, 220), 140, 154)
    box = Box(0, 0, 140, 154)
    request = CropRequest(small, box, 140 * SCALE, 154 * SCALE)
    enlarged = Enhanced(resample(small, box, 140 * SCALE, 154 * SCALE), "lanczos", None, SCALE, invented=False)
    return Work(EnhanceJob("it", request), request, tuple(detector.detect([small])[0]), enhanced=enlarged)


def guard(detector, **settings) -> Guard:
    return Guard(GuardSettings(**settings), faces.create_embedder(ModelStore()), faces.create_landmarker(detector))


def one(works: list[Work]) -> Enhanced:
    (work,) = works
    return work.result


def test_a_gentle_prior_changes_the_face_and_nothing_else(work, detector):
    done = one(FacePass(RestoreSettings(), StandInRestorer(), guard(detector), None)([work]))
    (outcome,) = done.faces
    assert outcome.restorer == "stand-in"
    assert 0 < outcome.strength <= 0.5
    assert outcome.mask_share > 0.05
    assert outcome.landmark_drift is not None
    changed = np.abs(done.pixels.astype(int) - work.result.pixels).max(axis=2) > 0
    face = work.faces[0].box.scaled(SCALE).grown(0.1)
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert face.x0 <= columns.min()
    assert columns.max() <= face.x1
    assert face.y0 <= rows.min()
    assert rows.max() <= face.y1


def test_the_enlargement_given_in_is_never_changed(work, detector):
    before = work.result.pixels.copy()
    FacePass(RestoreSettings(), StandInRestorer(), guard(detector, enabled=False), None)([work])
    assert np.array_equal(work.result.pixels, before)


def test_more_strength_is_more_change_and_none_is_none(work, detector):
    change = []
    for strength in (0.0, 0.3, 1.0):
        settings = RestoreSettings(strength=strength)
        done = one(FacePass(settings, StandInRestorer(), guard(detector, enabled=False), None)([work]))
        change.append(float(np.abs(done.pixels.astype(int) - work.result.pixels).mean()))
        assert (done.restorer is not None) == done.invented == (strength > 0)
    assert change[0] == 0 < change[1] < change[2]


def test_a_prior_that_moves_the_features_is_driven_down(work, detector):
    def stretched(given: torch.Tensor) -> torch.Tensor:
        """Eyes and mouth 14 % farther from the middle: another person's proportions."""
        theta = torch.tensor([[[0.88, 0.0, 0.0], [0.0, 0.88, 0.0]]]).repeat(len(given), 1, 1)
        grid = torch.nn.functional.affine_grid(theta, list(given.shape), align_corners=False)
        return torch.nn.functional.grid_sample(given, grid, align_corners=False, padding_mode="border")

    settings = RestoreSettings(strength=1.0)
    free = one(FacePass(settings, StandInRestorer(stretched), guard(detector, enabled=False), None)([work]))
    held = one(FacePass(settings, StandInRestorer(stretched), guard(detector), None)([work]))
    assert free.faces[0].strength == 1.0
    assert held.faces[0].strength < 1.0
    if held.faces[0].strength == 0:
        assert np.array_equal(held.pixels, work.result.pixels)


def test_a_prior_that_draws_another_thing_is_kept_out(work, detector):
    done = one(FacePass(RestoreSettings(), StandInRestorer(lambda given: -given), guard(detector), None)([work]))
    assert done.faces[0].skipped == "occluded"
    assert done.restorer is None
    assert np.array_equal(done.pixels, work.result.pixels)


def test_faces_of_all_pictures_go_through_the_network_together(work, detector):
    seen = []

    def counted(given: torch.Tensor) -> torch.Tensor:
        seen.append(len(given))
        return given

    restorer = StandInRestorer(counted, batch=8)
    results = FacePass(RestoreSettings(), restorer, guard(detector, enabled=False), None)([work, work, work])
    assert seen == [3]
    assert len(results) == 3


def test_the_result_does_not_depend_on_what_else_is_in_the_batch(work, detector):
    chain = FacePass(RestoreSettings(), StandInRestorer(batch=8), guard(detector), None)
    alone = one(chain([work]))
    together = chain([work, work])
    assert all(np.array_equal(alone.pixels, done.result.pixels) for done in together)
    assert all(done.result.faces == alone.faces for done in together)


def test_turned_and_tiny_faces_are_left_alone_with_the_reason(work, detector):
    face = work.faces[0]
    (lx, ly), right, _, mouth_left, mouth_right = face.landmarks
    turned = dataclasses.replace(face, landmarks=((lx, ly), right, (lx, ly + 20), mouth_left, mouth_right))
    chain = FacePass(RestoreSettings(), StandInRestorer(), guard(detector), None)
    done = one(chain([dataclasses.replace(work, faces=(turned,))]))
    assert done.faces[0].skipped == "turned"
    tiny = FacePass(RestoreSettings(min_face_px=200), StandInRestorer(), guard(detector), None)
    done = one(tiny([work]))
    assert done.faces[0].skipped == "too_small"
    assert np.array_equal(done.pixels, work.result.pixels)


def test_a_face_the_network_fails_on_is_given_up_and_said(work, detector):
    broken = StandInRestorer(lambda given: given * float("nan"))
    done = one(FacePass(RestoreSettings(), broken, guard(detector), None)([work]))
    assert done.faces[0].skipped == "failed"
    assert any("given up" in note for note in done.notes)
    assert np.array_equal(done.pixels, work.result.pixels)


def test_landmarks_in_one_place_are_no_face(work, detector):
    box = work.faces[0].box
    odd = Face(box, (box.centre,) * 5, 0.9)
    done = one(
        FacePass(RestoreSettings(), StandInRestorer(), guard(detector), None)([dataclasses.replace(work, faces=(odd,))])
    )
    assert done.faces[0].skipped == "unsure"


def test_without_a_prior_the_enlargement_is_judged_all_the_same(work, detector):
    done = one(FacePass(RestoreSettings(), None, guard(detector), None)([work]))
    assert done.pixels is work.result.pixels
    assert done.faces[0].landmark_drift is not None
    assert done.faces[0].restorer is None


def test_a_weight_file_of_the_users_goes_the_whole_way_and_the_guard_keeps_its_noise_out(tmp_path):
    """A random network of GFPGAN's architecture draws nothing like a face: none of it may be printed."""
    from skimage.data import astronaut

    weights = saved(small_gfpgan(), tmp_path / "own.pth")
    Image.fromarray(np.ascontiguousarray(astronaut()[0:220, 120:320])).save(tmp_path / "me.png")
    common = ["enhance", str(tmp_path / "me.png"), "--upscaler", "lanczos", "-q"]
    assert invoke([*common, "--out", str(tmp_path / "none"), "--restore", "none"]) == 0
    assert invoke([*common, "--out", str(tmp_path / "own"), "--restore", str(weights), "--strength", "1"]) == 0
    document = json.loads((tmp_path / "own" / "manifest.json").read_text())
    (face,) = document["pictures"][0]["enhance"]["faces"]
    assert face["restorer"] is None
    assert face["skipped"]
    restore = next(row for row in document["pictures"][0]["chain"] if row["step"] == "restore")
    assert "own.pth" in restore["reason"] or "file was given" in restore["reason"]
    with Image.open(tmp_path / "none" / "me.png") as plain, Image.open(tmp_path / "own" / "me.png") as guarded:
        assert np.array_equal(np.asarray(plain), np.asarray(guarded))
