"""``fancam pick`` as a person on a command line uses it, on short clips that the tests make."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

import fancam
from fancam.cli import invoke
from tests.clips import Colour, moving_noise, write_clip


def pick(*arguments: object) -> int:
    return invoke(["pick", *map(str, arguments)])


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def blurred(sigmas: list[float], pixels: np.ndarray | None = None) -> list[np.ndarray]:
    face = np.ascontiguousarray(np.asarray(astronaut())[:320, 60:380]) if pixels is None else pixels
    return [face if sigma == 0 else cv2.GaussianBlur(face, (0, 0), sigma) for sigma in sigmas]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Three seconds at 10 frames a second: a face that is sharpest at 0.5, 1.5 and 2.5 s."""
    sigmas = [abs(number % 10 - 5) * 0.5 + 0.3 for number in range(30)]
    return write_clip(tmp_path_factory.mktemp("clips") / "live.mp4", blurred(sigmas), fps=10)


@pytest.fixture(scope="module")
def picked(clip, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("picked") / "out"
    assert pick(clip, "-o", folder, "--every", "1s", "--all", "-q") == 0
    return folder


def test_each_stretch_gives_its_sharpest_frame_in_full_size_and_as_the_decoder_gives_it(clip, picked):
    rows = manifest(picked)["picks"]
    assert sorted(row["time_s"] for row in rows) == pytest.approx([0.5, 1.5, 2.5])
    video = fancam.open_video(clip)
    for row in rows:
        assert row["frame"] == {**row["frame"], "width_px": 320, "height_px": 320, "bits": 8}
        with Image.open(picked / row["frame"]["path"]) as written:
            assert np.array_equal(np.asarray(written), video.frame_at(row["time_s"]).pixels)
            assert written.info["icc_profile"]


def test_the_manifest_has_the_rows_of_every_verb_and_every_term_of_every_pick(picked):
    document = manifest(picked)
    assert document["verb"] == "pick"
    assert document["inputs"][0]["kind"] == "video"
    assert document["settings"]["pick"]["every_s"] == 1.0
    for row in document["picks"]:
        assert {"id", "input", "pts", "time_s", "score", "why", "rejected", "reason", "face", "member", "card",
                "enhance", "runners_up", "frame", "warnings"} == row.keys()  # fmt: skip
        assert {"sharpness", "pose", "exposure"} <= row["why"].keys()
        assert len(row["runners_up"]) == 2
        for other in row["runners_up"]:
            assert other["score"] <= row["score"]
            assert abs(other["time_s"] - row["time_s"]) <= 0.8
            assert other["reason"].startswith("lost by sharpness: ")


def test_the_manifest_counts_the_frames_that_were_left_out_by_the_reason(tmp_path):
    frames = moving_noise(30)
    still = write_clip(tmp_path / "still.mp4", frames[:10] + [frames[9]] * 8 + frames[10:], gop=60)
    for source, left_out in ((still, {"frozen": 8}), (write_clip(tmp_path / "sound.mp4", frames), {})):
        assert pick(source, "-o", tmp_path / source.stem, "--top", 1, "--no-faces", "-q") == 0
        about = manifest(tmp_path / source.stem)["inputs"][0]
        assert (about["frames_left_out"], about["frames_rejected"]) == (left_out, {})


def test_a_frame_says_where_it_comes_from_and_why_it_was_picked(clip, picked):
    from fancam.files import sha256_of_file
    from fancam.provenance import Provenance

    row = manifest(picked)["picks"][0]
    facts = fancam.open_picture(picked / row["frame"]["path"]).facts
    about = Provenance.from_xmp(facts.xmp)
    assert (about.source, about.source_sha256) == ("live.mp4", sha256_of_file(clip))
    assert (about.pts, about.time_s, about.score) == (row["pts"], row["time_s"], row["score"])
    assert about.terms == {name: value for name, value in row["why"].items() if value is not None}
    assert about.invented is False
    assert about.reason == row["reason"]
    with Image.open(picked / row["frame"]["path"]) as written:
        assert written.getexif()[0x0131].startswith("fancam ")
        assert "live.mp4" in written.getexif()[0x010E]


def test_the_whole_ranking_has_every_face_that_was_looked_at(picked):
    document = manifest(picked)
    rows = list(csv.DictReader((picked / document["ranking"]).open(newline="")))
    assert len(rows) == document["inputs"][0]["moments_looked_at"] == 30
    assert [float(row["score"]) for row in rows] == sorted((float(row["score"]) for row in rows), reverse=True)
    chosen = {row["pts"] for row in rows if row["chosen"] == "pick"}
    assert chosen == {str(row["pts"]) for row in document["picks"]}
    assert sum(row["chosen"] == "runner-up" for row in rows) == 6
    assert all(row["term_sharpness"] for row in rows)


def test_a_second_call_does_nothing_again_and_a_lost_frame_is_written_again(clip, picked, monkeypatch, capsys):
    from fancam import faces

    row = manifest(picked)["picks"][1]
    path = picked / row["frame"]["path"]
    before, others = path.read_bytes(), {p: p.stat().st_mtime_ns for p in (picked / "frames").iterdir() if p != path}
    path.unlink()
    monkeypatch.setattr(faces, "create_detector", lambda *a, **k: pytest.fail("looked for faces again"))
    assert pick(clip, "-o", picked, "--every", "1s", "--all", "--json") == 0
    assert path.read_bytes() == before
    assert {p: p.stat().st_mtime_ns for p in others} == others
    assert json.loads(capsys.readouterr().out)["picks"] == manifest(picked)["picks"]


def test_the_same_input_gives_the_same_bytes_in_another_folder(clip, picked, tmp_path):
    assert pick(clip, "-o", tmp_path / "b", "--every", "1s", "--all", "-q") == 0
    for path in sorted(picked.rglob("*")):
        if path.is_file() and ".fancam" not in path.parts and path.name != "manifest.json":
            assert (tmp_path / "b" / path.relative_to(picked)).read_bytes() == path.read_bytes(), path


def test_ten_bits_are_written_as_sixteen_where_the_format_can(tmp_path):
    frames = [frame / 255.0 for frame in blurred([1.0, 0.5, 0.3])]
    clip = write_clip(tmp_path / "deep.mp4", frames, colour=Colour.tagged("bt709"), bits=10)
    for kind, bits in (("png", 16), ("tif", 16), ("jpg", 8)):
        out = tmp_path / kind
        assert pick(clip, "-o", out, "--top", "1", "--format", kind, "-q") == 0
        (row,) = manifest(out)["picks"]
        assert row["frame"]["bits"] == bits
        samples, _ = fancam.open_picture(out / row["frame"]["path"]).opaque_rgb()
        assert samples.dtype == (np.uint16 if bits == 16 else np.uint8)
        shown = fancam.open_video(clip).frame_at(row["time_s"]).pixels
        assert np.abs(samples / (257 if bits == 16 else 1) - shown).mean() < 1


def test_frames_of_several_videos_lie_side_by_side(clip, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "live.mp4").write_bytes(clip.read_bytes())
    write_clip(tmp_path / "more" / "other.mp4", blurred([0.8, 0.4, 0.9]))
    (tmp_path / "more" / "photo.png").write_bytes(b"no matter")
    assert pick(clip, tmp_path / "more", "-o", tmp_path / "out", "--top", "1", "-q") == 0
    document = manifest(tmp_path / "out")
    assert [row["input"] for row in document["picks"]] == [0, 1, 2]
    stems = [Path(row["frame"]["path"]).name.rsplit("-", 1)[0] for row in document["picks"]]
    assert stems == ["live", "live-2", "other"]


def test_each_shot_gives_its_share(tmp_path):
    """Three shots in which the face stands elsewhere before other colours."""
    random = np.random.default_rng(8)
    shots = []
    for _ in range(3):
        wall = np.kron(random.integers(0, 256, (10, 16, 3), np.uint8), np.ones((40, 40, 1), np.uint8))
        x, y = int(random.integers(0, 320)), int(random.integers(0, 80))
        wall[y : y + 320, x : x + 320] = blurred([0.0])[0]
        shots += blurred([1.2, 0.8, 0.4, 0.8, 1.2, 1.6], wall)
    clip = write_clip(tmp_path / "cuts.mp4", shots, fps=10, crf=18)
    assert pick(clip, "-o", tmp_path / "out", "--per-shot", "1", "--all", "-q") == 0
    times = sorted(row["time_s"] for row in manifest(tmp_path / "out")["picks"])
    assert times == pytest.approx([0.2, 0.8, 1.4])
    rows = csv.DictReader((tmp_path / "out" / "ranking.csv").open(newline=""))
    assert {row["shot"] for row in rows} == {"0", "1", "2"}


def test_three_people_on_stage_have_a_pick_each(tmp_path):
    """The one on the left is the largest and the sharpest all the time."""
    stage = np.full((260, 720, 3), 90, np.uint8)
    for number, side in enumerate((240, 200, 210)):
        head = cv2.resize(np.asarray(astronaut())[:480, :480], (side, side), interpolation=cv2.INTER_AREA)
        stage[250 - side : 250, 240 * number : 240 * number + side] = blurred(
            [0.0, 0.6, 0.5][number : number + 1], head
        )[0]
    clip = write_clip(tmp_path / "trio.mp4", [np.roll(stage, k, axis=0) for k in (0, 1, 2, 1) * 4], fps=4)
    assert pick(clip, "-o", tmp_path / "out", "--top", "3", "-q") == 0
    rows = manifest(tmp_path / "out")["picks"]
    assert len({row["face"]["track"] for row in rows}) == 3
    assert pick(clip, "-o", tmp_path / "two", "--per-person", "2", "-q") == 0
    tracks = [row["face"]["track"] for row in manifest(tmp_path / "two")["picks"]]
    assert sorted(tracks) == [0, 0, 1, 1, 2, 2]


def test_a_person_is_known_again_after_a_cut(shared, tmp_path):
    shots = []
    for name in ("obama/obama.jpg", "biden/biden.jpg", "obama/obama2.jpg", "biden/biden2.jpg"):
        photo = fancam.open_picture(shared(f"data/photo/people/{name}")).srgb()
        face = max(fancam.detect_faces(photo), key=lambda face: face.box.area)
        head = photo[face.box.grown(0.8).clipped(photo.shape[1], photo.shape[0]).as_slices()]
        shots += blurred([1.2, 0.4, 1.2, 0.8], cv2.resize(head, (320, 320), interpolation=cv2.INTER_AREA))
    clip = write_clip(tmp_path / "two.mp4", shots, fps=5)
    assert pick(clip, "-o", tmp_path / "out", "--per-person", "1", "-q") == 0
    rows = manifest(tmp_path / "out")["picks"]
    assert len(rows) == 2
    assert sorted(int(row["time_s"] / 0.8) % 2 for row in rows) == [0, 1], "one of each man"


def test_a_call_that_was_stopped_goes_on_where_it_was(clip, picked, tmp_path, monkeypatch):
    from fancam.jobs import picking

    out, drawn = tmp_path / "out", []

    def draw(*given):
        drawn.append(given)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return pick_strip(*given)

    pick_strip = picking.pick_strip
    monkeypatch.setattr(picking, "pick_strip", draw)
    assert pick(clip, "-o", out, "--every", "1s", "--all", "-q") == 130
    monkeypatch.setattr(picking, "pick_strip", pick_strip)
    monkeypatch.setattr(picking, "find_in_video", lambda *given: pytest.fail("scanned again"))
    assert pick(clip, "-o", out, "--every", "1s", "--all", "-q") == 0
    assert manifest(out)["picks"] == manifest(picked)["picks"]
    assert (out / "picks.jpg").read_bytes() == (picked / "picks.jpg").read_bytes()


def test_explain_says_why_a_frame_won_and_whom_it_beat(clip, tmp_path, capsys):
    assert pick(clip, "-o", tmp_path / "out", "--top", "1", "--explain") == 0
    printed = capsys.readouterr().out
    assert "won   sharper than" in printed
    assert printed.count("  beat  0:") == 2
    assert "lost by sharpness" in printed
    assert "terms sharpness" in printed


def test_weights_change_what_counts(clip, tmp_path):
    assert pick(clip, "-o", tmp_path / "a", "--top", "1", "--weights", "sharpness=0,face_size=0", "-q") == 0
    (row,) = manifest(tmp_path / "a")["picks"]
    assert row["score"] > 0.9, "size and sharpness, which are middling here, have no weight"


def test_whom_a_pick_beat_is_written_on_request_and_goes_again_without(clip, tmp_path):
    out = tmp_path / "out"
    assert pick(clip, "-o", out, "--top", "1", "--keep-runners-up", "-q") == 0
    (row,) = manifest(out)["picks"]
    assert [other["frame"]["path"] for other in row["runners_up"]] == [
        f"runners-up/{other['id']}.png" for other in row["runners_up"]
    ]
    assert len(list((out / "runners-up").iterdir())) == 2
    assert pick(clip, "-o", out, "--top", "1", "-q") == 0
    assert list((out / "runners-up").iterdir()) == []


def test_the_library_writes_the_frame_of_the_command_line(clip, picked, tmp_path):
    settings = fancam.load_settings(overrides={"pick": {"every_s": 1.0}})
    moments = fancam.pick(clip, settings=settings)
    for moment, row in zip(moments, manifest(picked)["picks"], strict=True):
        path = fancam.save_frame(moment, tmp_path / "frame.png")
        assert path.read_bytes() == (picked / row["frame"]["path"]).read_bytes()
        assert [one.pts for one in moment.runners_up] == [other["pts"] for other in row["runners_up"]]


def test_a_moment_of_a_photo_is_no_frame(tmp_path):
    Image.fromarray(astronaut()).save(tmp_path / "photo.png")
    (moment, *_) = fancam.pick(tmp_path / "photo.png")
    with pytest.raises(fancam.UsageError, match="photo"):
        fancam.save_frame(moment, tmp_path / "frame.png")


def test_a_dry_run_says_how_many_and_writes_nothing(clip, tmp_path, capsys):
    assert pick(clip, "-o", tmp_path / "out", "--every", "1s", "--from", "0:01", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "live.mp4: 320x320, about 30 frames; picks at most: 2" in printed
    assert not (tmp_path / "out").exists()


def test_a_dry_run_explains_what_is_looked_at_how_it_is_judged_and_how_many_are_picked(clip, tmp_path, capsys):
    words = ["--from", "0:01", "--per-shot", "2", "--weights", "smile", "--dry-run", "--explain"]
    assert pick(clip, "-o", tmp_path / "out", *words) == 0
    steps = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert list(steps) == ["scan", "faces", "score", "pick"]
    assert "from 0:01.000" in steps["scan"] and "smile" in steps["score"] and "2 of each shot" in steps["pick"]
    assert pick(clip, "-o", tmp_path / "out", "--no-faces", "--dry-run", "--explain") == 0
    assert "  faces" not in capsys.readouterr().out


# --- what cannot be picked ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def faceless(tmp_path_factory) -> Path:
    """Ten frames of coloured stripes, the sharpest in the middle."""
    stripes = np.kron(np.random.default_rng(5).integers(0, 256, (24, 40, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    sigmas = [abs(number - 5) * 0.7 for number in range(10)]
    return write_clip(tmp_path_factory.mktemp("clips") / "lights.mp4", blurred(sigmas, stripes), fps=10)


def test_a_video_without_faces_is_exit_4_and_names_the_way(faceless, tmp_path, capsys):
    assert pick(faceless, "-o", tmp_path / "out", "-q") == 4
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--no-faces" in err


def test_without_faces_the_whole_frame_is_judged(faceless, tmp_path, monkeypatch):
    from fancam import faces

    monkeypatch.setattr(faces, "create_detector", lambda *a, **k: pytest.fail("looked for faces"))
    assert pick(faceless, "-o", tmp_path / "out", "--no-faces", "--top", "1", "--all", "-q") == 0
    (row,) = manifest(tmp_path / "out")["picks"]
    assert row["time_s"] == pytest.approx(0.5)
    assert row["face"] is None
    assert "the whole frame" in row["reason"]
    assert len(row["runners_up"]) == 2
    assert (tmp_path / "out" / "picks.jpg").is_file()
    assert (tmp_path / "out" / "ranking.csv").read_text().count("pick") == 1


def test_whole_frames_make_no_cards(faceless, tmp_path, capsys):
    config = tmp_path / "mine.toml"
    config.write_text("[pick]\nfaces = false\n")
    assert invoke(["run", str(faceless), "-o", str(tmp_path / "out"), "--config", str(config)]) == 2
    assert "fancam pick" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--from", "1:40", "--to", "1:02"], 2, "ends before it begins"),
        (["--from", "1:02"], 1, "it is 3.0 s long"),
        (["--from", "soon"], 2, "--from"),
        (["--every", "0"], 2, "every_s"),
        (["--per-shot", "0"], 2, "per_shot"),
        (["--weights", "nose=2"], 2, "valid: "),
        (["--weights", "eyes"], 2, "such as eyes=2"),
        (["--weights", "eyes=-1"], 2, "such as eyes=2"),
        (["--format", "gif"], 2, "valid: jpg, png, tif"),
        (["--preset", "auto"], 2, "name a preset"),
    ],
)
def test_what_means_nothing_is_one_line(clip, tmp_path, capsys, words, code, said):
    assert pick(clip, "-o", tmp_path / "out", *words, "-q") == code
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err
    assert not (tmp_path / "out" / "frames").exists()


def test_a_photo_is_said_to_be_one(tmp_path, capsys):
    Image.fromarray(astronaut()).save(tmp_path / "photo.png")
    assert pick(tmp_path / "photo.png", "-o", tmp_path / "out") == 1
    assert "fancam run" in capsys.readouterr().err
    assert pick(tmp_path, "-o", tmp_path / "out") == 1
    assert "no video" in capsys.readouterr().err


def test_one_video_that_fails_harms_no_other(clip, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    assert pick(tmp_path / "broken.mp4", clip, "-o", tmp_path / "out", "--top", "1", "-q") == 3
    document = manifest(tmp_path / "out")
    assert len(document["picks"]) == 1
    assert document["failures"][0]["stage"] == "input"


def test_cards_are_made_of_the_frames_of_the_folder(picked, tmp_path):
    words = ["card", picked, "--out", tmp_path / "cards", "--fit", "cover", "--dpi", "72", "--force", "-q"]
    assert invoke([str(word) for word in words]) == 0
    assert len(json.loads((tmp_path / "cards" / "manifest.json").read_text())["cards"]) == 3
