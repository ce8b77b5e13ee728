from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.faces import FaceTracker, track_faces
from fancam.faces.tracking import assign
from fancam.geometry import Box
from fancam.results import Candidate, Face


def face(x: float, y: float, height: float = 100.0) -> Face:
    width = 0.75 * height
    points = ((-0.2, -0.1), (0.2, -0.1), (0.0, 0.1), (-0.15, 0.25), (0.15, 0.25))
    return Face(
        Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2),
        tuple((x + u * width, y + v * height) for u, v in points),
        0.9,
    )


def moment(time_s: float, shot: int = 0) -> Candidate:
    return Candidate(pts=round(time_s * 90000), time_s=time_s, scan_score=1.0, shot=shot)


def numbers(moments) -> list[list[int]]:
    return [[each.track for each in faces] for faces in track_faces(moments)]


def test_a_face_that_moves_by_less_than_its_size_stays_one_track():
    assert numbers([(moment(0.5 * i), [face(300 + 40 * i, 200)]) for i in range(6)]) == [[0]] * 6


def test_two_people_keep_their_numbers_whatever_the_order_they_are_given_in():
    left, right = face(200, 200), face(500, 210)
    assert numbers([(moment(0), [left, right]), (moment(1), [right, left])]) == [[0, 1], [1, 0]]


def test_a_change_of_shot_ends_every_track():
    assert numbers([(moment(0, 0), [face(300, 200)]), (moment(0.1, 1), [face(300, 200)])]) == [[0], [1]]


def test_a_long_gap_ends_a_track_and_a_short_one_does_not():
    assert numbers([(moment(0), [face(300, 200)]), (moment(1), []), (moment(2.5), [face(320, 200)])]) == [[0], [], [0]]
    assert numbers([(moment(0), [face(300, 200)]), (moment(3.5), [face(300, 200)])]) == [[0], [1]]


def test_a_face_of_another_size_in_the_same_place_is_another_person():
    assert numbers([(moment(0), [face(300, 200, 60)]), (moment(0.3), [face(300, 200, 240)])]) == [[0], [1]]


def test_a_face_far_away_is_another_person():
    assert numbers([(moment(0), [face(300, 200)]), (moment(0.3), [face(900, 200)])]) == [[0], [1]]


def test_a_pan_that_moves_everyone_by_nearly_a_place_swaps_nobody():
    """The nearest match would give the second person's number to the first one; the best sum does not."""
    before = [face(300, 200), face(400, 200), face(500, 200)]
    after = [face(300 + 60, 200), face(400 + 60, 200), face(500 + 60, 200)]
    assert numbers([(moment(0), before), (moment(1.0), after)]) == [[0, 1, 2], [0, 1, 2]]


def test_moments_may_come_in_any_order_and_faces_stay_in_theirs():
    a, b, c = (
        (moment(0), [face(300, 200)]),
        (moment(1), [face(340, 200), face(800, 200)]),
        (moment(2), [face(380, 200)]),
    )
    assert numbers([c, a, b]) == [[0], [0], [0, 1]]


def test_a_tracker_fed_backwards_complains():
    tracker = FaceTracker()
    tracker.update(moment(2.0), [])
    with pytest.raises(ValueError, match="time order"):
        tracker.update(moment(1.0), [])


def test_nothing_but_the_track_of_a_face_changes():
    given_face = face(300, 200)
    ((tracked,),) = track_faces([(moment(0), [given_face])])
    assert replace(tracked, track=None) == given_face


def test_two_steps_to_the_side_are_likelier_than_one_who_stays_and_one_who_jumps():
    """The sum of the distances would choose the jump; that of their squares does not."""
    before = [face(300, 200), face(400, 215)]
    after = [face(412, 215), face(513, 200)]
    assert numbers([(moment(0), before), (moment(2.0), after)]) == [[0, 1], [0, 1]]


walks = st.lists(st.tuples(st.floats(-25, 25), st.floats(-25, 25)), min_size=2, max_size=12)


