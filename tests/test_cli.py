from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys

import pytest

from fancam.cli import card, enhance, invoke, options, pick, report, run, sheet
from fancam.errors import UsageError
from fancam.nn import ModelStore
from fancam.settings import Settings


def fancam(*arguments: object) -> int:
    return invoke([str(argument) for argument in arguments])


def test_version_and_help_are_exit_0(capsys):
    import fancam as package

    assert fancam("--version") == 0
    assert capsys.readouterr().out.strip() == f"fancam {package.__version__}"
    assert fancam("run", "--help") == 0
    assert "--long-edge" in capsys.readouterr().out


def test_an_unknown_verb_is_a_usage_error_on_stderr(capsys):
    assert fancam("rum") == 2
    printed = capsys.readouterr()
    assert "rum" in printed.err
    assert printed.out == ""


def test_doctor_finds_this_machine_fit_for_the_main_job(capsys):
    assert fancam("doctor", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states["centerface"] == "ok"
    assert states["realesrgan-x4plus"] == "ok"
    assert states["cpu"] == "ok"
    assert states["video"] == "ok"


@pytest.mark.parametrize("build", ["opencv-python", "opencv-contrib-python", "opencv-python-headless"])
def test_doctor_tells_builds_of_opencv_that_differ(build, monkeypatch, capsys):
    """They own one folder: which of them is loaded would depend on the order they were installed in."""
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "4.10.0.84" if name == build else version(name))
    assert fancam("doctor", "--json") == 1
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["opencv"]["state"] == "broken" and f"{build} 4.10.0.84" in checks["opencv"]["detail"]
    assert f"{build}==5.0.0.93" in checks["opencv"]["remedy"]


def test_doctor_says_what_to_do_about_a_damaged_model(tmp_path, capsys):
    (tmp_path / "centerface.onnx").write_bytes(b"not the network")
    assert fancam("doctor", "--models-dir", tmp_path) == 5
    assert "BROKEN" in capsys.readouterr().out


