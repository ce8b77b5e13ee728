from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fancam.cli import invoke

FAST = ["--upscaler", "lanczos"]


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    from skimage.data import astronaut

    return np.asarray(astronaut())


@pytest.fixture
def group_photo(tmp_path, portrait) -> Path:
    """Three faces in a row, each of another size."""
    wide = np.full((560, 1500, 3), 90, np.uint8)
    for number, scale in enumerate((1.0, 0.8, 0.9)):
        side = round(480 * scale)
        head = cv2.resize(portrait[:480, :480], (side, side), interpolation=cv2.INTER_AREA)
        wide[540 - side : 540, 10 + 500 * number : 10 + 500 * number + side] = head
    path = tmp_path / "group.png"
    Image.fromarray(wide).save(path)
    return path


def run(*arguments: object) -> int:
    return invoke(["run", *map(str, arguments)])


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".fancam" not in path.parts and path.name != "manifest.json"
    }


# --- photos ---------------------------------------------------------------------------------------------------------


def test_a_group_photo_becomes_one_card_per_face_from_left_to_right(group_photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(group_photo, "--out", out, *FAST) == 0
    document = json.loads((out / "manifest.json").read_text())
    assert [pick["id"] for pick in document["picks"]] == ["group-face01", "group-face02", "group-face03"]
    lefts = [pick["face"]["box"][0] for pick in document["picks"]]
    assert lefts == sorted(lefts)
    for pick in document["picks"]:
        with Image.open(out / pick["card"]["path"]) as card:
            assert card.size == (720, 1075)
            assert card.info["dpi"] == pytest.approx((300, 300), abs=0.01)
            assert card.info["icc_profile"]
    assert (out / "contact.jpg").is_file()
    printed = capsys.readouterr()
    assert "3 cards of 55×85 mm + 3 mm bleed" in printed.out


def test_the_same_input_gives_the_same_bytes_in_another_folder(group_photo, tmp_path):
    assert run(group_photo, "-o", tmp_path / "a", *FAST, "-q") == 0
    assert run(group_photo, "-o", tmp_path / "b", *FAST, "-q") == 0
    first, second = files_in(tmp_path / "a"), files_in(tmp_path / "b")
    assert len(first) == 4
    assert first == second


def test_a_second_run_does_nothing_again(group_photo, tmp_path, monkeypatch):
    from fancam import faces
    from fancam.pipeline import context

    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *FAST, "-q") == 0
    before = {p: p.stat().st_mtime_ns for p in (out / "cards").iterdir()}
    monkeypatch.setattr(faces, "create_detector", lambda *a, **k: pytest.fail("looked for faces again"))
    monkeypatch.setattr(context, "Enhancer", lambda *a, **k: pytest.fail("rendered again"))
    assert run(group_photo, "-o", out, *FAST, "-q") == 0
    assert {p: p.stat().st_mtime_ns for p in (out / "cards").iterdir()} == before


def test_a_card_that_was_deleted_or_damaged_is_made_again(group_photo, tmp_path):
    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *FAST, "-q") == 0
    whole = files_in(out)
    (out / "cards" / "group-face01.png").unlink()
    (out / "cards" / "group-face02.png").write_bytes(b"half")
    assert run(group_photo, "-o", out, *FAST, "-q") == 0
    assert files_in(out) == whole


def test_other_settings_replace_the_cards_of_the_same_folder(group_photo, tmp_path):
    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *FAST, "-q") == 0
    assert run(group_photo, "-o", out, *FAST, "-q", "--format", "jpg") == 0
    assert sorted(p.name for p in (out / "cards").iterdir()) == [f"group-face0{n}.jpg" for n in (1, 2, 3)]


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(group_photo, tmp_path, monkeypatch, capsys):
    from fancam.enhance import Enhancer

    assert run(group_photo, "-o", tmp_path / "whole", *FAST, "-q") == 0
    real = Enhancer._finish
    calls = []

    def interrupted(self, group):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, group)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Enhancer, "_finish", interrupted)
        assert run(group_photo, "-o", out, *FAST, "-q") == 130
    assert "run the same command to go on" in capsys.readouterr().err
    assert [p.name for p in (out / "cards").iterdir()] == ["group-face01.png"]
    assert run(group_photo, "-o", out, *FAST, "-q") == 0
    assert files_in(out) == files_in(tmp_path / "whole")


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
    assert run(group_photo, "-o", out, *FAST, "-q") == 1
    assert calls
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "the disk is full" in err
    written = {p.name for p in (out / "cards").iterdir()}  # the third may have been at work already
    assert written - {"group-face03.png"} == {"group-face01.png"}


