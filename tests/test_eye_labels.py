"""The labels by eye: every row is one the benchmarks can use, and what is tuned on is never reported on."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from benchmarks import _eye_labels
from tests.conftest import SHARED

VIDEO_SUFFIXES = (".mkv", ".mp4", ".gif", ".ts")


def test_every_face_has_a_box_and_those_of_videos_a_time():
    for label in _eye_labels.eye_labels():
        assert label.face.x0 < label.face.x1, label
        assert label.face.y0 < label.face.y1, label
        assert (label.pts is None) == (label.time_s is None) == (not label.file.endswith(VIDEO_SUFFIXES)), label
        assert (label.squint is not None) == (label.eyes == "open"), label


def test_no_face_is_labelled_twice():
    faces = Counter((label.file, label.pts, label.face) for label in _eye_labels.eye_labels())
    assert faces.most_common(1)[0][1] == 1


def test_no_file_is_both_tuned_and_reported_on():
    halves: dict[str, set[str]] = {}
    for label in _eye_labels.eye_labels():
        halves.setdefault(label.file, set()).add(label.half)
    assert all(len(found) == 1 for found in halves.values())


@pytest.mark.parametrize("half", ["tune", "report"])
def test_each_half_holds_enough_closed_and_half_closed_eyes_to_measure(half):
    counts = Counter(label.eyes for label in _eye_labels.eye_labels() if label.half == half)
    assert counts["closed"] >= 11
    assert counts["half"] >= 12
    assert counts["open"] >= 60


def test_stretches_last_and_only_bad_ones_have_a_reason():
    for label in _eye_labels.moment_labels():
        assert label.from_s < label.to_s, label
        assert (label.why is not None) == (label.verdict == "bad"), label


def test_stretches_of_one_file_do_not_overlap():
    by_file: dict[str, list[tuple[float, float]]] = {}
    for label in _eye_labels.moment_labels():
        by_file.setdefault(label.file, []).append((label.from_s, label.to_s))
    for stretches in by_file.values():
        stretches.sort()
        assert all(one[1] <= after[0] for one, after in itertools.pairwise(stretches)), stretches


def test_a_word_that_is_no_label_is_refused(tmp_path, monkeypatch):
    (tmp_path / "moment_labels.csv").write_text("file,from_s,to_s,verdict,why\na.mkv,0.0,0.4,fine,\n", encoding="utf-8")
    monkeypatch.setattr(_eye_labels, "_HERE", tmp_path)
    with pytest.raises(ValueError, match="'fine'"):
        _eye_labels.moment_labels()


def test_every_labelled_file_is_among_the_shared_media():
    labels = [*_eye_labels.eye_labels(), *_eye_labels.moment_labels()]
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared media are not here")
    assert [label.file for label in labels if not (SHARED / "data" / label.file).is_file()] == []
