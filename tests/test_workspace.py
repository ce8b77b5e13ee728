from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from fancam.errors import OutputError
from fancam.jobs.workspace import Owner, Workspace, distinct_stems, safe_stem, sha256_of_values


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(OutputError, match="already holds something else"):
        Workspace(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_is_not_an_output_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        Workspace(tmp_path / "file")


def test_an_empty_a_new_and_an_own_folder_are_accepted(tmp_path):
    Workspace(tmp_path)
    workspace = Workspace(tmp_path / "new")
    assert not (tmp_path / "new").exists()  # nothing is made before something is written
    workspace.write_manifest({"fancam": "0"})
    Workspace(tmp_path / "new")


def test_recorded_steps_come_back_under_their_key_only(tmp_path):
    workspace = Workspace(tmp_path / "out")
    workspace.record("a", "picks", {"n": 1})
    workspace.record("a", "picks", {"n": 2})
    workspace.record("b", "picks", {"n": 3})
    assert workspace.recorded("a") == {"picks": {"n": 2}}
    assert workspace.recorded("c") == {}


def test_a_journal_line_cut_off_by_a_crash_is_passed_over(tmp_path):
    workspace = Workspace(tmp_path / "out")
    workspace.record("a", "one", {"n": 1})
    with workspace.journal_path.open("a") as journal:
        journal.write('{"key": "a", "step": "two", "val')
    assert workspace.recorded("a") == {"one": {"n": 1}}


def owner_of(name: str, verb: str = "run") -> Owner:
    return Owner(verb, f"/in/{name}.mp4", "0", name)


def write_card(workspace: Workspace, name: str, content: bytes, of: str = "clip") -> str:
    path = workspace.card_path(name, "png")
    workspace.make_parent(path)
    path.write_bytes(content)
    relative = workspace.relative(path)
    values = {"path": relative, "sha256": hashlib.sha256(content).hexdigest()}
    workspace.record("k", f"card {name}", values, owner_of(of))
    return relative


def test_stale_cards_go_but_changed_and_foreign_files_stay(tmp_path):
    workspace = Workspace(tmp_path / "out")
    kept, _, changed = (write_card(workspace, name, name.encode()) for name in ("kept", "stale", "changed"))
    (workspace.folder / changed).write_bytes(b"retouched by hand")
    foreign = workspace.folder / "cards" / "mine.png"
    foreign.write_bytes(b"not from fancam")
    workspace.replace_earlier(owner_of("clip"), {kept})
    assert (workspace.replaced, workspace.changed) == (["cards/stale.png"], [changed])
    left = {p.name for p in (workspace.folder / "cards").iterdir()}
    assert left == {"kept.png", "changed.png", "mine.png"}


def test_a_journal_cannot_make_fancam_remove_files_elsewhere(tmp_path):
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"v")
    workspace = Workspace(tmp_path / "out")
    values = {"path": "cards/../../victim.png", "sha256": hashlib.sha256(b"v").hexdigest()}
    workspace.record("k", "card evil", values, owner_of("clip"))
    workspace.replace_earlier(owner_of("clip"), set())
    assert victim.exists()


def test_a_full_disk_leaves_the_old_manifest_and_no_half_one(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path / "out")
    workspace.write_manifest({"n": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full; free some space"):
        workspace.write_manifest({"n": 2})
    assert json.loads(workspace.manifest_path.read_bytes()) == {"n": 1}
    assert {p.name for p in workspace.folder.iterdir()} == {"manifest.json", ".fancam"}


def test_inputs_of_the_same_name_get_different_stems():
    paths = [Path("a/clip.mp4"), Path("b/clip.mkv"), Path("c/CLIP.mov"), Path("d/other clip?.mp4")]
    assert distinct_stems(paths) == ["clip", "clip-2", "CLIP-3", "other-clip"]


def test_a_stem_never_leaves_the_folder_or_is_empty():
    assert safe_stem(Path("...mp4")) != ""
    assert "/" not in safe_stem(Path("a:b/c*d.mp4"))
    assert safe_stem(Path("직캠 4K.mp4")) == "직캠-4K"
    assert safe_stem(Path("ลิซ่า (สด).mp4")) == "ลิซ่า-สด"


def test_equal_values_have_equal_hashes_whatever_the_order():
    assert sha256_of_values({"a": 1, "b": [2]}) == sha256_of_values({"b": [2], "a": 1})
    assert sha256_of_values({"a": 1}) != sha256_of_values({"a": 2})


def test_what_was_made_of_other_inputs_and_by_other_verbs_stays(tmp_path):
    workspace = Workspace(tmp_path / "out")
    other = write_card(workspace, "other", b"1", of="other")
    old = write_card(workspace, "old", b"2")
    new = write_card(workspace, "new", b"3")
    workspace.replace_earlier(owner_of("clip", verb="enhance"), set())
    again = Workspace(tmp_path / "out")
    again.replace_earlier(owner_of("clip"), {new})
    assert {file.path for file in again.files("run")} == {other, new}
    assert again.replaced == [old]


def test_inputs_of_one_name_in_several_calls_get_different_names(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "photo.png").write_bytes(folder.encode())
    first, second = ((tmp_path / folder / "photo.png", False) for folder in ("a", "b"))

    def stem(found, verb="enhance"):
        workspace = Workspace(tmp_path / "out")
        (source,) = workspace.sources([found], verb)
        path = f"{source.stem}.png"
        sha256 = hashlib.sha256(found[0].read_bytes()).hexdigest()
        workspace.record("k", f"picture {source.stem}", {"path": path, "sha256": "0"}, Owner.of(verb, source, sha256))
        return source.stem

    assert [stem(first), stem(second), stem(first), stem(second)] == ["photo", "photo-2", "photo", "photo-2"]
    assert stem(first, "card") == "photo-3", "the same folder, another verb"
    assert stem(first, "run") == "photo", "cards lie in a folder of their own"
    moved = (tmp_path / "a").rename(tmp_path / "moved") / "photo.png"
    assert stem((moved, False)) == "photo"


def test_a_long_name_of_any_letters_leaves_room_for_what_is_added():
    for name in ("x" * 300, "𐀀" * 62, "가" * 80):
        assert len(f"{safe_stem(Path(name + '.mp4'))}-000000000-10-3.png".encode()) <= 255


def test_a_name_that_is_no_utf8_is_escaped_in_the_manifest(tmp_path):
    workspace = Workspace(tmp_path / "out")
    workspace.write_manifest({"path": "caf\udce9.png"})
    assert b"caf\\udce9.png" in workspace.manifest_path.read_bytes()


def test_a_folder_whose_name_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        Workspace(tmp_path / ("x" * 300))


def test_a_folder_is_known_again_when_the_process_died_right_after_its_first_file(tmp_path):
    workspace = Workspace(tmp_path / "out")
    path = workspace.picture_path("a", ".png")
    workspace.make_parent(path)
    path.write_bytes(b"written, and not yet in the journal")
    assert Workspace(tmp_path / "out").recorded("key") == {}
