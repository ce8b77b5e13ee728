from __future__ import annotations

import pytest

from fancam import video
from fancam.jobs.context import Context
from fancam.jobs.find import Finder, decoder_threads
from fancam.jobs.sources import find_sources
from fancam.jobs.workspace import Workspace
from fancam.nn import ModelStore
from fancam.results import CardGeometry
from fancam.settings import Settings
from tests.clips import flip_bits, moving_noise, write_clip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "whole.mp4", moving_noise(90), gop=12, options={"bf": "2"})


def found(path, out, monkeypatch):
    """The manifest's row of a video, and the threads of each scan."""
    threads = []
    scan = video.Video.scan

    def counted(self, **named):
        threads.append(named["threads"])
        return scan(self, **named)

    monkeypatch.setattr(video.Video, "scan", counted)
    finder = Finder(Context(Settings(), ModelStore(), Workspace(out)), CardGeometry(55, 85, 3, 300))
    (source,) = find_sources([path])
    row, _ = finder(source)
    monkeypatch.setattr(video.Video, "scan", scan)
    return row, threads


def test_a_sound_video_is_scanned_once_with_all_processors(whole, tmp_path, monkeypatch):
    assert found(whole, tmp_path / "out", monkeypatch)[1] == [None]


def test_a_damaged_video_is_scanned_again_with_one_thread_and_gives_the_same_every_time(whole, tmp_path, monkeypatch):
    damaged = flip_bits(whole, tmp_path / "damaged.mp4", count=12, first_share=0.2)
    with video.open_video(damaged).scan(threads=1) as alone:
        sound = sum(1 for _ in alone)
    for _ in range(4):
        row, threads = found(damaged, tmp_path / "out", monkeypatch)
        assert threads == [None, 1]
        assert row["frames_scanned"] == sound
        assert row["frames_rejected"] == alone.report.frames_rejected


def test_what_counts_as_damage_is_a_frame_that_was_rejected():
    assert decoder_threads({}) is None
    assert decoder_threads({"corrupt": 0}) is None
    assert decoder_threads({"corrupt": 0, "after_corrupt": 2}) == 1
