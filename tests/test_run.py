from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import fancam
from fancam import pictures
from fancam.cli import invoke
from tests.clips import moving_noise, write_clip

FAST = ["--upscaler", "lanczos"]
BARE = [*FAST, "--denoise", "off", "--deblock", "off", "--dpi", "72"]
"""For tests of what happens around the pictures: nothing in them is cleaned, and the cards are small."""


def row_of_faces(path: Path, *scales: float) -> Path:
    """A photo of faces in a row, of 60 px and less."""
    from skimage.data import astronaut

    head = np.asarray(astronaut())[:480, :480]
    wide = np.full((280, 250 * len(scales), 3), 90, np.uint8)
    for number, scale in enumerate(scales):
        side = round(240 * scale)
        smaller = cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)
        wide[270 - side : 270, 5 + 250 * number : 5 + 250 * number + side] = smaller
    Image.fromarray(wide).save(path)
    return path


@pytest.fixture(scope="module")
def group_photo(tmp_path_factory) -> Path:
    """Three faces in a row, each of another size."""
    return row_of_faces(tmp_path_factory.mktemp("photos") / "group.png", 1.0, 0.8, 0.9)


@pytest.fixture(scope="module")
def single_photo(tmp_path_factory) -> Path:
    return row_of_faces(tmp_path_factory.mktemp("photos") / "single.png", 1.0)


@dataclasses.dataclass(frozen=True)
class Done:
    folder: Path
    printed: str

    def copied(self, target: Path) -> Path:
        """A folder of the same finished run, to go on with."""
        return shutil.copytree(self.folder, target)


def finished_run(folder: Path, *arguments: object) -> Done:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(*arguments, "-o", folder) == 0
    return Done(folder, printed.getvalue())


@pytest.fixture(scope="module")
def whole_run(group_photo, tmp_path_factory) -> Done:
    """The group photo's cards as they are made by default, but for the network."""
    return finished_run(tmp_path_factory.mktemp("whole") / "out", group_photo, *FAST)


@pytest.fixture(scope="module")
def bare_run(group_photo, tmp_path_factory) -> Done:
    return finished_run(tmp_path_factory.mktemp("bare") / "out", group_photo, *BARE)


def run(*arguments: object) -> int:
    return invoke(["run", *map(str, arguments)])


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".fancam" not in path.parts and path.name != "manifest.json"
    }


# --- photos ---------------------------------------------------------------------------------------------------------


def test_a_group_photo_becomes_one_card_per_face_from_left_to_right(whole_run):
    document = json.loads((whole_run.folder / "manifest.json").read_text())
    assert [pick["id"] for pick in document["picks"]] == ["group-face01", "group-face02", "group-face03"]
    lefts = [pick["face"]["box"][0] for pick in document["picks"]]
    assert lefts == sorted(lefts)
    for pick in document["picks"]:
        with Image.open(whole_run.folder / pick["card"]["path"]) as card:
            assert card.size == (720, 1075)
            assert card.info["dpi"] == pytest.approx((300, 300), abs=0.01)
            assert card.info["icc_profile"]
    assert (whole_run.folder / "contact.jpg").is_file()
    assert "3 cards of 55×85 mm + 3 mm bleed" in whole_run.printed


def test_the_same_input_gives_the_same_bytes_in_another_folder(group_photo, whole_run, tmp_path):
    assert run(group_photo, "-o", tmp_path / "b", *FAST, "-q") == 0
    first, second = files_in(whole_run.folder), files_in(tmp_path / "b")
    assert len(first) == 4
    assert first == second


def test_a_second_run_does_nothing_again(group_photo, bare_run, tmp_path, monkeypatch):
    from fancam import faces
    from fancam.jobs import context

    out = bare_run.copied(tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (out / "cards").iterdir()}
    assert len(before) == 3
    monkeypatch.setattr(faces, "create_detector", lambda *a, **k: pytest.fail("looked for faces again"))
    monkeypatch.setattr(context, "Enhancer", lambda *a, **k: pytest.fail("rendered again"))
    assert run(group_photo, "-o", out, *BARE, "-q") == 0
    assert {p: p.stat().st_mtime_ns for p in (out / "cards").iterdir()} == before


