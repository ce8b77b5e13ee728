from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from fancam import faces, picking, video
from fancam.models import ModelStore
from fancam.records import ScoredFace
from fancam.settings import FaceSettings, PickSettings, ScanSettings


@pytest.fixture(scope="module")
def script(samples):
    return json.loads((samples / "stage.json").read_text())


@pytest.fixture(scope="module")
def scored(samples, script) -> list[ScoredFace]:
    """The sample clip, scanned, looked at and scored as the main job does it."""
    store, clip = ModelStore(), samples / "stage.mp4"
    small = faces.create_detector(FaceSettings(), store, long_edges_px=(480,))
    large = faces.create_detector(FaceSettings(), store, long_edges_px=(960,))
    settings = PickSettings(top=len(script["sharp_moments"]))
    with video.scan(clip) as scan:
        shortlist = picking.Shortlist(
            ScanSettings(), settings.top, lambda grey: small.detect([np.repeat(grey[:, :, None], 3, axis=2)])[0],
            scan.info.duration_s,
        )  # fmt: skip
        for frame in scan:
            shortlist.add(frame)
    candidates = {c.pts: c for c in shortlist.finish()}
    moments, scores = [], []
    for frame in video.decode_frames(clip, sorted(candidates)):
        found = large.detect([frame.pixels])[0]
        moments.append((candidates[frame.pts], found))
        scores.append([picking.score_face(frame.pixels, face, settings) for face in found])
    return [
        ScoredFace(moment[0], face, score)
        for moment, found, found_scores in zip(moments, faces.track_faces(moments), scores, strict=True)
        for face, score in zip(found, found_scores, strict=True)
    ]


def test_every_sharp_moment_of_the_sample_clip_is_picked_once(scored, script):
    moments = [(m["start_s"], m["end_s"]) for m in script["sharp_moments"]]
    picks = picking.select(scored, PickSettings(top=len(moments)))
    hit = [[i for i, (start, end) in enumerate(moments) if start - 1e-3 <= p.candidate.time_s < end] for p in picks]
    assert sorted(hit) == [[i] for i in range(len(moments))]


def test_fewer_cards_than_sharp_moments_are_all_from_sharp_moments(scored, script):
    for pick in picking.select(scored, PickSettings(top=3)):
        assert any(m["start_s"] - 1e-3 <= pick.candidate.time_s < m["end_s"] for m in script["sharp_moments"])


def test_the_sharp_faces_outscore_the_soft_ones(scored, script):
    blur = [script["face_blur_px"][round(s.candidate.time_s * script["fps"])] for s in scored]
    sharp = [s.score.why["sharpness"] for s, b in zip(scored, blur, strict=True) if b == 0]
    soft = [s.score.why["sharpness"] for s, b in zip(scored, blur, strict=True) if b > 0]
    assert len(sharp) >= 12
    assert min(sharp) > np.percentile(soft, 98)


def test_the_hard_cut_divides_the_shots_where_the_script_says(scored, script):
    (cut_s,) = script["cuts_s"]
    assert {s.candidate.shot for s in scored if s.candidate.time_s < cut_s - 1e-3} == {0}
    assert {s.candidate.shot for s in scored if s.candidate.time_s >= cut_s - 1e-3} == {1}


def test_the_script_describes_the_clip(samples, script):
    info = video.probe(samples / "stage.mp4")
    assert (info.width, info.height) == (script["width"], script["height"])
    assert info.duration_s == pytest.approx(script["frames"] / script["fps"], abs=0.05)
    assert (samples / "stage.mp4").stat().st_size <= 3_000_000
    starts = [m["start_s"] for m in script["sharp_moments"]]
    assert all(b - a >= 1.2 for a, b in itertools.pairwise(starts))
    for moment in script["sharp_moments"]:
        frames = range(round(moment["start_s"] * script["fps"]), round(moment["end_s"] * script["fps"]))
        assert len(frames) >= 3
        assert all(script["face_blur_px"][f] == 0 and script["face_height_px"][f] >= 150 for f in frames)
