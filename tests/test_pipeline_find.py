from __future__ import annotations

import pytest

from fancam import video
from fancam.jobs.context import Context
from fancam.jobs.find import find_in_video
from fancam.jobs.scanning import decoder_threads
from fancam.nn import ModelStore
from fancam.settings import PickSettings, Settings
from tests.clips import flip_bits, moving_noise, write_clip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "whole.mp4", moving_noise(90), gop=12, options={"bf": "2"})


def found(path, monkeypatch):
    """What the scan counted, and the threads of each scan."""
    threads = []
    scan = video.Video.scan

    def counted(self, **named):
        threads.append(named["threads"])
        return scan(self, **named)

    monkeypatch.setattr(video.Video, "scan", counted)
    report = find_in_video(Context(Settings(), ModelStore()), video.open_video(path)).scan
    monkeypatch.setattr(video.Video, "scan", scan)
    return report, threads


def test_a_sound_video_is_scanned_once_with_all_processors(whole, monkeypatch):
    assert found(whole, monkeypatch)[1] == [None]


def test_a_damaged_video_is_scanned_again_with_one_thread_and_gives_the_same_every_time(whole, tmp_path, monkeypatch):
    damaged = flip_bits(whole, tmp_path / "damaged.mp4", count=12, first_share=0.2)
    with video.open_video(damaged).scan(threads=1) as alone:
        sound = sum(1 for _ in alone)
    for _ in range(4):
        report, threads = found(damaged, monkeypatch)
        assert threads == [None, 1]
        assert report.frames_scanned == sound
        assert report.frames_rejected == alone.report.frames_rejected


@pytest.mark.parametrize("clip", ["vfr.mp4", "editlist.mp4"])
def test_the_only_card_is_the_first_of_eight(shared, clip):
    film = video.open_video(shared(f"cases/04-top-1/{clip}"))
    moments = [find_in_video(Context(Settings(pick=PickSettings(top=n)), ModelStore()), film).moments for n in (1, 8)]
    (only,), (first, *_) = moments
    assert (only.pts, only.scored, only.reason) == (first.pts, first.scored, first.reason)
    assert only.score > 0.8


def test_what_counts_as_damage_is_a_frame_that_was_rejected():
    assert decoder_threads({}) is None
    assert decoder_threads({"corrupt": 0}) is None
    assert decoder_threads({"corrupt": 0, "after_corrupt": 2}) == 1