def test_a_card_that_was_deleted_or_damaged_is_made_again(group_photo, bare_run, tmp_path):
    out = bare_run.copied(tmp_path / "out")
    (out / "cards" / "group-face01.png").unlink()
    (out / "cards" / "group-face02.png").write_bytes(b"half")
    assert run(group_photo, "-o", out, *BARE, "-q") == 0
    assert files_in(out) == files_in(bare_run.folder)


def test_other_settings_replace_the_cards_of_the_same_folder(group_photo, bare_run, tmp_path):
    out = bare_run.copied(tmp_path / "out")
    assert run(group_photo, "-o", out, *BARE, "-q", "--format", "jpg") == 0
    assert sorted(p.name for p in (out / "cards").iterdir()) == [f"group-face0{n}.jpg" for n in (1, 2, 3)]


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(group_photo, bare_run, tmp_path, monkeypatch, capsys):
    from fancam.enhancing.facepass import FacePass

    real = FacePass.__call__
    calls = []

    def interrupted(self, works):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, works)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(FacePass, "__call__", interrupted)
        assert run(group_photo, "-o", out, *BARE, "-q") == 130
    assert "run the same command to go on" in capsys.readouterr().err
    assert [p.name for p in (out / "cards").iterdir()] == ["group-face01.png"]
    assert run(group_photo, "-o", out, *BARE, "-q") == 0
    assert files_in(out) == files_in(bare_run.folder)


def test_a_full_disk_is_one_line_and_leaves_no_half_file(group_photo, tmp_path, monkeypatch, capsys):
    import errno

    out = tmp_path / "out"
    calls = []
    real = os.replace

    def full(source, target):
        if str(target).endswith("face02.png"):
            calls.append(target)
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert run(group_photo, "-o", out, *BARE, "-q") == 1
    assert calls
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "the disk is full" in err
    written = {p.name for p in (out / "cards").iterdir()}  # the third may have been at work already
    assert written - {"group-face03.png"} == {"group-face01.png"}


def test_a_failing_card_is_listed_and_the_others_are_made(group_photo, tmp_path, monkeypatch, capsys):
    from fancam.enhancing.facepass import FacePass
    from fancam.errors import DeviceError

    real = FacePass.__call__
    calls = []

    def failing(self, works):
        calls.append(1)
        if len(calls) == 2:
            raise DeviceError("not enough memory", item="cpu", remedy="close other programs")
        return real(self, works)

    monkeypatch.setattr(FacePass, "__call__", failing)
    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *BARE) == 3
    document = json.loads((out / "manifest.json").read_text())
    assert [bool(pick["card"]) for pick in document["picks"]] == [True, False, True]
    assert [failure["stage"] for failure in document["failures"]] == ["enhance"]
    assert "not enough memory" in capsys.readouterr().err


def test_a_broken_file_in_a_folder_does_not_harm_the_others(single_photo, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.png").write_bytes(single_photo.read_bytes())
    (folder / "broken.png").write_bytes(single_photo.read_bytes()[:3000])
    (folder / "notes.txt").write_text("not media")
    out = tmp_path / "out"
    assert run(folder, "-o", out, *BARE, "-q") == 3
    document = json.loads((out / "manifest.json").read_text())
    assert len(document["picks"]) == 1
    assert [Path(failure["item"]).name for failure in document["failures"]] == ["broken.png"]
    assert "broken.png" in capsys.readouterr().err


def test_a_photo_without_a_face_is_exit_4_and_one_line(tmp_path, capsys):
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (300, 400, 3), np.uint8)).save(tmp_path / "noise.png")
    assert run(tmp_path / "noise.png", "-o", tmp_path / "out", *FAST, "-q") == 4
    assert "no face found" in capsys.readouterr().err


