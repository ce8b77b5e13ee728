from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fancam
from fancam import pictures
from fancam.cli import invoke
from fancam.errors import DeviceError, FancamError
from fancam.jobs.photos import PhotoMaker
from fancam.settings import EnhanceSettings, Settings

UNCLEANED = ["--denoise", "off", "--deblock", "off"]
FAST = ["--upscaler", "realesr-animevideov3", *UNCLEANED]
PLAIN = ["--upscaler", "lanczos", *UNCLEANED, "--guard", "off"]


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A public-domain face, small enough for a network on a CPU."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[0:220, 120:320])


def save(path: Path, pixels: np.ndarray, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **more)
    return path


def enhanced(out: Path, *words) -> tuple[int, dict]:
    code = invoke(["enhance", *map(str, words), "--out", str(out), "-q"])
    manifest = out / "manifest.json"
    return code, json.loads(manifest.read_text()) if manifest.is_file() else {}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def results(out: Path) -> dict[str, str]:
    return {path.name: digest(path) for path in out.iterdir() if path.is_file() and path.name != "manifest.json"}


# --- what comes out -----------------------------------------------------------------------------------------------


def test_a_picture_comes_out_twice_as_large_with_its_resolution_and_the_input_untouched(tmp_path, portrait):
    path = save(tmp_path / "in" / "me.png", portrait, dpi=(300, 300))
    before = digest(path)
    code, document = enhanced(tmp_path / "out", path, *FAST)
    assert code == 0
    (row,) = document["pictures"]
    with Image.open(tmp_path / "out" / row["path"]) as image:
        assert image.size == (400, 440)
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.01)
    assert digest(path) == before
    assert row["enhance"]["upscaler"] == "realesr-animevideov3"
    assert row["enhance"]["invented"] is True
    assert row["effective_ppi"] == 150.0
    assert document["verb"] == "enhance"
    assert document["inputs"][0]["sha256"] == before
    assert document["inputs"][0]["faces_found"] == 1


def test_sixteen_bits_stay_sixteen_bits(tmp_path, portrait):
    deep = pictures.read_picture(save(tmp_path / "eight.png", portrait)).pixels.astype(np.uint16) * 257
    pictures.save_picture(tmp_path / "deep.tif", deep, dpi=600, metadata=pictures.PictureMetadata())
    code, document = enhanced(tmp_path / "out", tmp_path / "deep.tif", *FAST)
    assert code == 0
    still = pictures.open_picture(tmp_path / "out" / document["pictures"][0]["path"]).load()
    assert still.colour.dtype == np.uint16
    assert len(np.unique(still.colour)) > 256


def test_transparency_and_grey_stay(tmp_path, portrait):
    alpha = np.zeros(portrait.shape[:2], np.uint8)
    alpha[40:180, 40:160] = 255
    save(tmp_path / "in" / "cut.png", np.dstack([portrait, alpha]))
    save(tmp_path / "in" / "grey.png", portrait[..., 1].copy())
    code, _ = enhanced(tmp_path / "out", tmp_path / "in", *FAST)
    assert code == 0
    with Image.open(tmp_path / "out" / "cut.png") as image:
        assert image.mode == "RGBA"
        made = np.asarray(image)[..., 3]
        assert made[220, 200] == 255
        assert made[10, 10] == 0
    with Image.open(tmp_path / "out" / "grey.png") as image:
        assert image.mode == "L"


def test_the_long_edge_is_met_to_the_pixel_and_paper_is_filled_at_its_resolution(tmp_path, portrait):
    path = save(tmp_path / "me.jpg", portrait)
    _, document = enhanced(tmp_path / "long", path, "--long-edge", "1000", *PLAIN)
    assert (document["pictures"][0]["width_px"], document["pictures"][0]["height_px"]) == (909, 1000)
    _, document = enhanced(tmp_path / "paper", path, "--size", "55x85mm", "--dpi", "300", *PLAIN)
    row = document["pictures"][0]
    assert (row["width_px"], row["height_px"], row["dpi"]) == (650, 1004, 300)
    assert row["cut_share"] == pytest.approx(1 - (220 * 650 / 1004) / 200, abs=1e-4)
    assert any("cut off to fill the paper" in text for text in row["warnings"])
    with Image.open(tmp_path / "paper" / row["path"]) as image:
        assert image.size == (650, 1004)