def test_a_failing_card_is_listed_and_the_others_are_made(group_photo, tmp_path, monkeypatch, capsys):
    from fancam.enhance import Enhancer
    from fancam.errors import DeviceError

    real = Enhancer._finish
    calls = []

    def failing(self, group):
        calls.append(1)
        if len(calls) == 2:
            raise DeviceError("not enough memory", item="cpu", remedy="close other programs")
        return real(self, group)

    monkeypatch.setattr(Enhancer, "_finish", failing)
    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *FAST) == 3
    document = json.loads((out / "manifest.json").read_text())
    assert [bool(pick["card"]) for pick in document["picks"]] == [True, False, True]
    assert [failure["stage"] for failure in document["failures"]] == ["enhance"]
    assert "not enough memory" in capsys.readouterr().err


def test_a_broken_file_in_a_folder_does_not_harm_the_others(group_photo, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.png").write_bytes(group_photo.read_bytes())
    (folder / "broken.png").write_bytes(group_photo.read_bytes()[:3000])
    (folder / "notes.txt").write_text("not media")
    out = tmp_path / "out"
    assert run(folder, "-o", out, *FAST, "-q") == 3
    document = json.loads((out / "manifest.json").read_text())
    assert len(document["picks"]) == 3
    assert [Path(failure["item"]).name for failure in document["failures"]] == ["broken.png"]
    assert "broken.png" in capsys.readouterr().err


def test_a_photo_without_a_face_is_exit_4_and_one_line(tmp_path, capsys):
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (300, 400, 3), np.uint8)).save(tmp_path / "noise.png")
    assert run(tmp_path / "noise.png", "-o", tmp_path / "out", *FAST, "-q") == 4
    assert "no face found" in capsys.readouterr().err


def test_a_photo_of_bystanders_only_is_exit_4_and_says_how_to_get_their_cards(
    group_photo, tmp_path, monkeypatch, capsys
):
    from fancam import picking

    real = picking.score_face

    def in_shadow(*arguments):
        return dataclasses.replace(real(*arguments), value=0.0, rejected="turned_into_shadow")

    monkeypatch.setattr(picking, "score_face", in_shadow)
    assert run(group_photo, "-o", tmp_path / "out", *FAST, "-q") == 4
    errors = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(errors) == 1
    assert "every face in it is turned away and in shadow; --all-faces" in errors[0]
    assert run(group_photo, "-o", tmp_path / "out", *FAST, "-q", "--all-faces") == 0


def test_json_is_the_manifest_and_nothing_else_on_stdout(group_photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *FAST, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "manifest.json").read_text())


def test_dry_run_says_what_would_be_done_and_writes_nothing(group_photo, tmp_path, capsys):
    assert run(group_photo, "-o", tmp_path / "out", "--dry-run") == 0
    assert "photo 1500x560" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_size_dpi_bleed_and_long_edge_reach_the_file(group_photo, tmp_path):
    for number, (options, size, dpi) in enumerate(
        [
            (["--size", "54x86mm", "--bleed", "2mm", "--dpi", "600"], (1370, 2126), 600),
            (["--long-edge", "3000"], (2011, 3000), 3000 / (91 / 25.4)),
        ]
    ):
        out = tmp_path / f"out{number}"
        assert run(group_photo, "-o", out, *FAST, "-q", *options) == 0
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


def test_the_main_job_on_the_sample_finds_the_sharp_moments(samples, tmp_path):
    """The network is left out: what is picked does not depend on it."""
    out = tmp_path / "out"
    truth = json.loads((samples / "stage.json").read_text())["sharp_moments"]
    assert run(samples / "stage.mp4", "-o", out, "--top", len(truth), *FAST, "-q") == 0
    document = json.loads((out / "manifest.json").read_text())
    found = [
        next((n for n, m in enumerate(truth) if m["start_s"] - 0.02 <= p["time_s"] <= m["end_s"] + 0.02), None)
        for p in document["picks"]
    ]
    assert None not in found, [p["time_s"] for p in document["picks"]]
    assert sorted(found) == list(range(len(truth)))
    row = document["inputs"][0]
    assert row["frames_scanned"] >= 250
    assert row["rotation_deg"] == 0
    for pick in document["picks"]:
        with Image.open(out / pick["card"]["path"]) as card:
            assert card.size == (720, 1075)


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
    arguments = [str(samples / "stage.mp4"), "--top", "3", "--upscaler", "realesr-animevideov3"]
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