def test_bystanders_come_last_marked_or_are_said_to_be_left_out(group_photo, tmp_path, capsys, monkeypatch):
    from fancam import picking

    monkeypatch.setattr(picking, "tell_bystanders", lambda faces, _: ["far smaller"] + [None] * (len(faces) - 1))
    assert run(group_photo, "-o", tmp_path / "out", *BARE) == 0
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    *others, last = document["picks"]
    assert (last["id"], last["rejected"]) == ("group-face01", "bystander")
    assert last["card"] and last["reason"].startswith("a bystander, far smaller; face 1 of")
    assert "the face is that of a bystander" in last["warnings"]
    assert [pick["id"] for pick in others] == ["group-face02", "group-face03"]
    assert "bystander" not in {pick["rejected"] for pick in others}
    assert "group-face01 (bystander)" in capsys.readouterr().out
    assert run(group_photo, "-o", tmp_path / "few", *BARE, "-q", "--no-all-faces") == 0
    document = json.loads((tmp_path / "few" / "manifest.json").read_text())
    assert [pick["id"] for pick in document["picks"]] == [pick["id"] for pick in others]
    assert document["inputs"][0]["faces_left_out"] == 1
    assert "1 bystander was left out" in document["inputs"][0]["warnings"][-1]


def test_json_is_the_manifest_and_nothing_else_on_stdout(single_photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(single_photo, "-o", out, *BARE, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "manifest.json").read_text())


