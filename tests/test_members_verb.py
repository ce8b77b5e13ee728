"""``fancam members``, and ``run`` and ``pick`` for one member, as a person on a command line uses them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import fancam
from fancam.cli import invoke
from fancam.errors import InputError, InputUnreadableError, NothingFoundError, UsageError
from fancam.jobs.people_file import PeopleFile
from tests.clips import write_clip


def members(*arguments: object) -> int:
    return invoke(["members", *map(str, arguments), "-q"])


def written(folder: Path) -> dict:
    return json.loads((folder / "members.json").read_text())


def crops_of(folder: Path, label: str) -> set[str]:
    return {path.stem for path in (folder / "people" / label).iterdir()}


@pytest.fixture(scope="module")
def portraits(shared, tmp_path_factory) -> Path:
    """Small copies of photos of two men, and of one of both with a third behind them."""
    folder = tmp_path_factory.mktemp("portraits")
    data = shared("data/photo")
    for name in ("people/obama/obama2", "people/obama/obama3", "people/biden/biden", "people/biden/biden2"):
        small(data / f"{name}.jpg", folder / f"{Path(name).name}.png", 400)
    small(data / "group/obama_and_biden.jpg", folder / "both.png", 700)
    return folder


def small(source: Path, target: Path, height: int) -> None:
    with Image.open(source) as picture:
        picture.convert("RGB").resize((round(picture.width * height / picture.height), height)).save(target)


@pytest.fixture(scope="module")
def refs(portraits, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("refs")
    (folder / "Barack").mkdir()
    shutil.copy(portraits / "obama2.png", folder / "Barack")
    shutil.copy(portraits / "obama3.png", folder / "Barack")
    shutil.copy(portraits / "biden.png", folder / "조 바이든.png")
    return folder


@pytest.fixture(scope="module")
def found(portraits, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("found") / "people"
    assert members(portraits, "-o", folder) == 0
    return folder


@pytest.fixture
def folder(found, tmp_path) -> Path:
    """A copy of what was found, to say things of."""
    shutil.copytree(found, tmp_path / "people")
    return tmp_path / "people"


def portrait(path: Path) -> np.ndarray:
    """(360, 300, 3): the face of a portrait with its shoulders."""
    face = max(fancam.detect_faces(path), key=lambda face: face.box.area)
    pixels = fancam.open_picture(path).srgb()
    (x, y), side = face.box.centre, 1.1 * face.box.height
    part = pixels[max(int(y - 1.2 * side), 0) : int(y + 1.2 * side), max(int(x - side), 0) : int(x + side)]
    return cv2.resize(part, (300, 360), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def stage(portraits, tmp_path_factory) -> Path:
    """Two men side by side; after a cut they have changed places."""
    left, right = (portrait(portraits / f"{name}.png") for name in ("obama3", "biden2"))
    background = np.random.default_rng(0).integers(60, 120, (360, 40, 3), np.uint8)
    shots = [np.hstack([left, background, right]), np.hstack([right, background, left])]
    frames = [np.roll(shots[number // 10], number % 10, axis=1) for number in range(20)]
    return write_clip(tmp_path_factory.mktemp("stage") / "stage.mp4", frames, fps=10)


# --- finding ------------------------------------------------------------------------------------------------------


def test_each_has_a_folder_a_sheet_and_nobody_elses_face(found):
    people = written(found)["people"]
    assert [sorted(crop["face"] for crop in person["crops"]) for person in people] == [
        ["biden-face01", "biden2-face01", "both-face01"], ["both-face02", "obama2-face01", "obama3-face01"],
        ["both-face03"],
    ]  # fmt: skip
    for person in people:
        assert crops_of(found, person["label"]) == {crop["face"] for crop in person["crops"]}
        with Image.open(found / "sheets" / f"{person['label']}.jpg") as sheet:
            assert sheet.height > 300
    assert (found / "people.jpg").is_file()
    assert [person["label"] for person in people] == ["person-01", "person-02", "person-03"]


def test_a_crop_is_the_pixels_of_its_picture_with_the_face_whole_in_them(found, portraits):
    rows = {row["id"]: row for row in written(found)["faces"]}
    for path in (found / "people").rglob("*.png"):
        about = fancam.open_picture(path)
        source = fancam.open_picture(portraits / f"{path.stem.rpartition('-')[0]}.png").srgb()
        crop, (x0, y0, x1, y1) = about.srgb(), rows[path.stem]["face"]["box"]
        height, width = crop.shape[:2]
        left, top = cv2.minMaxLoc(cv2.matchTemplate(source, crop, cv2.TM_SQDIFF))[2]
        assert np.array_equal(source[top : top + height, left : left + width], crop)
        assert left <= x0 < x1 <= left + width
        assert top <= y0 < y1 <= top + height


def test_the_same_inputs_give_the_same_bytes(found, portraits, tmp_path):
    assert members(portraits, "-o", tmp_path / "again") == 0
    for path in found.rglob("*"):
        if path.is_file() and path.name != "manifest.json" and ".fancam" not in path.parts:
            assert (tmp_path / "again" / path.relative_to(found)).read_bytes() == path.read_bytes(), path.name


def test_embeddings_are_written_only_where_they_are_to_be_and_can_be_forgotten(found, portraits, tmp_path):
    assert not any("vector" in path.read_text() for path in found.rglob("*.json*"))
    assert json.loads((found / "manifest.json").read_text())["remembered"] is False
    kept = tmp_path / "kept"
    assert members(portraits / "obama2.png", portraits / "biden.png", "-o", kept, "--remember") == 0
    assert json.loads((kept / "manifest.json").read_text())["remembered"] is True
    assert members(portraits / "obama3.png", "-o", kept) == 0, "compared with those who are remembered"
    assert [person["looks"] for person in written(kept)["people"]] == [2, 1]
    assert crops_of(kept, "person-01") == {"obama2-face01", "obama3-face01"}
    assert members("-o", kept, "--forget") == 0
    assert not any("vector" in path.read_text() for path in kept.rglob("*.json*"))
    assert json.loads((kept / "manifest.json").read_text())["remembered"] is False


def test_people_who_cannot_be_compared_are_not_mixed(folder, shared, capsys):
    before = written(folder)
    assert members(shared("data/photo/people/obama/obama-240p.jpg"), "-o", folder) == 2
    assert "cannot be compared" in capsys.readouterr().err
    assert written(folder) == before


def test_a_video_knows_its_people_again_after_the_cut(stage, tmp_path):
    assert members(stage, "-o", tmp_path / "out", "--top", 2) == 0
    document = written(tmp_path / "out")
    assert len(document["people"]) == 2
    assert all(len(person["crops"]) == 2 for person in document["people"])
    places = {(row["pts"], row["group"]) for row in document["faces"]}
    assert len(places) == len(document["faces"]), "two faces of a frame are never one person"


def test_the_number_of_people_is_held_where_it_is_known(portraits, tmp_path):
    assert members(portraits, "-o", tmp_path / "out", "--members", 3) == 0
    assert len(written(tmp_path / "out")["people"]) == 3


# --- saying who is who --------------------------------------------------------------------------------------------


def test_a_name_moves_the_crops_and_holds_in_the_next_search(folder, portraits):
    assert members("-o", folder, "--name", "2=Barack Obama", "--name", "1=조") == 0
    assert [person["name"] for person in written(folder)["people"]] == ["조", "Barack Obama", None]
    assert crops_of(folder, "Barack-Obama") == {"both-face02", "obama2-face01", "obama3-face01"}
    assert not (folder / "people" / "person-02").exists()
    assert not (folder / "sheets" / "person-02.jpg").exists()
    before = written(folder)
    assert members(portraits, "-o", folder) == 0
    assert written(folder) == before
    assert json.loads((folder / "manifest.json").read_text())["people"] == before["people"]


def test_a_merge_is_undone_and_everything_is_as_it_was(folder):
    before, files = written(folder), sorted(path for path in folder.rglob("*.png"))
    assert members("-o", folder, "--merge", "2,3") == 0
    assert len(written(folder)["people"]) == 2
    assert members("-o", folder, "--undo") == 0
    assert written(folder) == before
    assert sorted(path for path in folder.rglob("*.png")) == files


def test_a_face_that_does_not_belong_is_split_off(folder):
    assert members("-o", folder, "--split", "obama3-face01") == 0
    assert [person["looks"] for person in written(folder)["people"]] == [3, 2, 1, 1]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (["--name", "9=Mina"], "no person 9"),
        (["--name", "Mina"], "--name 3=Mina"),
        (["--name", "2="], "--name 3=Mina"),
        (["--merge", "1"], "--merge 1,4"),
        (["--split", "nobody"], "no face is called"),
        (["--undo"], "nothing was said"),
        ([], "nothing to look at"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_changes_nothing(said, cause, folder, capsys):
    before = written(folder)
    assert members("-o", folder, *said) == 2
    error = capsys.readouterr().err
    assert cause in error
    assert error.count("\n") == 1
    assert written(folder) == before


def test_a_file_of_somebody_elses_is_not_replaced_by_a_name(folder, capsys):
    other = folder / "people" / "Mina" / "both-face03.png"
    other.parent.mkdir()
    other.write_text("mine")
    assert members("-o", folder, "--name", "3=Mina") == 1
    assert "in the way" in capsys.readouterr().err
    assert other.read_text() == "mine"


def test_nobody_was_looked_for_in_a_new_folder(tmp_path, capsys):
    assert members("-o", tmp_path / "none", "--undo") == 4
    assert "nobody was looked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["unsure", "person-02", "..", "../../x", "/etc/x", "Mina/../../x", "x" * 300, "\udcff"]
)
def test_a_name_is_a_folder_of_its_own_in_the_folder_whatever_it_is(name, folder):
    before = {path for path in folder.parent.rglob("*") if folder not in path.parents}
    assert members("-o", folder, f"--name=1={name}", "--name=3=Joe") == 0
    assert sorted(len(list(one.iterdir())) for one in (folder / "people").iterdir()) == [1, 3, 3]
    assert {path for path in folder.parent.rglob("*") if folder not in path.parents} == before
    assert len(list((folder / "sheets").iterdir())) == 3


def test_what_is_meant_for_a_search_is_not_passed_over_in_a_correction(folder, capsys):
    assert members("-o", folder, "--name", "1=Joe", "--remember") == 2
    assert "of a search" in capsys.readouterr().err
    assert members("-o", folder, "--name", "1=Joe", "--name", "1=Bob") == 2
    assert "two names" in capsys.readouterr().err


# --- what happens to a folder -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda values: values.update(corrections=[[1]]),
        lambda values: values.update(crop_mm=[]),
        lambda values: values.update(inputs=["stage.mp4"]),
        lambda values: values["faces"][0].update(weight="much"),
        lambda values: values["faces"][0].update(why=None),
        lambda values: values["faces"][0]["face"].update(landmarks=[]),
        lambda values: values["faces"][0].update(crop="../mine.png"),
        lambda values: values["faces"][0].update(crop="/etc/passwd"),
    ],
)
def test_a_file_of_people_that_is_damaged_or_names_files_elsewhere_is_refused(damage, folder, capsys):
    mine = folder.parent / "mine.png"
    mine.write_text("mine")
    values = written(folder)
    damage(values)
    (folder / "members.json").write_text(json.dumps(values))
    assert members("-o", folder, "--name", "1=Joe") == 1
    assert "members.json: cannot be read" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    with pytest.raises(InputError, match=r"members\.json"):
        fancam.read_roster(folder)


def test_ids_and_a_journal_that_were_edited_take_no_file_out_of_the_folder_nor_into_it(folder):
    mine = folder.parent / "mine.png"
    mine.write_text("mine")
    journal = folder / ".fancam" / "journal.jsonl"
    row = json.loads(journal.read_text().splitlines()[-1])
    rows = [{**row, "values": {**row["values"], "path": "../mine.png"}}, {**row, "owner": {}}, {**row, "values": []}]
    journal.write_text(journal.read_text() + "".join(json.dumps(one) + "\n" for one in rows))
    values = written(folder)
    for face in values["faces"]:
        face["id"] = f"../../../{face['id']}"
    values["faces"][0]["id"] = "mine"
    values["faces"][0]["crop"] = None
    (folder / "members.json").write_text(json.dumps(values))
    assert members("-o", folder, "--name", "1=Joe") == 0
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mine.png", "people"]
    assert mine.read_text() == "mine"


def test_what_was_stopped_half_way_or_loses_its_manifest_is_finished_by_the_next_call(folder, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr("fancam.jobs.people_folders.replace_file", stop)
        fancam.correct_members(folder, names={1: "Joe"})
    assert not (folder / "people" / "person-01").exists(), "the crops were moved, and nothing says so"
    (folder / "manifest.json").unlink()
    assert members("-o", folder, "--name", "2=Barack") == 0
    assert crops_of(folder, "person-01") == {"biden-face01", "biden2-face01", "both-face01"}
    assert [len(person["crops"]) for person in written(folder)["people"]] == [3, 3, 1]


def test_an_input_that_has_changed_is_looked_at_anew(portraits, tmp_path):
    photo, plain, kept = tmp_path / "photo.png", tmp_path / "plain", tmp_path / "kept"
    shutil.copy(portraits / "obama2.png", photo)
    assert members(photo, "-o", plain) == 0
    assert members(photo, "-o", kept, "--remember") == 0
    shutil.copy(portraits / "biden.png", photo)
    for out in (plain, kept):
        assert members(photo, "-o", out) == 0
        assert [person["looks"] for person in written(out)["people"]] == [1]
    assert len(json.loads((kept / ".fancam" / "remembered.json").read_text())["inputs"]) == 1


def test_of_a_file_with_a_new_name_there_are_no_crops_under_the_old_one(portraits, tmp_path):
    shutil.copy(portraits / "obama2.png", tmp_path / "first.png")
    assert members(tmp_path / "first.png", "-o", tmp_path / "out") == 0
    (tmp_path / "first.png").rename(tmp_path / "second.png")
    assert members(tmp_path / "second.png", "-o", tmp_path / "out") == 0
    assert crops_of(tmp_path / "out", "person-01") == {"second-face01"}


def test_embeddings_that_are_damaged_are_said_and_can_be_forgotten(portraits, tmp_path, capsys):
    out = tmp_path / "out"
    assert members(portraits / "obama2.png", "-o", out, "--remember") == 0
    remembered = out / ".fancam" / "remembered.json"
    whole = remembered.read_text()
    values = json.loads(whole)
    del next(iter(values["inputs"].values()))["faces"][0]["vector"]
    remembered.write_text(json.dumps(values))
    assert members(portraits / "obama3.png", "-o", out) == 1
    assert "--forget" in capsys.readouterr().err
    remembered.write_text(json.dumps({**json.loads(whole), "embedder": "other"}))
    assert members(portraits / "obama3.png", "-o", out) == 2
    assert "other weights" in capsys.readouterr().err
    assert members("-o", out, "--forget") == 0


def test_one_picture_under_two_names_is_looked_at_once_and_an_unreadable_one_harms_none(
    portraits, tmp_path, monkeypatch
):  # fmt: skip
    twin, lost, out = tmp_path / "b twin.png", tmp_path / "lost.png", tmp_path / "out"
    for path in (twin, lost):
        shutil.copy(portraits / "obama2.png", path)

    def sha256_of_file(path: Path) -> str:
        if path == lost:
            raise InputUnreadableError("cannot be read (Input/output error)", item=path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("fancam.jobs.frame.sha256_of_file", sha256_of_file)
    result = fancam.find_members([portraits / "obama2.png", twin, lost], out, count=2)
    assert result.exit_code == 3
    assert [one["crops"][0]["face"] for one in written(out)["people"]] == ["obama2-face01"]
    said = " ".join(result.to_manifest()["warnings"])
    assert "b twin.png: the same as" in said
    assert "1 people, not 2" in said


def test_who_is_unsure_comes_after_everybody_else(found):
    whole = PeopleFile.read(found / "members.json")
    first = dataclasses.replace(whole.faces[0], group=None)
    people = dataclasses.replace(whole, faces=(first, *whole.faces[1:])).people
    assert [person.label for person in people] == ["person-01", "person-02", "person-03", "unsure"]
    assert people[3].faces == (first,)


# --- by references ------------------------------------------------------------------------------------------------


def test_with_references_each_is_named_and_the_third_is_unsure(portraits, refs, tmp_path):
    assert members(portraits / "both.png", "-o", tmp_path / "out", "--refs", refs) == 0
    people = written(tmp_path / "out")["people"]
    assert [person["name"] for person in people] == ["조 바이든", "Barack", None]
    assert people[2]["label"] == "unsure"
    for person in people[:2]:
        assert person["naming"]["margin"] > 0.1
        assert person["naming"]["second"] != person["name"]


def test_a_split_holds_against_the_references_and_a_merge_keeps_the_name(portraits, refs, tmp_path):
    out = tmp_path / "out"
    assert members(portraits / "both.png", portraits / "biden2.png", "-o", out, "--refs", refs) == 0
    assert [person["looks"] for person in written(out)["people"]] == [2, 1, 1]
    assert members("-o", out, "--split", "biden2-face01") == 0
    assert sorted(person["looks"] for person in written(out)["people"]) == [1, 1, 1, 1]
    assert members("-o", out, "--undo") == 0
    assert members("-o", out, "--merge", "3,2") == 0
    assert [person["name"] for person in written(out)["people"]] == ["조 바이든", "Barack"]


def test_a_crop_with_a_neighbour_in_it_is_a_reference_of_whom_it_was_made_for(portraits, tmp_path):
    crowd = np.full((600, 400, 3), 90, np.uint8)
    for number, name in enumerate(("obama3", "biden2")):
        person = cv2.resize(portrait(portraits / f"{name}.png"), (150, 180), interpolation=cv2.INTER_AREA)
        crowd[60:240, 20 + 110 * number : 130 + 110 * number] = person[:, 20:130]
    Image.fromarray(crowd).save(tmp_path / "crowd.png")
    out = tmp_path / "out"
    assert members(tmp_path / "crowd.png", "-o", out, "--framing", "full") == 0
    assert max(len(fancam.detect_faces(path)) for path in out.rglob("crowd-face*.png")) == 2
    assert members("-o", out, "--name", "1=Barack", "--name", "2=Joe") == 0
    roster = fancam.read_roster(out)
    named = {
        face.naming.member
        for name in ("obama2", "biden")
        for face in fancam.identify(portraits / f"{name}.png", roster)
    }
    assert named == {"Barack", "Joe"}


def test_run_makes_cards_of_one_member_of_what_members_has_named(folder, portraits, tmp_path):
    assert members("-o", folder, "--name", "2=Barack", "--name", "1=Joe") == 0
    cards = tmp_path / "cards"
    assert run(portraits / "both.png", "--refs", folder, "--member", "barack", "-o", cards) == 0
    (pick,) = json.loads((cards / "manifest.json").read_text())["picks"]
    assert pick["member"] == "Barack"
    assert pick["id"] == "both-face02"


def test_python_names_the_faces_of_a_picture(portraits, refs):
    faces = fancam.identify(portraits / "both.png", fancam.read_roster(refs))
    assert [face.naming.member for face in faces] == ["조 바이든", "Barack", None]


def run(*arguments: object) -> int:
    return invoke(["run", *map(str, arguments), "--upscaler", "lanczos", "--guard", "off", "-q"])


def picks(*arguments: object) -> list[dict]:
    *given, out = arguments
    assert invoke(["pick", *map(str, given), "-o", str(out), "-q"]) == 0
    return json.loads((Path(str(out)) / "manifest.json").read_text())["picks"]


def test_the_best_of_a_member_are_those_of_all_videos_together(stage, portraits, refs, tmp_path):
    second = tmp_path / "other.mp4"
    blurred = cv2.GaussianBlur(portrait(portraits / "obama2.png"), (0, 0), 1.5)
    write_clip(second, [np.roll(blurred, number, axis=1) for number in range(12)], fps=10)
    rows = picks(second, stage, "--refs", refs, "--member", "Barack", "--top", 2, tmp_path / "together")
    assert [row["member"] for row in rows] == ["Barack"] * 2
    assert {row["input"] for row in rows} == {1}, "those of the other video are softer"


def test_each_member_has_as_many_as_are_asked_for(stage, refs, tmp_path):
    rows = picks(stage, "--refs", refs, "--each-member", "--top", 1, tmp_path / "each")
    assert sorted(row["member"] for row in rows) == ["Barack", "조 바이든"]


def test_somebody_whom_the_roster_does_not_know_is_asked_for(portraits, refs, tmp_path, capsys):
    assert run(portraits / "both.png", "--refs", refs, "--member", "Mina", "-o", tmp_path / "out") == 2
    assert "no member is called 'Mina'; the roster has Barack, 조 바이든" in capsys.readouterr().err
    assert run(portraits / "both.png", "--member", "Mina", "-o", tmp_path / "out") == 2
    assert "--member without --refs" in capsys.readouterr().err
    assert run(portraits / "both.png", "--refs", refs, "--member", "Mina", "--dry-run") == 2


def test_a_member_who_is_not_there_is_not_said_to_be_no_face(portraits, refs, tmp_path, capsys):
    assert run(portraits / "obama3.png", "--refs", refs, "--member", "조 바이든", "-o", tmp_path / "out") == 4
    assert "no usable face of a member that was asked for, of 1 found" in capsys.readouterr().err


def test_the_plan_says_of_whom_the_cards_are(stage, refs, capsys):
    assert (
        invoke(
            [
                "run",
                str(stage),
                "--refs",
                str(refs),
                "--each-member",
                "--top",
                "2",
                "--dry-run",
                "--upscaler",
                "lanczos",
            ]
        )
        == 0
    )
    assert "at most 2 cards of each of 2 members" in capsys.readouterr().out


def references(folder: Path, files: Sequence[tuple[str, Path]]) -> Path:
    folder.mkdir()
    for name, source in files:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(source, folder / name)
    return folder


def test_of_several_faces_the_one_is_meant_that_the_name_says(portraits, tmp_path):
    face = fancam.detect_faces(portraits / "both.png")[1]
    x, y, x1, y1 = (round(edge) for edge in face.box.as_list())
    files = [(f"Barack@{x},{y},{x1 - x},{y1 - y}.png", portraits / "both.png"), ("Joe.png", portraits / "biden.png")]
    roster = fancam.read_roster(references(tmp_path / "refs", files))
    assert roster.names == ("Barack", "Joe")
    assert members(portraits / "obama3.png", "-o", tmp_path / "out", "--refs", tmp_path / "refs") == 0
    assert written(tmp_path / "out")["people"][0]["name"] == "Barack"


@pytest.mark.parametrize(
    ("files", "error", "cause"),
    [
        ([("Mina.png", "both.png")], UsageError, "shows 3 faces"),
        ([("Mina@0,0,20,20.png", "both.png")], NothingFoundError, "no face in the part"),
        ([("Mina.png", None)], NothingFoundError, "shows no face"),
        ([("Mina.png", "text")], InputError, "Mina.png"),
        ([("Mina/1.png", "obama2.png"), ("mina.png", "obama3.png")], UsageError, "two members"),
        ([], UsageError, "no member"),
    ],
)
def test_a_reference_that_is_none_is_named(files, error, cause, portraits, tmp_path):
    text, plain = tmp_path / "text", tmp_path / "plain.png"
    text.write_text("no picture")
    Image.new("RGB", (200, 200), (90, 80, 70)).save(plain)
    sources = {"text": text, None: plain}
    folder = references(tmp_path / "refs", [(name, sources.get(of, portraits / str(of))) for name, of in files])
    with pytest.raises(error, match=cause) as raised:
        fancam.read_roster(folder)
    assert not files or "mina" in str(raised.value).lower()


def test_strays_beside_references_are_passed_over_and_a_link_to_nothing_is_said(portraits, tmp_path):
    folder = references(tmp_path / "refs", [("Joe/1.png", portraits / "biden.png")])
    for stray in (".DS_Store", "Thumbs.db", "notes.txt", "Joe/Thumbs.db", "Joe/.hidden.png"):
        (folder / stray).write_text("x")
    (folder / "Barack.png").symlink_to(portraits / "obama2.png")
    assert fancam.read_roster(folder).names == ("Barack", "Joe")
    (folder / "Mina.png").symlink_to(tmp_path / "none.png")
    with pytest.raises(InputError, match="Mina"):
        fancam.read_roster(folder)


def test_references_that_are_no_folder_are_said(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        fancam.read_roster(tmp_path / "none")
