from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fancam import picking, video
from fancam.cli import invoke
from fancam.jobs.workspace import Workspace
from fancam.results import ScoredFace
from fancam.settings import PickSettings


@pytest.fixture(scope="module")
def script(samples):
    return json.loads((samples / "stage.json").read_text())


@dataclasses.dataclass(frozen=True)
class Job:
    """The main job on the sample clip: its folder, and the scored faces the moments were chosen from."""

    out: Path
    scored: list[ScoredFace]


@pytest.fixture(scope="module")
def job(samples, script, tmp_path_factory) -> Job:
    """Network, fusing and cleaning are left out: what is picked does not depend on them."""
    out = tmp_path_factory.mktemp("job") / "out"
    seen: list[list[ScoredFace]] = []
    select = picking.select

    def watched(scored, *rest):
        seen.append(scored)
        return select(scored, *rest)

    bare = ["--upscaler", "lanczos", "--fuse", "off", "--denoise", "off", "--deblock", "off", "--guard", "off"]
    top = str(len(script["sharp_moments"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picking, "select", watched)
        assert invoke(["run", str(samples / "stage.mp4"), "--out", str(out), "--top", top, "-q", *bare]) == 0
    (scored,) = seen
    return Job(out, scored)


@pytest.fixture(scope="module")
def scored(job) -> list[ScoredFace]:
    return job.scored


def test_the_main_job_makes_a_card_of_every_sharp_moment(job, script):
    document = json.loads((job.out / "manifest.json").read_text())
    moments = [(m["start_s"] - 0.02, m["end_s"] + 0.02) for m in script["sharp_moments"]]
    found = [[n for n, (start, end) in enumerate(moments) if start <= p["time_s"] <= end] for p in document["picks"]]
    assert sorted(found) == [[n] for n in range(len(moments))], [p["time_s"] for p in document["picks"]]
    row = document["inputs"][0]
    assert row["frames_scanned"] >= 250
    assert row["rotation_deg"] == 0
    for pick in document["picks"]:
        with Image.open(job.out / pick["card"]["path"]) as card:
            assert card.size == (720, 1075)


def test_the_contact_sheet_of_a_run_shows_whom_its_picks_beat(job):
    picks = json.loads((job.out / "manifest.json").read_text())["picks"]
    assert any(pick["runners_up"] for pick in picks)
    shown = [Workspace(job.out).beaten_path(pick["id"]).is_file() for pick in picks]
    assert shown == [bool(pick["runners_up"]) for pick in picks]


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
    info = video.open_video(samples / "stage.mp4").info
    assert (info.width, info.height) == (script["width"], script["height"])
    assert info.duration_s == pytest.approx(script["frames"] / script["fps"], abs=0.05)
    assert (samples / "stage.mp4").stat().st_size <= 3_000_000
    starts = [m["start_s"] for m in script["sharp_moments"]]
    assert all(b - a >= 1.2 for a, b in itertools.pairwise(starts))
    for moment in script["sharp_moments"]:
        frames = range(round(moment["start_s"] * script["fps"]), round(moment["end_s"] * script["fps"]))
        assert len(frames) >= 3
        assert all(script["face_blur_px"][f] == 0 and script["face_height_px"][f] >= 150 for f in frames)
