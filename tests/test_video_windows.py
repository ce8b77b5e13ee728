from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fancam.records import Box
from fancam.video import _exact, decode_frames, decode_windows, probe, scan
from tests.clips import moving_noise, write_clip

BOXES = (Box(4, 6, 60, 50), Box(100.5, 20.2, 140.1, 90))


class Straight:
    """Every frame of a clip by the plain way, and the verdict of the scan on each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with scan(path) as frames:
            self.sound = [f.pts for f in frames]
        self.pixels = {f.pts: f.pixels for f in decode_frames(path, self.sound)}

    def check(self, places, frames, boxes=BOXES, *, at_most=False):
        """Compare the windows around these places with cuts from the plainly decoded frames."""
        info = probe(self.path)
        wanted = {self.sound[place]: boxes for place in places}
        windows = list(decode_windows(self.path, wanted, frames))
        assert [w.frame.pts for w in windows] == sorted(wanted)
        for window in windows:
            assert window.frame.pixels.tobytes() == self.pixels[window.frame.pts].tobytes()
            assert window.frame.time_s == info.time_s(window.frame.pts)
            expected = self.neighbours(window.frame.pts, frames)
            assert len(window.looks) == len(boxes)
            for box, looks in zip(boxes, window.looks, strict=True):
                found = [look.pts for look in looks]
                assert set(found) <= set(expected) if at_most else found == expected
                rows, columns = box.clipped(info.width, info.height).as_slices()
                for look in looks:
                    assert look.pixels.tobytes() == self.pixels[look.pts][rows, columns].tobytes(), look.pts
                    assert look.pixels.base is None, "a whole frame is kept for a part of it"
                    assert look.offset_s == pytest.approx((look.pts - window.frame.pts) * float(info.time_base))
        return windows

    def neighbours(self, pts, frames):
        place = self.sound.index(pts)
        before, after = (frames - 1) // 2, frames // 2
        return self.sound[max(place - before, 0) : place] + self.sound[place + 1 : place + 1 + after]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    options = {"bf": "3", "x264-params": "open-gop=1"}
    path = write_clip(tmp_path_factory.mktemp("windows") / "a.mp4", moving_noise(80), options=options, gop=10)
    return Straight(path)


@settings(max_examples=20, deadline=None)
@given(
    places=st.sets(st.integers(0, 79), min_size=1, max_size=6),
    frames=st.integers(1, 17),
    seek_pays_s=st.sampled_from([0.0, 0.4, 2.0]),
)
def test_looks_are_cuts_of_the_neighbours_wherever_the_picks_are(clip, places, frames, seek_pays_s):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_exact, "SEEK_PAYS_S", seek_pays_s)
        clip.check(places, frames)