@given(st.lists(walks, min_size=1, max_size=4), st.floats(0.3, 1.5), st.randoms(use_true_random=False))
def test_people_who_keep_apart_are_never_mixed_up(people, gap_s, random):
    """Each wanders less than a third of a face per step around a place of their own, four faces apart."""
    places = [[(400.0 * number, 300.0)] for number in range(len(people))]
    for walk, place in zip(people, places, strict=True):
        for dx, dy in walk:
            x, y = place[-1][0] + dx, place[-1][1] + dy
            home = place[0]
            place.append((min(max(x, home[0] - 100), home[0] + 100), min(max(y, 200), 400)))
    moments, owners = [], []
    for step in range(max(map(len, places))):
        there = [number for number, place in enumerate(places) if step < len(place)]
        random.shuffle(there)
        moments.append((moment(step * gap_s), [face(*places[number][step]) for number in there]))
        owners.append(there)
    seen: dict[int, set[int]] = {}
    for faces, there in zip(track_faces(moments), owners, strict=True):
        for each, owner in zip(faces, there, strict=True):
            seen.setdefault(owner, set()).add(each.track)
    assert all(len(tracks) == 1 for tracks in seen.values())
    assert len(set().union(*seen.values())) == len(people)


scenes = st.lists(
    st.tuples(
        st.floats(0, 20),
        st.integers(0, 2),
        st.lists(
            st.tuples(st.floats(0, 1000), st.floats(0, 600), st.floats(20, 300)).map(lambda v: face(*v)), max_size=5
        ),
    ),
    max_size=10,
).map(lambda rows: [(moment(time_s, shot), faces) for time_s, shot, faces in rows])


@given(scenes)
def test_whatever_the_scene_no_track_is_twice_in_a_moment_or_in_two_shots(scene):
    tracked = track_faces(scene)
    assert tracked == track_faces(scene)
    shots: dict[int, set[int]] = {}
    for (candidate, faces), result in zip(scene, tracked, strict=True):
        assert [replace(each, track=None) for each in result] == list(faces)
        assert len({each.track for each in result}) == len(result)
        for each in result:
            shots.setdefault(each.track, set()).add(candidate.shot)
    assert all(len(where) == 1 for where in shots.values())
    assert set(shots) == set(range(len(shots)))


tables = st.integers(0, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.one_of(st.floats(0, 10), st.just(math.inf)), min_size=columns, max_size=columns),
        max_size=4,
    ).map(lambda rows: np.array(rows, float).reshape(len(rows), columns))
)


def cheapest(costs: np.ndarray) -> tuple[int, float]:
    """Minus the number of matches, and their sum: by trying everything."""
    best = (0, 0.0)
    for choice in itertools.product([None, *range(costs.shape[1])], repeat=costs.shape[0]):
        taken = [(row, column) for row, column in enumerate(choice) if column is not None]
        total = sum(costs[pair] for pair in taken)
        if len({column for _, column in taken}) == len(taken) and math.isfinite(total):
            best = min(best, (-len(taken), total))
    return best


def test_assignment_is_the_cheapest_for_many_drawn_tables():
    generator = np.random.default_rng(11)
    for _ in range(150):
        costs = generator.uniform(0, 1, generator.integers(1, 5, 2))
        costs[generator.uniform(0, 1, costs.shape) < 0.2] = math.inf
        taken = [(row, column) for row, column in enumerate(assign(costs)) if column is not None]
        assert (-len(taken), pytest.approx(sum(costs[pair] for pair in taken))) == cheapest(costs)


@given(tables)
def test_assignment_has_as_many_matches_as_can_be_and_then_the_smallest_sum(costs):
    rows = len(costs)
    chosen = assign(costs)
    used = [column for column in chosen if column is not None]
    assert len(chosen) == rows
    assert len(set(used)) == len(used)
    value = (-len(used), sum(costs[row, column] for row, column in enumerate(chosen) if column is not None))
    assert math.isfinite(value[1])
    best = cheapest(costs)
    assert value[0] == best[0]
    assert value[1] == pytest.approx(best[1], abs=1e-6)
