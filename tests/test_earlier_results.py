"""Several calls and several verbs fill one folder; broken, oddly named and missing inputs among sound ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from fancam.cli import invoke
from tests.clips import write_clip

PLAIN = ["--upscaler", "lanczos", "--denoise", "off", "--deblock", "off", "--guard", "off", "-q"]
ENHANCE = [*PLAIN, "--restore", "none", "--scale", "2"]
RUN = [*PLAIN, "--fuse", "off", "--dpi", "72"]
CARD = ["--dpi", "72", "--fit", "cover", "--force", "-q"]
FACE = np.ascontiguousarray(np.asarray(astronaut())[:260, 80:340])


def photo(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.maximum(FACE, shade).astype(np.uint8)).save(path)
    return path


def fancam(*arguments: object) -> int:
    return invoke([str(argument) for argument in arguments])


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix in (".png", ".jpg") and path.name != "contact.jpg"}


@pytest.fixture(scope="module")
def black_clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "black.mp4", [np.zeros((240, 320, 3), np.uint8)] * 12)


def test_pictures_of_other_inputs_stay_and_the_manifest_names_them(tmp_path):
    out = tmp_path / "o"
    first, second = photo(tmp_path / "a.png"), photo(tmp_path / "b.png", 40)
    assert fancam("enhance", first, "--out", out, *ENHANCE) == 0
    before = (out / "a.png").read_bytes()
    assert fancam("enhance", second, "--out", out, *ENHANCE) == 0
    assert names(out) == {"a.png", "b.png"}
    assert (out / "a.png").read_bytes() == before
    assert manifest(out)["earlier"] == ["a.png"]
    assert manifest(out)["warnings"] == []


def test_the_same_input_with_other_settings_is_replaced_and_that_is_said(tmp_path, capsys):
    out, picture = tmp_path / "o", photo(tmp_path / "a.png")
    assert fancam("enhance", picture, "--out", out, *ENHANCE) == 0
    assert fancam("enhance", picture, "--out", out, *ENHANCE, "--format", "jpg") == 0
    assert names(out) == {"a.jpg"}
    assert "a.png: replaced or removed; made earlier of the same input" in capsys.readouterr().err
    assert fancam("enhance", picture, "--out", out, *ENHANCE, "--format", "jpg", "--quality", "50") == 0
    assert "a.jpg: replaced" in capsys.readouterr().err


def test_two_inputs_of_one_name_in_two_calls_are_two_results(tmp_path):
    out = tmp_path / "o"
    assert fancam("enhance", photo(tmp_path / "x" / "a.png"), "--out", out, *ENHANCE) == 0
    assert fancam("enhance", photo(tmp_path / "y" / "a.png", 60), "--out", out, *ENHANCE) == 0
    assert names(out) == {"a.png", "a-2.png"}


def test_an_input_that_fails_the_second_time_keeps_its_result(tmp_path):
    out = tmp_path / "o"
    photo(tmp_path / "in" / "a.png"), photo(tmp_path / "in" / "b.png", 40)
    assert fancam("enhance", tmp_path / "in", "--out", out, *ENHANCE) == 0
    (tmp_path / "in" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    assert fancam("enhance", tmp_path / "in", "--out", out, *ENHANCE) == 3
    assert names(out) == {"a.png", "b.png"}


def test_a_run_that_makes_nothing_leaves_the_cards_and_the_contact_sheet(tmp_path, black_clip):
    out = tmp_path / "p"
    assert fancam("run", photo(tmp_path / "a.png"), "--out", out, *RUN) == 0
    contact = (out / "contact.jpg").read_bytes()
    assert fancam("run", black_clip, "--out", out, *RUN) == 4
    assert names(out / "cards") == {"a-face01.png"}
    assert (out / "contact.jpg").read_bytes() == contact
    assert manifest(out)["earlier"] == ["cards/a-face01.png"]


def test_the_contact_sheet_shows_every_card_that_is_there_and_no_other(tmp_path):
    out = tmp_path / "p"
    assert fancam("run", photo(tmp_path / "a.png"), "--out", out, *RUN) == 0
    one = Image.open(out / "contact.jpg").size
    assert fancam("run", photo(tmp_path / "b.png", 40), "--out", out, *RUN) == 0
    two = Image.open(out / "contact.jpg").size
    assert two[0] * two[1] > one[0] * one[1]
    (out / "cards" / "a-face01.png").unlink()
    assert fancam("run", tmp_path / "b.png", "--out", out, *RUN) == 0
    assert Image.open(out / "contact.jpg").size == one


def test_cards_of_several_calls_are_laid_on_one_sheet(tmp_path):
    out = tmp_path / "c"
    for name, shade in (("a", 0), ("b", 40)):
        picture = photo(tmp_path / f"{name}.png", shade)
        assert fancam("card", picture, "--out", out, *CARD, "--back", "white") == 0
    assert names(out) == {"a.png", "a-back.png", "b.png", "b-back.png"}
    assert fancam("sheet", out, "-o", tmp_path / "s.pdf", "-q", "--force") == 0


def test_the_results_of_another_verb_stay(tmp_path):
    out, picture = tmp_path / "o", photo(tmp_path / "a.png")
    assert fancam("enhance", picture, "--out", out, *ENHANCE) == 0
    before = (out / "a.png").read_bytes()
    assert fancam("card", picture, "--out", out, *CARD) == 0
    assert (out / "a.png").read_bytes() == before
    assert names(out) == {"a.png", "a-2.png"}


# --- inputs that cannot be used -----------------------------------------------------------------------------------


@pytest.fixture
def broken_folder(tmp_path) -> Path:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "garbage.mov").write_bytes(b"no film" * 40)
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_text("<html><body>not found</body></html>")
    (folder / "notes.txt").write_text("passed over")
    return folder


def test_broken_files_of_a_folder_are_failures_and_the_others_are_made(tmp_path, broken_folder, capsys):
    photo(broken_folder / "sound.png")
    assert fancam("run", broken_folder, "--out", tmp_path / "p", *RUN) == 3
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    for name in ("empty.mp4", "garbage.mov", "empty.jpg", "page.jpg"):
        assert sum(name in line for line in lines) == 1, name
    assert not any("notes.txt" in line for line in lines)
    assert names(tmp_path / "p" / "cards") == {"sound-face01.png"}
    assert len(manifest(tmp_path / "p")["failures"]) == 4


@pytest.mark.parametrize(("verb", "options"), [("enhance", ENHANCE), ("card", CARD)])
def test_broken_pictures_of_a_folder_are_failures_of_every_verb(tmp_path, broken_folder, verb, options):
    photo(broken_folder / "sound.png")
    assert fancam(verb, broken_folder, "--out", tmp_path / "p", *options) == 3
    failed = {Path(row["item"]).name for row in manifest(tmp_path / "p")["failures"]}
    assert failed == {"empty.jpg", "page.jpg"}


def test_a_folder_of_broken_files_only_says_so_of_each(tmp_path, broken_folder, capsys):
    assert fancam("run", broken_folder, "--out", tmp_path / "p", *RUN) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 + sum("warning" in line for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_what_does_not_exist_harms_no_other_input(tmp_path, capsys):
    missing, longest = tmp_path / "missing.png", tmp_path / ("x" * 300)
    assert fancam("enhance", missing, longest, photo(tmp_path / "a.png"), "--out", tmp_path / "o", *ENHANCE) == 3
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(lines) == 2
    assert "missing.png: no such file" in lines[0]
    assert "File name too long" in lines[1]
    assert names(tmp_path / "o") == {"a.png"}


def test_a_name_that_is_no_utf8_becomes_a_card_and_is_escaped_in_the_manifest(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    photo(tmp_path / "plain.png").rename(folder / os.fsdecode(b"caf\xe9.png"))
    photo(folder / "plain.png", 40)
    for verb, options in (("run", RUN), ("enhance", ENHANCE), ("card", CARD)):
        assert fancam(verb, folder, "--out", tmp_path / verb, *options) == 0, verb
        paths = [row["path"] for row in manifest(tmp_path / verb)["inputs"]]
        assert [path.rpartition("/")[2] for path in paths] == ["caf\\xe9.png", "plain.png"]
        assert fancam(verb, folder, "--out", tmp_path / verb, *options) == 0, "again"


def test_a_video_whose_name_is_no_utf8_becomes_cards(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [np.ascontiguousarray(FACE[:256, :256])] * 8)
    odd = clip.rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    assert fancam("run", odd, "--out", tmp_path / "p", *RUN, "--top", "1") == 0


def test_the_longest_legal_names_are_made(tmp_path):
    long = photo(tmp_path / f"{'𐀀' * 62}.png")
    assert fancam("run", long, photo(tmp_path / "b.png", 40), "--out", tmp_path / "p", *RUN) == 0
    assert len(names(tmp_path / "p" / "cards")) == 2


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path, monkeypatch, capsys):
    closed = tmp_path / "closed"
    closed.mkdir()
    real = Path.iterdir

    def refused(path):
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert fancam("enhance", closed, photo(tmp_path / "a.png"), "--out", tmp_path / "o", *ENHANCE) == 3
    assert "closed: the folder cannot be read (Permission denied)" in capsys.readouterr().err
    assert fancam("enhance", tmp_path / "a.png", "--out", closed, *ENHANCE) == 1
    assert "closed: no permission" in capsys.readouterr().err


def test_a_format_that_cannot_be_written_is_said_before_any_work(tmp_path, monkeypatch, capsys):
    from fancam import pictures

    monkeypatch.setattr(pictures, "open_picture", lambda path, **named: pytest.fail("read before the check"))
    assert fancam("enhance", photo(tmp_path / "a.png"), "--out", tmp_path / "o", *ENHANCE, "--format", "gif") == 2
    assert "a.gif" in capsys.readouterr().err