def test_dry_run_says_what_would_be_done_and_writes_nothing(group_photo, tmp_path, capsys):
    assert run(group_photo, "-o", tmp_path / "out", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "photo 750x280" in said and "about " in said
    assert not (tmp_path / "out").exists()


def test_a_dry_run_explains_which_steps_would_run_in_which_order_with_which_settings(group_photo, samples, capsys):
    def steps_of(path, *words):
        assert run(path, *BARE, "--dry-run", "--explain", *words) == 0
        lines = capsys.readouterr().out.splitlines()
        start = lines.index(str(path)) + 1
        return {line.split()[0]: line.strip() for line in lines[start:] if line.startswith("  ")}

    photo = steps_of(group_photo, "--denoise", "off", "--framing", "face")
    assert list(photo) == ["crop", "descreen", "deblock", "denoise", "upscale", "restore", "guard"]
    assert photo["denoise"].split() == ["denoise", "off"] and "face" in photo["crop"]
    video = steps_of(samples / "stage.mp4", "--fuse", "9", "--lift", "auto", "--preset", "auto")
    picking, making = ["scan", "faces", "score", "pick"], ["crop", "fuse", "deblock", "denoise", "upscale"]
    assert list(video) == ["preset", *picking, *making, "restore", "guard", "lift"]
    assert "8 at most" in video["pick"]
    assert "up to 9 frames" in video["fuse"] and "depends on how dark the face is" in video["lift"]
    document = fancam.plan_run([group_photo])
    assert [row["step"] for row in document["inputs"][0]["chain"]][-3:] == ["detail", "restore", "guard"]
    assert run(group_photo, *BARE, "--dry-run") == 0
    assert "descreen" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def low_hung(tmp_path_factory) -> Path:
    """A photo of a head whose hair begins at the frame's top edge."""
    from skimage.data import astronaut

    path = tmp_path_factory.mktemp("photos") / "low.png"
    Image.fromarray(np.asarray(astronaut())[21:]).save(path)
    return path


def test_a_head_at_the_top_edge_of_the_frame_is_a_whole_card_that_a_sheet_takes(low_hung, tmp_path):
    out = tmp_path / "out"
    assert run(low_hung, "-o", out, *BARE, "-q", "--dpi", "150", "--compare", "--provenance") == 0
    document = json.loads((out / "manifest.json").read_text())
    (pick,) = document["picks"]
    assert pick["crop"][1] < 0 <= pick["trim"][1] and 0.5 < pick["bleed_share"] < 1
    assert 0 <= pick["source"][1] < 1 and pick["real"][1] > 0
    assert any("the picture ends at the top" in warning for warning in pick["warnings"])
    card = pictures.open_picture(out / pick["card"]["path"])
    assert (card.width, card.height) == (document["card"]["width_px"], document["card"]["height_px"])
    drawn = card.colour[: int(pick["real"][1])]
    assert drawn.std() > 5 and (drawn.max(axis=2) > 0).all(), "no black and no plain stripe where the frame ends"
    for stage in pick["compare"]["stages"]:
        with Image.open(out / stage["path"]) as kept:
            assert kept.size == (card.width, card.height)
    assert invoke(["sheet", str(out), "--out", str(tmp_path / "sheet.pdf")]) == 0


def test_a_card_beyond_the_frame_that_was_lost_is_made_again_the_same(low_hung, tmp_path):
    out = tmp_path / "out"
    assert run(low_hung, "-o", out, *BARE, "-q") == 0
    before = files_in(out)
    (card,) = (out / "cards").glob("*.png")
    card.unlink()
    assert run(low_hung, "-o", out, *BARE, "-q") == 0
    assert files_in(out) == before


@pytest.mark.parametrize(("suffix", "bits"), [("png", 16), ("tif", 16), ("jpg", 8)])
def test_depth_and_profile_of_a_photo_survive_onto_its_card(single_photo, tmp_path, suffix, bits):
    with Image.open(single_photo) as image:
        deep = np.asarray(image).astype(np.uint16) * 257 + 91
    profile = pictures.adobe_rgb_profile()
    pictures.save_picture(tmp_path / "deep.tif", deep, dpi=300, profile=profile)
    out = tmp_path / "out"
    assert invoke(["run", str(tmp_path / "deep.tif"), "--out", str(out), "--format", suffix, "--compare", *BARE]) == 0
    document = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    card = document["picks"][0]["card"]
    written = pictures.open_picture(out / card["path"])
    assert (written.facts.bits, written.profile) == (bits, profile)
    if bits == 16:
        assert len(np.unique(written.colour & 255)) > 100  # not 8 bits in the clothes of 16
    said = " ".join(document["picks"][0]["warnings"])
    assert ("16 bits" in said) == (bits == 8)


def test_size_dpi_bleed_and_long_edge_reach_the_file(single_photo, tmp_path):
    for number, (options, size, dpi) in enumerate(
        [
            (["--size", "54x86mm", "--bleed", "2mm", "--dpi", "600"], (1370, 2126), 600),
            (["--long-edge", "3000"], (2011, 3000), 3000 / (91 / 25.4)),
        ]
    ):
        out = tmp_path / f"out{number}"
        assert run(single_photo, "-o", out, *BARE, "-q", *options) == 0
        with Image.open(next((out / "cards").iterdir())) as card:
            assert card.size == size
            assert card.info["dpi"][0] == pytest.approx(dpi, abs=0.02)


# --- bad input ------------------------------------------------------------------------------------------------------


def text_named_mp4(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is not a video\n" * 50)
    return folder / "text.mp4"


def empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").write_bytes(b"")
    return folder / "empty.mp4"


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@pytest.mark.parametrize("make", [text_named_mp4, empty_file, missing, empty_folder])
def test_input_that_is_no_media_is_one_clear_line_and_writes_nothing(make, tmp_path, capsys):
    path = make(tmp_path)
    assert run(path, "-o", tmp_path / "out", *FAST) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert path.name in err
    assert "; " in err  # a remedy follows the cause
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--top", "0"], "it must be at least 1"),
        (["--framing", "bsut"], "did you mean 'bust'"),
        (["--preset", "fancma"], "did you mean 'fancam'"),
        (["--upscaler", "x4"], "valid: "),
        (["--detector", "yolo"], "valid: auto, centerface"),
        (["--format", "gif"], "valid: jpg, png, tif"),
        (["--size", "99x"], "kpop"),
        (["--bleed", "20px"], "give it in mm, cm or in"),
        (["--dpi", "0"], "between 36 and 4800"),
        (["--long-edge", "3k"], "whole pixels"),
        (["--device", "tpu"], "cuda"),
        (["--nonsense"], "--nonsense"),
        (["--top", "many"], "integer"),
    ],
)
def test_a_wrong_option_is_exit_2_and_says_what_is_right(group_photo, tmp_path, capsys, options, expected):
    assert run(group_photo, "-o", tmp_path / "out", *options) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_output_folder_with_other_things_is_refused_untouched(group_photo, tmp_path, capsys):
    out = tmp_path / "home"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert run(group_photo, "-o", out, *FAST) == 1
    assert "already holds something else" in capsys.readouterr().err
    assert [p.name for p in out.iterdir()] == ["thesis.tex"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_one_line(group_photo, tmp_path, capsys):
    out = tmp_path / "locked"
    out.mkdir(mode=0o500)
    assert run(group_photo, "-o", out / "cards", *FAST) == 1
    assert "permission" in capsys.readouterr().err


def test_a_verbose_error_shows_where_it_came_from(tmp_path, capsys):
    assert run(tmp_path / "missing.mp4", "-o", tmp_path / "out", "-v") == 1
    assert "Traceback" in capsys.readouterr().err


# --- video ----------------------------------------------------------------------------------------------------------


def test_a_video_without_a_face_is_exit_4_and_a_clear_line(tmp_path, capsys):
    clip = write_clip(tmp_path / "empty.mp4", moving_noise(8))
    assert run(clip, "-o", tmp_path / "out", *FAST, "-q") == 4
    err = capsys.readouterr().err
    assert "empty.mp4" in err
    assert "no face found" in err


def approaching(count: int) -> list[np.ndarray]:
    """A face that comes nearer and gets sharper frame by frame."""
    from skimage.data import astronaut

    head = np.asarray(astronaut())[:480, :480]
    frames = []
    for number in range(count):
        side = 160 + 2 * (160 * number // (2 * count))
        frame = np.full((320, 320, 3), 90, np.uint8)
        smaller = cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)
        frame[320 - side :, :side] = cv2.GaussianBlur(smaller, (0, 0), 2.5 - 2 * number / count)
        frames.append(frame)
    return frames


def test_moments_looked_at_together_are_those_looked_at_one_by_one(tmp_path, monkeypatch):
    from fancam.jobs.context import Context

    clip = write_clip(tmp_path / "near.mp4", approaching(15))
    options = ["--top", "3", "--min-gap", "0.1", "--min-share", "0", "--fuse", "off", *BARE, "-q"]
    assert run(clip, "-o", tmp_path / "one", *options) == 0
    monkeypatch.setattr(Context, "frames_at_once", 5)
    assert run(clip, "-o", tmp_path / "five", *options) == 0
    assert len(files_in(tmp_path / "one")) == 4
    assert files_in(tmp_path / "one") == files_in(tmp_path / "five")


def start_run(arguments: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "fancam", "run", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_card(out: Path, process: subprocess.Popen, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if list(out.glob("cards/*.png")):
            return
        time.sleep(0.02)
    pytest.fail(f"no card appeared: {process.communicate()[1]}")


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_stopped_in_the_middle_goes_on_to_the_same_bytes(samples, tmp_path, how, code):
    arguments = [str(samples / "stage.mp4"), "--top", "6", "--upscaler", "realesr-animevideov3"]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(*arguments, "-o", whole, "-q") == 0
    process = start_run([*arguments, "-o", str(out)])
    wait_for_card(out, process)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    finished = files_in(out)
    assert len(finished) < len(files_in(whole))
    assert not [name for name in finished if name.endswith(".part") and how is signal.SIGINT]
    assert run(*arguments, "-o", out, "-q") == 0
    assert {k: v for k, v in files_in(out).items() if not k.endswith(".part")} == files_in(whole)


@pytest.mark.slow
def test_the_real_network_makes_the_sample_cards_twice_the_same(samples, tmp_path):
    for name in ("a", "b"):
        assert run(samples / "stage.mp4", "-o", tmp_path / name, "--top", "1", "-q") == 0
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")
    document = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert all(p["enhance"]["upscaler"] == "realesrgan-x4plus" and p["enhance"]["invented"] for p in document["picks"])


# --- real media -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_dark_arena_without_a_face_is_exit_4_and_a_clear_line(shared, tmp_path, capsys):
    clip = shared("data/video/dark_arena.mov")
    assert run(clip, "-o", tmp_path / "out", *FAST, "-q") == 4
    err = capsys.readouterr().err
    assert "dark_arena.mov" in err
    assert "no face found" in err


def test_everyone_in_a_group_photo_gets_a_card_a_girl_in_profile_too(shared, tmp_path):
    photo = shared("data/photo/group/obama_and_biden.jpg")
    assert run(photo, "-o", tmp_path / "out", *BARE, "-q") == 0
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [pick["id"][-6:] for pick in document["picks"]] == ["face01", "face02", "face03"]
    assert all(pick["card"] and pick["rejected"] is None for pick in document["picks"])
    assert not any(pick["warnings"] for pick in document["picks"][:2])


def walk(folder: str) -> list[str]:
    from tests.conftest import SHARED

    return sorted(p.relative_to(SHARED).as_posix() for p in (SHARED / folder).rglob("*") if p.is_file())


ODD = [path for folder in ("odd", "orientation", "colour", "asl") for path in walk(f"data/video/{folder}")]


@pytest.mark.slow
@pytest.mark.parametrize("clip", ODD or [pytest.param("none", marks=pytest.mark.skip(reason="real media not here"))])
def test_every_odd_video_gives_cards_or_one_clear_line(shared, tmp_path, capsys, clip):
    out = tmp_path / "out"
    code = run(shared(clip), "-o", out, "--top", 2, *BARE, "-q")
    err = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert code in (0, 1, 3, 4), err
    assert not list(tmp_path.rglob("*.part"))
    if code == 0:
        assert err == []
        assert list(out.glob("cards/*.png"))
    else:
        assert len(err) == 1
        assert Path(clip).name in err[0]


def test_cards_are_compared_and_explained_on_request_and_made_once(group_photo, bare_run, tmp_path, capsys):
    out = bare_run.copied(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (out / "cards").iterdir()}
    assert run(group_photo, "-o", out, *BARE, "--compare", "--explain") == 0
    assert "upscale" in capsys.readouterr().out
    document = json.loads((out / "manifest.json").read_text())
    strips = [f"compare/{pick['id']}.png" for pick in document["picks"]]
    assert document["comparison"] == ["compare.html", *strips]
    assert all((out / path).is_file() for path in document["comparison"])
    assert {path.name: path.read_bytes() for path in (out / "cards").iterdir()} == before
    stamps = {path: path.stat().st_mtime_ns for path in (out / "cards").iterdir()}
    assert run(group_photo, "-o", out, *BARE, "--compare", "-q") == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "cards").iterdir()} == stamps


def test_the_bar_of_the_first_card_moves_with_its_tiles(tmp_path):
    shares = []

    def progress(stage, done, total):
        if stage == "enhance":
            shares.append(done / total)

    settings = fancam.load_settings(
        overrides={
            "enhance": {"upscaler": "realesr-animevideov3", "tile_px": 64},
            "clean": {"denoise": "off", "deblock": "off"},
            "card": {"dpi": 72.0},
        }
    )
    photo = row_of_faces(tmp_path / "small.png", 0.6, 0.5, 0.6)
    fancam.run(photo, tmp_path / "out", settings, progress=progress)
    assert shares == sorted(shares)
    assert any(0 < share < 1 / 3 for share in shares), "parts of the first of three cards"
    assert shares[-1] == 1


def test_what_is_said_of_a_video_is_said_once(tmp_path, capsys):
    raw = write_clip(tmp_path / "raw.h264", moving_noise(12))
    invoke(["run", str(raw), "--out", str(tmp_path / "out"), "--json", *BARE])
    (row,) = json.loads(capsys.readouterr().out)["inputs"]
    assert len(row["warnings"]) == len(set(row["warnings"])) == 1 and "no times" in row["warnings"][0]
