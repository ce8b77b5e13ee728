from __future__ import annotations

import itertools
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fancam.cli import invoke
from fancam.video import open_video
from tests.clips import write_clip

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def command_blocks() -> list[list[str]]:
    """The fancam commands of each of the README's code blocks that has some."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S)
    lines = [[part.strip() for line in block.splitlines() for part in line.split("&&")] for block in blocks]
    found = [[line for line in block if line.startswith("fancam ")] for block in lines]
    return [block for block in found if block]


def commands() -> list[str]:
    return [command for block in command_blocks() for command in block]


def test_the_readme_has_its_two_set_up_commands_and_ci_runs_them():
    section = README.split("## Set up")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)
    assert len(blocks) == 2
    assert "fancam run samples/" in blocks[0]
    assert "pytest" in blocks[1]
    ci = (ROOT / ".ci" / "run").read_text()
    assert "readme_command 1" in ci
    assert "readme_command 2" in ci


def test_every_option_in_the_readme_exists(capsys):
    for command in commands():
        _, verb, *words = shlex.split(command)
        assert invoke([verb, "--help"]) == 0
        known = capsys.readouterr().out
        for word in words:
            if word.startswith("--"):
                assert word in known, command


def test_every_option_the_readme_speaks_of_exists(capsys):
    known = ""
    for verb in ("run", "pick", "members", "enhance", "card", "sheet"):
        assert invoke([verb, "--help"]) == 0
        known += capsys.readouterr().out
    for word in set(re.findall(r"`(--[a-z-]+)", README)):
        assert word in known, word


def test_every_picture_in_the_readme_is_there():
    for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_every_model_in_the_readme_is_in_the_registry():
    from fancam.nn import ModelStore

    entries = {entry.name: entry for entry in ModelStore().entries()}
    for name, _, licence, _ in re.findall(r"^\| ([\w-]+) \| (.+?) \| (\S+) \| (.+?) \|$", README, re.M):
        if name not in ("model", "---"):
            assert entries[name].licence == licence


@pytest.fixture(scope="module")
def concert(tmp_path_factory) -> Path:
    """The first two seconds of the sample clip."""
    with open_video(ROOT / "samples" / "stage.mp4").scan() as seen:
        times = [frame.pts for frame in itertools.islice(seen, 50)]
    frames = [frame.pixels for frame in open_video(ROOT / "samples" / "stage.mp4").frames(times)]
    return write_clip(tmp_path_factory.mktemp("concert") / "concert.mp4", frames, fps=25)


@pytest.mark.slow
@pytest.mark.parametrize("block", command_blocks(), ids=lambda block: block[-1])
def test_the_commands_in_the_readme_work_as_written(block, concert, tmp_path, monkeypatch):
    from skimage.data import astronaut

    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    for name in ("concert.mp4", "stage.mp4", "stage-1.mp4", "stage-2.mp4"):
        shutil.copy(concert, tmp_path / name)
    portrait = Image.fromarray(astronaut())
    portrait.save(tmp_path / "scan.png")
    group = Image.new("RGB", portrait.size)  # four faces of one picture are four people, however alike
    for place in itertools.product((0, 256), repeat=2):
        group.paste(portrait.resize((256, 256)), place)
    group.save(tmp_path / "group.jpg")
    for refs in ("people", "refs"):
        if f"--out {refs}" not in " ".join(block):
            (tmp_path / refs).mkdir()
            portrait.save(tmp_path / refs / "Mina.png")
    monkeypatch.chdir(tmp_path)
    for command in block:
        words = shlex.split(command)[1:]
        if "--upscaler" not in words and words[0] in ("run", "enhance"):
            words += ["--upscaler", "realesr-animevideov3"]  # the default network is run by the first set-up command
        assert invoke(words) == 0, command