def test_any_format_out(tmp_path, portrait):
    path = save(tmp_path / "me.bmp", portrait)
    for ending in ("png", "jpg", "tif", "webp", "avif"):
        code, document = enhanced(tmp_path / ending, path, "--format", ending, *PLAIN)
        assert code == 0, ending
        assert document["pictures"][0]["path"] == f"me.{ending}"
        assert pictures.read_picture(tmp_path / ending / f"me.{ending}").pixels.shape == (440, 400, 3)


def test_a_glob_that_the_shell_left_alone_is_expanded(tmp_path, portrait):
    for name in ("a.png", "b.png", "c.jpg"):
        save(tmp_path / "in" / name, portrait)
    code, document = enhanced(tmp_path / "out", tmp_path / "in" / "*.png", *PLAIN)
    assert code == 0
    assert [row["path"] for row in document["pictures"]] == ["a.png", "b.png"]


def test_the_same_input_gives_the_same_bytes(tmp_path, portrait):
    path = save(tmp_path / "me.jpg", portrait)
    for name in ("one", "two"):
        code, _ = enhanced(tmp_path / name, path, "--upscaler", "realesr-animevideov3")
        assert code == 0
    assert results(tmp_path / "one") == results(tmp_path / "two")


def test_colour_does_not_drift(tmp_path, portrait):
    path = save(tmp_path / "me.png", portrait)
    _, document = enhanced(tmp_path / "out", path, "--scale", "4", "--detail", "1", *FAST)
    assert document["pictures"][0]["enhance"]["delta_e"] < 1


# --- what is said -------------------------------------------------------------------------------------------------


def test_explain_says_which_chain_ran_and_why(tmp_path, portrait, capsys):
    path = save(tmp_path / "me.png", portrait)
    assert invoke(["enhance", str(path), "--out", str(tmp_path / "out"), "--explain", *FAST]) == 0
    shown = capsys.readouterr().out
    for word in ("upscale", "realesr-animevideov3", "x2.00", "detail", "restore", "guard"):
        assert word in shown


def test_without_weights_of_a_prior_it_is_said_once_with_the_command_that_gets_them(tmp_path, portrait, capsys):
    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name, portrait)
    assert invoke(["enhance", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "-q", *PLAIN]) == 0
    assert capsys.readouterr().err.count("fancam models pull restoreformer") == 1


def test_a_prior_asked_for_by_name_and_not_here_is_exit_5_with_where_to_get_it(tmp_path, portrait, capsys):
    path = save(tmp_path / "me.png", portrait)
    assert invoke(["enhance", str(path), "--out", str(tmp_path / "out"), "--restore", "gfpgan"]) == 5
    error = capsys.readouterr().err
    for word in ("GFPGANv1.4.pth", "348,632,874", "e2cd4703ab14f4d0", "fancam models pull gfpgan-1.4"):
        assert word in error
    assert not (tmp_path / "out").exists()


def test_small_faces_and_large_scales_are_warned_about(tmp_path, portrait):
    small = np.asarray(Image.fromarray(portrait).resize((90, 99), Image.Resampling.BOX))
    path = save(tmp_path / "me.png", small)
    _, document = enhanced(tmp_path / "out", path, "--scale", "8", *PLAIN)
    said = " ".join(document["pictures"][0]["warnings"])
    assert "64" in said
    assert "8" in said


def test_the_comparison_page_stands_alone(tmp_path, portrait):
    path = save(tmp_path / "me.png", portrait)
    code, document = enhanced(tmp_path / "out", path, "--compare", *FAST)
    assert code == 0
    assert document["comparison"] == ["compare.html", "compare/me.png"]
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert "me.png" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    with Image.open(tmp_path / "out" / "compare" / "me.png") as strip:
        assert strip.width > 200