def test_models_list_shows_licence_and_state_of_every_model(capsys):
    assert fancam("models", "list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert rows["realesrgan-x4plus"]["state"] == "present"
    assert rows["realesrgan-x4plus"]["licence"] == "BSD-3-Clause"
    assert rows["codeformer"]["commercial"] is False
    assert rows.keys() == {entry.name for entry in ModelStore().entries()}


def test_models_verify_refuses_a_changed_file(tmp_path, capsys):
    store = ModelStore()
    content = bytearray(store.locate("centerface").read_bytes())
    content[1000] ^= 1
    (tmp_path / "centerface.onnx").write_bytes(bytes(content))
    assert fancam("models", "verify", "centerface", "--models-dir", tmp_path) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "expected" in err


def test_models_path_prints_a_verified_file(capsys):
    assert fancam("models", "path", "centerface") == 0
    assert capsys.readouterr().out.strip().endswith("centerface.onnx")


@pytest.mark.parametrize("verb", ["path", "verify"])
def test_a_missing_model_is_exit_5_with_file_url_hash_and_folder(verb, capsys):
    assert fancam("models", verb, "gfpgan-1.4") == 5
    err = capsys.readouterr().err
    assert "GFPGANv1.4.pth" in err
    assert "https://" in err
    assert "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad" in err
    assert "fancam models pull gfpgan-1.4" in err


def test_an_unknown_model_names_the_nearest(capsys):
    assert fancam("models", "path", "centreface") == 2
    assert "did you mean 'centerface'" in capsys.readouterr().err


def test_a_missing_detector_is_exit_5_before_any_work(tmp_path, samples, capsys):
    code = fancam("run", samples / "stage.mp4", "-o", tmp_path / "out", "--detector", "retinaface-resnet50", "-q")
    assert code == 5
    assert "retinaface-resnet50" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_probe_tells_size_and_colour(samples, capsys):
    assert fancam("probe", samples / "stage.mp4", "--json") == 0
    row = json.loads(capsys.readouterr().out)["inputs"][0]
    truth = json.loads((samples / "stage.json").read_text())
    assert (row["width"], row["height"]) == (truth["width"], truth["height"])
    assert row["matrix"] == "bt709"
    assert row["average_rate"] == pytest.approx(truth["fps"])


def test_probe_of_no_video_is_one_line_and_json_names_the_failure(tmp_path, capsys):
    (tmp_path / "x.mp4").write_text("text")
    assert fancam("probe", tmp_path / "x.mp4", "--json") == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert json.loads(printed.out)["failures"][0]["exit_code"] == 1


VERBS = {"run": run, "pick": pick, "enhance": enhance, "card": card, "sheet": sheet}


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_every_option_under_a_heading_and_examples_at_the_end(verb, capsys):
    assert invoke([verb, "--help"]) == 0
    text = capsys.readouterr().out
    headings = [line.rstrip(":") for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings[-1] == "Examples"
    assert headings[:-1] == [group for group in options.GROUPS if group in headings] and len(headings) >= 5
    assert f"fancam {verb} " in text.split("Examples:")[1]


@pytest.mark.parametrize("verb", VERBS)
def test_the_flags_of_every_example_exist(verb, capsys):
    invoke([verb, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.split("Examples:")[0]))
    for line in VERBS[verb].EXAMPLES.strip().splitlines():
        assert line.startswith(f"fancam {verb} ")
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_that_an_option_gives_exists(verb):
    settings = Settings().as_dict()
    for setting in VERBS[verb].SETTINGS.values():
        stage, key = setting.split(".")
        assert key in settings[stage], setting


@pytest.mark.parametrize("encoding", ["cp949", "cp1252", "ascii"])
def test_a_terminal_that_lacks_a_character_gets_a_question_mark(encoding):
    done = subprocess.run(
        [sys.executable, "-m", "fancam", "models", "list"],
        env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert b"centerface" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"), [("83.5", 83.5), ("1:23.5", 83.5), ("0:01:23.5", 83.5), ("2s", 2.0), ("1:02:03", 3723.0)]
)
def test_times_are_seconds_or_minutes_and_seconds(text, expected):
    assert options.seconds(text, "--from") == expected


@pytest.mark.parametrize("text", ["", "abc", "-1", "1:2:3:4", "nan", "1::2"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="minutes:seconds"):
        options.seconds(text, "--from")


def test_a_span_that_ends_before_it_begins_is_refused_before_any_work(capsys):
    assert invoke(["run", "none.mp4", "--from", "1:00", "--to", "0:30"]) == 2
    assert "later than 60" in capsys.readouterr().err
    assert invoke(["run", "none.mp4", "--crop", "1,2,3"]) == 2
    assert "x,y,width,height" in capsys.readouterr().err


# --- warnings -----------------------------------------------------------------------------------------------------


def test_warnings_that_differ_in_their_figures_alone_are_one_line_with_the_lowest_and_the_highest():
    soft = "{} source pixels per printed inch, which hold detail for {}: it looks soft"
    picks = [
        {"id": f"group-face0{n}", "warnings": [soft.format(75, held), f"other faces that the card's edge cuts: {n}"],
         "enhance": {"notes": ["tile 3 was made again"]} if n == 2 else None}
        for n, held in enumerate((27, 58, 9), start=1)
    ]  # fmt: skip
    document = {
        "inputs": [{"path": name, "warnings": ["no colour profile"]} for name in ("a.jpg", "b.jpg")], "picks": picks,
        "warnings": ["no face prior"],
    }  # fmt: skip
    assert report.warning_lines(document) == [
        "a.jpg and 1 more: no colour profile",
        "group-face01 and 2 more: 75 source pixels per printed inch, which hold detail for 9 to 58: it looks soft",
        "group-face01 and 2 more: other faces that the card's edge cuts: 1 to 3",
        "group-face02: tile 3 was made again",
        "no face prior",
    ]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("79% of the bleed is real", "85% of the bleed is real", ["79 to 85% of the bleed is real"]),
        ("1.0 mm from the cut", "0.5 mm from the cut", ["0.5 to 1.0 mm from the cut"]),
        ("a frame of 640x480 px", "a frame of 800x600 px", None),
        ("at 0:12", "at 1:40", None),
        ("net x2 is off", "net x4 is off", None),
    ],
)
def test_figures_are_numbers_that_stand_by_themselves(one, other, together):
    alone = [f"a: {one}", f"b: {other}"]
    expected = alone if together is None else [f"a and 1 more: {text}" for text in together]
    assert report.lines_by_kind([("a", one), ("b", other)]) == expected
