"""Who is who: grouping, naming and corrections, on made embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fancam
from fancam import faces
from fancam.errors import UsageError
from fancam.geometry import Box
from fancam.identity import (
    Correction,
    Member,
    Roster,
    apart_by_frames,
    are_others,
    corrected,
    group,
    look_weight,
    name_people,
    runs,
    tracklet,
)
from fancam.results import Face


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def people(count, looks, spread=0.7, seed=0, common=0.0):
    """(looks, 128): looks at so many people in turn, around means that have ``common`` in common."""
    random = np.random.default_rng(seed)
    means = random.normal(size=(count, 128)) + common * random.normal(size=128)
    return unit(means[np.arange(looks) % count] + spread * random.normal(size=(looks, 128)))


def alone(vectors, height_px=100.0, frames=None):
    return [
        tracklet(vector[None], [1.0], [height_px], [number if frames is None else frames[number]])
        for number, vector in enumerate(vectors)
    ]  # fmt: skip


@given(st.integers(1, 6), st.integers(1, 24), st.integers(0, 20))
def test_looks_at_one_person_get_one_number(count, looks, seed):
    assert group(alone(people(count, looks, seed=seed))) == [number % count for number in range(looks)]


def test_two_who_were_seen_together_are_never_one_however_alike():
    twins = alone(people(1, 4, 0.1), frames=["a", "a", "b", "b"])
    found = group(twins)
    assert found[0] != found[1] and found[2] != found[3]
    assert group(twins, count=1)[0] != group(twins, count=1)[1], "also where one is asked for"


@given(st.integers(2, 8), st.integers(0, 10))
def test_a_known_number_of_alike_people_is_found_where_likeness_alone_would_join_them(count, seed):
    looks = alone(people(count, 5 * count, 0.35, seed, common=1.5))
    assert group(looks, count=count) == [number % count for number in range(5 * count)]


@given(st.integers(0, 20), st.integers(3, 8))
def test_nobody_of_one_frame_shares_a_person_whatever_the_embeddings(seed, count):
    random = np.random.default_rng(seed)
    frames = random.integers(0, 4, 20).tolist()
    looks = alone(unit(random.normal(size=(20, 128)) + 1.5), frames=frames)
    for found in (group(looks), group(looks, count=count)):
        for a in range(20):
            for b in range(a):
                assert frames[a] != frames[b] or found[a] != found[b]


def test_a_small_face_joins_its_person_but_founds_none():
    known = alone(people(2, 8))
    small = alone(np.concatenate([people(2, 2), unit(np.random.default_rng(9).normal(size=(1, 128)))]), 14.0, "xyz")
    assert group(known + small)[8:] == [0, 1, None]


def test_somebody_who_is_only_seen_from_afar_is_a_person_where_several_looks_say_so():
    known = alone(people(2, 8))
    far = alone(people(3, 9, seed=4)[2::3], 20.0, "xyz")
    assert group([*known, *far])[8:] == [8, 8, 8]
    assert group([*known, far[0]])[8] is None


def test_a_moment_cut_out_of_a_track_founds_nobody():
    known, stranger = alone(people(2, 8)), unit(np.random.default_rng(9).normal(size=(1, 128)))
    short = tracklet(stranger, [1.0], [100.0], ["x"], track_looks=9)
    assert group([*known, short])[8] is None
    assert group([*known, tracklet(stranger, [1.0], [100.0], ["x"])])[8] == 8
    assert group([*known, tracklet(known[1].vector[None], [1.0], [100.0], ["x"], track_looks=9)])[8] == 1
    assert group([short]) == [0], "unless nobody else is there"


def test_the_better_look_counts_more():
    good, bad = people(2, 2)
    one = tracklet(np.stack([good, bad]), [1.0, 0.1], [90.0, 20.0], [])
    assert one.vector @ good > 0.9 > 0.3 > one.vector @ bad
    face = Face(Box(0, 0, 50, 60), ((10, 20), (40, 20), (25, 30), (15, 45), (35, 45)), 0.9)
    turned = Face(Box(0, 0, 50, 60), ((10, 20), (40, 20), (41, 30), (15, 45), (35, 45)), 0.9)
    far = Face(Box(0, 0, 10, 12), ((2, 4), (8, 4), (5, 6), (3, 9), (7, 9)), 0.9)
    assert look_weight(face) == 1.0 > look_weight(face, 0.2) > look_weight(far, 0.2) > 0
    assert look_weight(turned) < 0.4


def looks_at(*counts, seed=0):
    """Looks at one person after another, so many at each."""
    order = np.repeat(np.arange(len(counts)), counts)
    return people(len(counts), 40 * len(counts), 0.5, seed)[order + len(counts) * np.arange(len(order))]


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 20))
def test_a_track_that_went_on_with_somebody_else_is_cut_there(before, after, seed):
    assert runs(looks_at(before, after, seed=seed), [1.0] * (before + after)) == [
        slice(0, before), slice(before, before + after),
    ]  # fmt: skip


def test_somebody_else_for_a_moment_is_cut_out_where_the_look_is_good_and_not_where_it_is_poor():
    first, other = looks_at(10), people(2, 2)[1:]
    vectors = np.concatenate([first[:5], other, first[5:]])
    assert runs(vectors, [1.0] * 11) == [slice(0, 5), slice(5, 6), slice(6, 11)]
    assert runs(vectors, [1.0] * 5 + [0.2] + [1.0] * 5) == [slice(0, 11)]


@given(st.integers(1, 30), st.integers(0, 20), st.floats(0.001, 1.0))
def test_a_track_of_one_person_is_not_cut_and_runs_hold_every_look_once(count, seed, weight):
    assert runs(looks_at(count, seed=seed), [weight] * count) == [slice(0, count)]
    cut = runs(unit(np.random.default_rng(seed).normal(size=(count, 128))), [weight] * count)
    assert [n for run in cut for n in range(run.start, run.stop)] == list(range(count))


@pytest.mark.slow
def test_portraits_of_two_men_are_two_people(shared):
    embedder = faces.create_embedder(fancam.default_store())
    paths = [shared(f"data/photo/people/{name}") for name in (
        "obama/obama.jpg", "biden/biden.jpg", "obama/obama2.jpg", "biden/biden2.jpg", "obama/obama3.jpg"
    )]  # fmt: skip
    pictures = [fancam.open_picture(path).srgb() for path in paths]
    found = [max(fancam.detect_faces(path), key=lambda face: face.box.area) for path in paths]
    vectors = embedder.embed(pictures, [face.landmark_array for face in found])
    assert group(alone(vectors)) == [0, 1, 0, 1, 0]


# --- names ----------------------------------------------------------------------------------------------------------


def roster(vectors, names):
    return Roster([Member(name, vector[None], (1.0,)) for name, vector in zip(names, vectors, strict=True)])


def test_each_gets_its_name_and_a_stranger_none():
    references, looks = people(3, 3), people(3, 6)
    stranger = unit(np.random.default_rng(5).normal(size=(1, 128)))
    found = name_people(alone(np.concatenate([looks, stranger])), roster(references, ["Mina", "민지", "Zoé"]))
    assert [one.member for one in found] == ["Mina", "민지", "Zoé"] * 2 + [None]
    assert all(one.margin > 0.1 and one.second for one in found[:6])


def test_two_beside_each_other_never_have_one_name_and_the_surer_has_it():
    (mina, yuna), noise = people(2, 2), unit(np.random.default_rng(1).normal(size=(1, 128)))[0]
    looks = alone(np.stack([mina, unit(mina + 0.8 * noise)]), frames=["a", "a"])
    found = name_people(looks, roster([mina, yuna], ["Mina", "Yuna"]), apart_by_frames(looks))
    assert [one.member for one in found] == ["Mina", None]
    assert found[1].nearest == "Mina"


def test_between_two_alike_members_nobody_is_named():
    mina, yuna = people(2, 2)
    found = name_people(alone(unit(mina + yuna)[None]), roster([mina, yuna], ["Mina", "Yuna"]))
    assert found[0].member is None and found[0].similarity > 0.6


def test_who_is_clearly_another_member_is_not_of_the_group_that_likeness_alone_would_make():
    references = people(2, 2, 0.2, common=1.5)
    alike = alone(people(2, 8, 0.2, common=1.5))
    assert references[0] @ references[1] > 0.5
    assert set(group(alike)) == {0}, "members so alike are one without references"
    other = are_others(alike, roster(references, ["Mina", "Yuna"]))
    assert group(alike, other=other) == [0, 1] * 4
    assert not are_others(alike, roster(references[:1], ["Mina"])).any()


def test_a_roster_of_one_names_by_likeness_alone():
    mina, other = people(2, 2)
    found = name_people(alone(np.stack([mina, other])), roster([mina], ["Mina"]))
    assert [(one.member, one.second) for one in found] == [("Mina", None), (None, None)]


def test_an_empty_roster_and_two_of_one_name_are_refused():
    vector = people(1, 1)
    with pytest.raises(UsageError, match="no member"):
        Roster([])
    with pytest.raises(UsageError, match="two members"):
        Roster([Member("Zoé", vector, (1.0,)), Member("zoe\u0301", vector, (1.0,))])
    with pytest.raises(UsageError, match="no name"):
        Roster([Member(" ", vector, (1.0,))])
    with pytest.raises(UsageError, match="no member is called"):
        roster(vector, ["Mina"]).member("Yuna")


# --- corrections ----------------------------------------------------------------------------------------------------

FOUND = {"a1": 0, "a2": 0, "b1": 1, "c1": 2, "c2": 2}
TRACKS = {"a1": 0, "a2": 1, "b1": 2, "c1": 3, "c2": 3}


def test_a_name_holds_for_the_whole_person_and_joins_who_has_it_already():
    said = [Correction("name", ("a1",), "Mina"), Correction("name", ("c1",), "mina ")]
    groups, names = corrected(FOUND, TRACKS, said)
    assert groups["a2"] == groups["c2"] != groups["b1"]
    assert list(names.values()) == ["mina"]


def test_a_merge_and_a_split_are_done_in_their_order_and_undone_by_leaving_them_out():
    said = [Correction("merge", ("a1", "b1")), Correction("split", ("a2",))]
    groups, _ = corrected(FOUND, TRACKS, said)
    assert groups["a1"] == groups["b1"] != groups["a2"]
    assert corrected(FOUND, TRACKS, said[:1])[0]["a2"] == corrected(FOUND, TRACKS, said[:1])[0]["b1"]
    assert corrected(FOUND, TRACKS, [])[0] == FOUND


def test_a_split_takes_the_whole_track():
    groups, _ = corrected(FOUND, TRACKS, [Correction("split", ("c1",))])
    assert groups["c1"] == groups["c2"]


def test_what_was_said_of_faces_that_are_not_there_waits():
    said = [Correction("name", ("gone",), "Mina"), Correction("name", ("b1",), "Yuna")]
    assert corrected(FOUND, TRACKS, said) == (FOUND, {1: "Yuna"})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"kind": "name", "faces": ["a"]},
        {"kind": "merge", "faces": ["a"]},
        {"kind": "split", "faces": "a"},
        {"kind": "name", "faces": ["a"], "name": " "},
    ],
)
def test_a_correction_that_is_none_is_refused(values):
    with pytest.raises(UsageError, match="correction"):
        Correction.from_values(values)


def test_a_correction_is_written_and_read_as_it_is():
    for one in (Correction("name", ("a",), "민지"), Correction("merge", ("a", "b")), Correction("split", ("a",))):
        assert Correction.from_values(one.as_values()) == one