def test_a_dark_arena_without_a_face_is_exit_4_and_a_clear_line(shared, tmp_path, capsys):
    clip = shared("data/video/dark_arena.mov")
    assert run(clip, "-o", tmp_path / "out", *FAST, "-q") == 4
    err = capsys.readouterr().err
    assert "dark_arena.mov" in err
    assert "no face found" in err


def test_two_presidents_become_two_cards(shared, tmp_path):
    photo = shared("data/photo/group/obama_and_biden.jpg")
    assert run(photo, "-o", tmp_path / "out", *FAST, "-q") == 0
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(document["picks"]) == 2
    assert all(pick["card"] and not pick["warnings"] for pick in document["picks"])
    assert "1 face was left out" in document["inputs"][0]["warnings"][0]  # a girl walks by, looking down, in shadow


def test_a_bystander_gets_a_card_when_asked_for(shared, tmp_path):
    photo = shared("data/photo/group/obama_and_biden.jpg")
    assert run(photo, "-o", tmp_path / "out", *FAST, "-q", "--all-faces") == 0
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [pick["rejected"] for pick in document["picks"]] == [None, None, "turned_into_shadow"]
    assert all(pick["card"] for pick in document["picks"])


def walk(folder: str) -> list[str]:
    from tests.conftest import SHARED

    return sorted(p.relative_to(SHARED).as_posix() for p in (SHARED / folder).rglob("*") if p.is_file())


ODD = [path for folder in ("odd", "orientation", "colour", "asl") for path in walk(f"data/video/{folder}")]


@pytest.mark.slow
@pytest.mark.parametrize("clip", ODD or [pytest.param("none", marks=pytest.mark.skip(reason="real media not here"))])
def test_every_odd_video_gives_cards_or_one_clear_line(shared, tmp_path, capsys, clip):
    out = tmp_path / "out"
    code = run(shared(clip), "-o", out, "--top", 2, *FAST, "-q")
    err = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert code in (0, 1, 3, 4), err
    assert not list(tmp_path.rglob("*.part"))
    if code == 0:
        assert err == []
        assert list(out.glob("cards/*.png"))
    else:
        assert len(err) == 1
        assert Path(clip).name in err[0]


def test_moments_looked_at_together_are_those_looked_at_one_by_one(samples, tmp_path, monkeypatch):
    from fancam.pipeline.context import Context

    assert run(samples / "stage.mp4", "-o", tmp_path / "one", "--top", "2", "--upscaler", "lanczos", "-q") == 0
    monkeypatch.setattr(Context, "frames_at_once", 5)
    assert run(samples / "stage.mp4", "-o", tmp_path / "five", "--top", "2", "--upscaler", "lanczos", "-q") == 0
    assert files_in(tmp_path / "one") == files_in(tmp_path / "five")


def test_cards_are_compared_and_explained_on_request_and_made_once(group_photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(group_photo, "-o", out, *FAST) == 0
    before = {path.name: path.read_bytes() for path in (out / "cards").iterdir()}
    capsys.readouterr()
    assert run(group_photo, "-o", out, *FAST, "--compare", "--explain") == 0
    assert "upscale" in capsys.readouterr().out
    document = json.loads((out / "manifest.json").read_text())
    strips = [f"compare/{pick['id']}.png" for pick in document["picks"]]
    assert document["comparison"] == ["compare.html", *strips]
    assert all((out / path).is_file() for path in document["comparison"])
    assert {path.name: path.read_bytes() for path in (out / "cards").iterdir()} == before
    stamps = {path: path.stat().st_mtime_ns for path in (out / "cards").iterdir()}
    assert run(group_photo, "-o", out, *FAST, "--compare", "-q") == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "cards").iterdir()} == stamps


def test_the_bar_of_the_first_card_moves_with_its_tiles(group_photo, tmp_path):
    from fancam import pipeline
    from fancam.models import ModelStore
    from fancam.settings import load_settings

    shares = []

    def progress(stage, done, total):
        if stage == "enhance":
            shares.append(done / total)

    settings = load_settings(overrides={"enhance": {"upscaler": "realesr-animevideov3", "tile_px": 64}})
    pipeline.run([group_photo], tmp_path / "out", settings, ModelStore(), progress=progress)
    assert shares == sorted(shares)
    assert any(0 < share < 1 / 3 for share in shares), "parts of the first of three cards"
    assert shares[-1] == 1
