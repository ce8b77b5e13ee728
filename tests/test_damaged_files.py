"""Files whose bytes were changed by program are picked from, or end in one clear line: no crash, no hang."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import fancam
from benchmarks.picking_damage import mutated
from fancam.cli import invoke
from tests.clips import moving_noise, write_clip

CODECS = {"h264": ("libx264", ".mp4"), "hevc": ("libx265", ".mp4"), "vp9": ("libvpx-vp9", ".webm"),
          "av1": ("libsvtav1", ".mp4")}  # fmt: skip


@pytest.fixture(scope="module")
def wholes(tmp_path_factory) -> dict[str, Path]:
    folder, frames = tmp_path_factory.mktemp("wholes"), moving_noise(24, 128, 128)
    return {
        name: write_clip(folder / f"{name}{ending}", frames, codec=codec, crf=30)
        for name, (codec, ending) in CODECS.items()
    }


def pick(path: Path, out: Path) -> int:
    return invoke(["pick", str(path), "-o", str(out), "--no-faces", "--top", "2", "-q"])


@pytest.mark.parametrize("kind", ["3 bits", "60 bits", "zeros", "cut off"])
@pytest.mark.parametrize("codec", CODECS)
def test_a_mutated_file_gives_picks_or_one_clear_line(wholes, codec, kind, tmp_path, capsys):
    whole = wholes[codec]
    damaged = tmp_path / f"damaged{whole.suffix}"
    damaged.write_bytes(mutated(whole.read_bytes(), kind, np.random.default_rng(5)))
    code, said = pick(damaged, tmp_path / "out"), capsys.readouterr().err
    if code == 0:
        assert list((tmp_path / "out" / "frames").glob("*.png"))
    else:
        assert code in (1, 4) and len(said.strip().splitlines()) == 1 and str(damaged) in said, said


def test_of_a_file_whose_damage_is_reported_only_sound_frames_are_picked(wholes, tmp_path):
    damaged, out = tmp_path / "damaged.mp4", tmp_path / "out"
    damaged.write_bytes(mutated(wholes["h264"].read_bytes(), "zeros", np.random.default_rng(5)))
    film = fancam.open_video(wholes["h264"])
    with film.scan() as scan:
        every = [frame.pts for frame in scan]
    sound = {frame.pixels.tobytes() for frame in film.frames(every)}
    assert pick(damaged, out) == 0
    document = json.loads((out / "manifest.json").read_text())
    assert document["inputs"][0]["frames_rejected"]
    for row in document["picks"]:
        with Image.open(out / row["frame"]["path"]) as written:
            assert np.asarray(written).tobytes() in sound


def test_frames_back_to_the_key_frame_are_left_out_where_the_decoder_reports_damage_late(wholes, tmp_path):
    whole, damaged = wholes["av1"], tmp_path / "damaged.mp4"
    with av.open(str(whole)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    place, size = packets[20]
    data = bytearray(whole.read_bytes())
    data[place + 2 : place + size] = bytes(size - 2)
    damaged.write_bytes(data)
    assert pick(damaged, tmp_path / "out") == 0
    about = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert about["inputs"][0]["frames_left_out"]["before_damage"] >= 6
    assert all(row["time_s"] < 12 / 30 for row in about["picks"]), "in the first group of pictures"


def test_where_a_packet_is_lost_no_earlier_key_frame_stands_for_the_frames_it_held(wholes, tmp_path):
    whole, damaged = wholes["av1"], tmp_path / "damaged.mp4"
    with av.open(str(whole)) as container:
        packets = [(packet.pos, packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    second = [number for number, (_, _, key) in enumerate(packets) if key][1]
    place, size, _ = packets[second + 1]
    data = bytearray(whole.read_bytes())
    data[place + 2 : place + size] = bytes(size - 2)
    damaged.write_bytes(data)
    with fancam.open_video(whole).scan(threads=1) as scan:
        truth = {frame.pts: frame.luma.copy() for frame in scan}
    with fancam.open_video(damaged).scan(threads=1) as scan:
        found = {frame.pts: frame.luma.copy() for frame in scan}
    assert scan.report.frames_rejected["undecodable"] and len(found) > second
    assert all(np.array_equal(luma, truth[pts]) for pts, luma in found.items())


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_without_a_sound_frame_left_is_one_clear_error(wholes, codec, tmp_path, capsys):
    data, whole = wholes[codec].read_bytes(), wholes[codec]
    damaged = tmp_path / f"damaged{whole.suffix}"
    damaged.write_bytes(data[:200] + bytes(len(data) - 200))
    assert pick(damaged, tmp_path / "out") != 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(damaged) in line