def test_a_dry_run_writes_nothing(tmp_path, portrait, capsys):
    path = save(tmp_path / "me.png", portrait)
    assert invoke(["enhance", str(path), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "200x220 to 400x440" in said and "about " in said
    assert not (tmp_path / "out").exists()


def test_the_time_is_estimated_where_weights_are_at_hand_and_a_network_runs(tmp_path, portrait):
    path = save(tmp_path / "me.png", portrait)
    assert "estimated_s" not in fancam.plan_enhance([path])
    for upscaler, takes_time in (("lanczos", False), ("realesr-animevideov3", True)):
        settings = Settings(enhance=EnhanceSettings(upscaler=upscaler))
        assert (fancam.plan_enhance([path], settings, store=fancam.ModelStore())["estimated_s"] > 0) is takes_time


# --- what goes wrong ----------------------------------------------------------------------------------------------


def png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_one_bad_picture_among_good_ones_is_listed_and_harms_no_other(tmp_path, portrait, capsys):
    folder = tmp_path / "in"
    save(folder / "a.png", portrait)
    save(folder / "e.jpg", portrait)
    whole = (folder / "a.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    (folder / "c.png").write_bytes(png_bomb())
    (folder / "d.png").write_bytes(whole[:100] + bytes(len(whole) - 100))
    code, document = enhanced(tmp_path / "out", folder, *PLAIN)
    assert code == 3
    assert [row["path"] for row in document["pictures"]] == ["a.png", "e.jpg"]
    failed = {Path(row["item"]).name: row["error"] for row in document["failures"]}
    assert set(failed) == {"b.png", "c.png", "d.png"}
    assert "cut off" in failed["b.png"]
    assert "268 megapixels" in failed["c.png"]
    error = capsys.readouterr().err
    assert all(name in error for name in failed)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [".fancam", "a.png", "e.jpg", "manifest.json"]


def test_the_only_picture_being_bad_is_its_own_error(tmp_path, capsys):
    (tmp_path / "no.png").write_bytes(png_bomb())
    assert invoke(["enhance", str(tmp_path / "no.png"), "--out", str(tmp_path / "out"), *PLAIN]) == 1
    assert "268 megapixels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_result_beyond_the_limit_is_refused_before_it_is_made(tmp_path, capsys):
    path = save(tmp_path / "wide.png", np.zeros((4, 20000, 3), np.uint8))
    assert invoke(["enhance", str(path), "--long-edge", "100000", "--out", str(tmp_path / "a"), "-q", *PLAIN]) == 0
    path = save(tmp_path / "large.png", np.zeros((2100, 2100, 3), np.uint8))
    assert invoke(["enhance", str(path), "--scale", "16", "--out", str(tmp_path / "b"), *PLAIN]) == 1
    assert "1074 megapixels" in capsys.readouterr().err


def test_an_input_is_never_replaced(tmp_path, portrait, capsys):
    out = tmp_path / "out"
    enhanced(out, save(tmp_path / "me.png", portrait), *PLAIN)
    before = digest(out / "me.png")
    assert invoke(["enhance", str(out / "me.png"), "--out", str(out), *PLAIN]) == 0
    assert (out / "me-2.png").is_file()
    assert digest(out / "me.png") == before
    mine = save(out / "mine.png", portrait)
    assert invoke(["enhance", str(mine), "--out", str(out), *PLAIN]) == 2
    assert "would replace an input" in capsys.readouterr().err
    assert np.array_equal(np.asarray(Image.open(mine)), portrait)


def test_what_is_finished_is_not_done_again_and_what_was_lost_is(tmp_path, portrait):
    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name, portrait)
    out = tmp_path / "out"
    enhanced(out, tmp_path / "in", *PLAIN)
    first = results(out)
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    (out / "b.png").unlink()
    enhanced(out, tmp_path / "in", *PLAIN)
    assert results(out) == first
    assert (out / "a.png").stat().st_mtime_ns == stamps["a.png"]


def test_a_full_disk_stops_the_job_with_one_line_and_nothing_half_written(tmp_path, portrait, monkeypatch, capsys):
    from fancam import files

    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name, portrait)
    real = os.replace

    def full(source, target):
        if Path(target).suffix == ".png":
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    assert invoke(["enhance", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *PLAIN]) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.p*"))


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_bytes(tmp_path, portrait):
    for number in range(6):
        save(tmp_path / "in" / f"{number}.png", np.roll(portrait, 7 * number, axis=1))
    words = ["enhance", str(tmp_path / "in"), *FAST, "--scale", "4"]
    assert invoke([*words, "--out", str(tmp_path / "whole"), "-q"]) == 0
    out = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-m", "fancam", *words, "--out", str(out), "-q"])
    deadline = time.monotonic() + 240
    while not list(out.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(list(out.glob("*.png"))) < 6
    for path in out.glob("[0-9].png"):
        assert digest(path) == digest(tmp_path / "whole" / path.name)
    assert invoke([*words, "--out", str(out), "-q"]) == 0
    assert results(out) == results(tmp_path / "whole")


# --- several devices ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one(tmp_path, portrait):
    for number in range(4):
        save(tmp_path / "in" / f"{number}.png", np.roll(portrait, 9 * number, axis=1))
    code, one = enhanced(tmp_path / "one", tmp_path / "in", *FAST, "--device", "cpu")
    assert code == 0
    code, two = enhanced(tmp_path / "two", tmp_path / "in", *FAST, "--device", "cpu,cpu")
    assert code == 0
    assert results(tmp_path / "one") == results(tmp_path / "two")
    assert [row["sha256"] for row in one["pictures"]] == [row["sha256"] for row in two["pictures"]]


def workers_on(folder: Path, out: Path, devices=("cpu", "cpu"), maker=PhotoMaker):
    from fancam.jobs.context import Context
    from fancam.jobs.sources import find_pictures, required
    from fancam.jobs.workers import Workers
    from fancam.jobs.workspace import Workspace
    from fancam.nn import ModelStore
    from fancam.settings import load_settings

    settings = load_settings(overrides={"enhance": {"upscaler": "realesr-animevideov3"}})
    context = Context(settings, ModelStore())
    workspace = Workspace(out)
    sources = workspace.sources(required(find_pictures([folder])), "enhance")
    return sources, Workers(context, workspace, devices, lambda source, row: None, maker)


def kill_one_worker() -> None:
    next(process for process in multiprocessing.active_children() if process.name == "fancam cpu").kill()


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing(tmp_path, portrait):
    for number in range(8):
        save(tmp_path / "in" / f"{number}.png", np.roll(portrait, 9 * number, axis=1))
    sources, workers = workers_on(tmp_path / "in", tmp_path / "out")
    got = {}
    for source, outcome in workers(sources):
        if not got:
            kill_one_worker()
        assert source not in got
        got[source] = outcome
    assert set(got) == set(sources)
    assert all(not isinstance(outcome, FancamError) for outcome in got.values())
    assert len(list((tmp_path / "out").glob("*.png"))) == 8


class DiesOverPoison:
    """Takes three pictures ahead, as reading does, and dies once it works on the poison."""

    def __init__(self, context, workspace) -> None: ...

    def __call__(self, sources) -> Iterator:
        held = deque(itertools.islice(sources, 3))
        while held:
            source = held.popleft()
            if source.stem == "2":
                os.kill(os.getpid(), signal.SIGKILL)
            yield source, "made"
            held.extend(itertools.islice(sources, 1))


@pytest.mark.slow
def test_a_picture_that_kills_every_process_fails_alone(tmp_path):
    for number in range(5):
        save(tmp_path / "in" / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
    sources, workers = workers_on(tmp_path / "in", tmp_path / "out", ["cpu"], DiesOverPoison)
    got = dict(workers(sources))
    assert set(got) == set(sources)
    assert [source.stem for source, outcome in got.items() if isinstance(outcome, DeviceError)] == ["2"]
    assert "died twice over it (exit code -9)" in got[sources[2]].line()


@pytest.mark.slow
def test_a_device_that_is_not_there_is_said_before_the_work(tmp_path, portrait, capsys):
    path = save(tmp_path / "me.png", portrait)
    words = ["enhance", str(path), "--out", str(tmp_path / "out"), "--device", "cuda:7,cuda:8", *FAST]
    assert invoke(words) == 1
    assert "cuda" in capsys.readouterr().err
