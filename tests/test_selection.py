from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam.facemesh import POINTS, FaceMesh
from fancam.geometry import Box
from fancam.picking import explain, lost_by, reject_reasons, runners_up, select, term_weights
from fancam.results import Candidate, Face, Score, ScoredFace
from fancam.settings import WEIGHT_PRESETS, PickSettings


def moment(
    time_s: float, value: float, *, shot: int = 0, x: float = 100.0, track: int | None = 0, **more
) -> ScoredFace:
    landmarks = ((x + 30, 140.0), (x + 70, 140.0), (x + 50, 160.0), (x + 35, 180.0), (x + 65, 180.0))
    face = Face(Box(x, 100.0, x + 100.0, 220.0), landmarks, 0.9, track)
    why = {"sharpness": more.get("sharpness", value), "exposure": 1.0}
    return ScoredFace(Candidate(round(time_s * 1000), time_s, 0.5, shot), face, Score(value, why, more.get("rejected")))


@st.composite
def moments(draw) -> list[ScoredFace]:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 400), st.integers(0, 100), st.integers(0, 2),
                st.sampled_from([None, None, None, "too_dark"]),
            ),
            max_size=40,
        )
    )  # fmt: skip
    made = {}
    for tick, value, person, rejected in rows:
        shot = tick // 100
        made[tick, person] = moment(
            tick / 20, 0.0 if rejected else value / 100, shot=shot, x=100.0 + 300 * person, track=person,
            rejected=rejected,
        )  # fmt: skip
    return list(made.values())


@given(moments(), st.integers(1, 10), st.sampled_from([0.0, 0.5, 0.8, 3.0]))
def test_picks_are_few_good_ordered_and_apart(scored, top, gap_s):
    picks = select(scored, PickSettings(top=top, min_gap_s=gap_s))
    assert len(picks) <= top
    assert all(p.score.rejected is None for p in picks)
    assert len({id(p) for p in picks}) == len(picks)
    assert [(-p.score.value, p.candidate.pts) for p in picks] == sorted(
        (-p.score.value, p.candidate.pts) for p in picks
    )
    for i, a in enumerate(picks):
        for b in picks[i + 1 :]:
            apart_s = abs(a.candidate.time_s - b.candidate.time_s)
            if a.candidate.shot == b.candidate.shot and a.candidate.pts != b.candidate.pts:
                assert apart_s >= gap_s
            if a.candidate.pts == b.candidate.pts:
                assert a.face.track != b.face.track


@given(moments(), st.integers(1, 5), st.randoms())
def test_the_best_face_is_picked_whatever_the_order_and_whatever_is_added_below_it(scored, top, random):
    settings = PickSettings(top=top)
    usable = [s for s in scored if s.score.rejected is None]
    if not usable:
        assert select(scored, settings) == []
        return
    best = min(usable, key=lambda s: (-s.score.value, s.candidate.pts, s.face.box.x0))
    shuffled = list(scored)
    random.shuffle(shuffled)
    assert select(shuffled, settings) == select(scored, settings)
    assert best in select([*scored, moment(99.0, 0.0, shot=9)], settings)


def test_two_frames_of_one_burst_never_both_become_cards():
    burst = [moment(5 + i / 30, 0.95 - i / 1000) for i in range(10)]
    picks = select([*burst, moment(9.0, 0.7)], PickSettings(top=5, min_gap_s=0.0))
    assert [p.candidate.time_s for p in picks] == [5.0, 9.0]


def test_a_cut_detected_inside_a_burst_does_not_give_it_two_cards():
    picks = select([moment(5.0, 0.9, shot=0), moment(5.1, 0.9, shot=1)], PickSettings(top=5))
    assert len(picks) == 1


def test_moments_of_different_shots_may_be_near():
    picks = select([moment(5.0, 0.9, shot=0), moment(5.1, 0.9, shot=1, x=700.0)], PickSettings(top=5))
    assert len(picks) == 2


def test_a_moment_far_away_beats_a_slightly_better_one_next_to_a_pick():
    scored = [moment(5.0, 0.90), moment(5.9, 0.88), moment(30.0, 0.84)]
    assert [p.candidate.time_s for p in select(scored, PickSettings(top=2))] == [5.0, 30.0]


def test_much_better_beats_different():
    scored = [moment(5.0, 0.90), moment(5.9, 0.88), moment(30.0, 0.40)]
    assert [p.candidate.time_s for p in select(scored, PickSettings(top=2))] == [5.0, 5.9]


def smiling(scored: ScoredFace, smile: float, jaw_open: float = 0.0) -> ScoredFace:
    movements = {"mouthSmileLeft": smile, "mouthSmileRight": smile, "jawOpen": jaw_open}
    mesh = FaceMesh(np.zeros((POINTS, 3), np.float32), movements)
    return replace(scored, face=replace(scored.face, mesh=mesh))


def test_another_expression_is_worth_more_than_the_same_picture_a_minute_later():
    first, twin = smiling(moment(5.0, 0.90), 0.8), smiling(moment(65.0, 0.88), 0.8)
    calm, laugh = smiling(moment(30.0, 0.84), 0.1), smiling(moment(40.0, 0.83), 0.8, 0.7)
    picks = select([first, twin, calm, laugh], PickSettings(top=3))
    assert [pick.candidate.time_s for pick in picks] == [5.0, 30.0, 40.0]
    assert len(select([first, twin, calm, laugh], PickSettings(top=4))) == 4


def test_where_no_expression_was_measured_moments_far_apart_are_no_twins():
    scored = [moment(5.0, 0.90), moment(65.0, 0.88), smiling(moment(30.0, 0.84), 0.1)]
    assert [pick.candidate.time_s for pick in select(scored, PickSettings(top=2))] == [5.0, 65.0]


def test_two_members_in_one_frame_may_both_become_cards_but_another_moment_comes_first():
    scored = [moment(5.0, 0.9, track=0), moment(5.0, 0.88, x=500.0, track=1), moment(20.0, 0.85, x=500.0, track=1)]
    assert [p.candidate.time_s for p in select(scored, PickSettings(top=2))] == [5.0, 20.0]
    assert len(select(scored, PickSettings(top=3))) == 3


def test_the_same_face_found_twice_in_a_frame_is_one_card():
    twice = [moment(5.0, 0.9, track=None), moment(5.0, 0.8, x=110.0, track=None)]
    assert len(select(twice, PickSettings(top=3))) == 1


def with_terms(scored: ScoredFace, **terms: float) -> ScoredFace:
    return replace(scored, score=replace(scored.score, why={**scored.score.why, **terms}))


@pytest.mark.parametrize("bad", [
    with_terms(moment(20.0, 0.8), eyes=0.6, visible=1.0),
    with_terms(moment(20.0, 0.8), eyes=1.0, visible=0.3),
    moment(20.0, 0.5),
])  # fmt: skip
def test_a_clip_is_not_filled_up_with_moments_that_fall_far_short_of_the_best(bad):
    good = [with_terms(moment(time_s, 0.9), eyes=1.0, visible=1.0) for time_s in (5.0, 10.0)]
    assert len(select([*good, bad], PickSettings(top=5))) == 2
    assert len(select([*good, bad], PickSettings(top=5, min_share=0.0))) == 3


def test_who_has_nothing_better_is_picked_all_the_same_and_so_is_the_best_of_each_stretch():
    good = [with_terms(moment(second, 0.9, track=0), eyes=1.0) for second in (5.0, 10.0)]
    narrow = with_terms(moment(5.0, 0.5, track=1, x=500.0), eyes=0.5)
    assert narrow in select([*good, narrow], PickSettings(top=5))
    blink = with_terms(moment(20.0, 0.5, track=0), eyes=0.5)
    assert blink not in select([*good, blink], PickSettings(top=5))
    assert blink in select([*good, blink], PickSettings(every_s=10.0))


def test_people_on_stage_together_take_turns():
    """The leader has the better face throughout, and is followed best; the other four are good enough."""
    scored = [
        moment(3.0 * second, 0.72 if person == 0 else 0.5 + person / 100, x=200.0 * person, track=person)
        for second in range(8) for person in range(5)
    ]  # fmt: skip
    picks = select(scored, PickSettings(top=6))
    counts = [sum(pick.face.track == person for pick in picks) for person in range(5)]
    assert min(counts) >= 1
    assert max(counts) <= 2


def test_a_dancer_far_behind_takes_no_turn_from_whom_the_video_is_of():
    def far(time_s: float) -> ScoredFace:
        scored = moment(time_s, 0.45, x=500.0, track=1)
        return replace(scored, face=replace(scored.face, box=Box(500, 100, 540, 150)))

    scored = [one for second in range(8) for one in (moment(3.0 * second, 0.6, track=0), far(3.0 * second))]
    assert {pick.face.track for pick in select(scored, PickSettings(top=4))} == {0}


def test_each_stretch_gives_its_best():
    scored = [moment(float(second), 0.3 + (second * 7 % 10) / 20) for second in range(60)]
    picks = select(scored, PickSettings(every_s=10.0))
    best = [max(range(10 * k, 10 * k + 10), key=lambda second: second * 7 % 10) for k in range(6)]
    assert sorted(pick.candidate.time_s for pick in picks) == best


def test_a_stretch_that_is_shorter_than_the_gap_has_its_pick_all_the_same():
    scored = [moment(tick / 20, 0.5 + (tick % 10 == 5) / 10) for tick in range(100)]
    assert len(select(scored, PickSettings(every_s=0.5))) == 10


def test_stretches_begin_where_the_look_begins():
    scored = [moment(12.0, 0.8), moment(19.0, 0.9), moment(21.0, 0.7)]
    assert len(select(scored, PickSettings(every_s=10.0))) == 2
    assert [pick.candidate.time_s for pick in select(scored, PickSettings(every_s=10.0), 12.0)] == [19.0]


@given(moments(), st.integers(1, 3), st.integers(1, 3))
def test_no_shot_and_no_person_has_more_than_its_share(scored, per_shot, per_person):
    picks = select(scored, PickSettings(per_shot=per_shot, per_person=per_person, min_gap_s=0.1))
    shots = {pick.candidate.shot for pick in picks}
    assert all(sum(pick.candidate.shot == shot for pick in picks) <= per_shot for shot in shots)
    assert all(sum(pick.face.track == person for pick in picks) <= per_person for person in range(3))


@given(moments(), st.integers(1, 5), st.integers(0, 3))
def test_runners_up_are_no_picks_of_the_same_person_and_shot_and_stand_beside_one_pick_only(scored, top, count):
    settings = PickSettings(top=top, runners_up=count)
    picks = select(scored, settings)
    beaten = runners_up(picks, scored, settings)
    assert len(beaten) == len(picks)
    ids = [id(one) for faces in beaten for one in faces] + [id(pick) for pick in picks]
    assert len(set(ids)) == len(ids)
    for pick, faces in zip(picks, beaten, strict=True):
        assert len(faces) <= count
        far = [abs(one.candidate.time_s - pick.candidate.time_s) > settings.min_gap_s for one in faces]
        assert [(f, -one.score.value) for f, one in zip(far, faces, strict=True)] == sorted(
            (f, -one.score.value) for f, one in zip(far, faces, strict=True)
        )
        assert all((one.face.track, one.candidate.shot) == (pick.face.track, pick.candidate.shot) for one in faces)
        assert all(one.score.rejected is None and one.score.value <= pick.score.value for one in faces)


def test_a_pick_keeps_the_two_best_that_it_beat_in_its_burst():
    burst = [moment(5 + i / 10, 0.9 - i / 10) for i in range(5)]
    settings = PickSettings(top=1)
    (beaten,) = runners_up(select(burst, settings), burst, settings)
    assert [one.candidate.time_s for one in beaten] == [5.1, 5.2]


def test_every_face_that_was_not_picked_is_counted_once():
    scored = [
        moment(1.0, 0.9), moment(1.1, 0.8), moment(2.5, 0.0, rejected="too_dark"),
        moment(4.0, 0.0, rejected="too_dark"), moment(6.0, 0.0, rejected="too_soft"),
    ]  # fmt: skip
    picks = select(scored, PickSettings(top=3))
    assert reject_reasons(scored, picks) == {"not_needed": 1, "too_dark": 2, "too_soft": 1}


def test_the_reason_names_rank_size_and_pose():
    scored = [moment(float(i), 0.5, sharpness=i / 10) for i in range(10)]
    assert explain(scored[8], scored) == "sharper than 8 of 9 looked at; face 120 px; facing the camera"
    nose_aside = replace(scored[8].face, landmarks=((130, 140), (170, 140), (162, 160), (135, 180), (165, 180)))
    assert "27° turned" in explain(replace(scored[8], face=nose_aside), scored)
    assert explain(moment(1.0, 0.0, rejected="face_too_small"), scored) == "rejected: face too small"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ({"eyes": 0.9, "visible": 1.0, "head": 1.0, "mouth": 1.0}, ["eyes open"]),
        (
            {"eyes": 0.5, "visible": None, "head": 0.0},
            ["eyes half closed", "hair near or beyond the edge of the frame"],
        ),
        ({"eyes": 0.0, "visible": 0.2, "mouth": 0.3}, ["eyes shut", "partly covered", "mid-word"]),
        ({"eyes": None, "exposure": 0.1}, ["poor light"]),
    ],
)
def test_the_reason_says_what_is_wrong_with_a_face_and_nothing_that_was_not_measured(why, said):
    scored = replace(moment(1.0, 0.5), score=Score(0.5, {"sharpness": 0.5, **why}))
    assert explain(scored, [scored]).split("; ")[3:] == said


@pytest.mark.parametrize("top", [1, 3])
def test_nothing_scored_gives_no_picks(top):
    assert select([], PickSettings(top=top)) == []
    assert reject_reasons([], []) == {}


def test_a_runner_up_lost_by_the_term_that_counts_most_and_not_by_the_one_that_differs_most():
    settings = PickSettings()
    pick = replace(moment(5.0, 0.9), score=Score(0.9, {"sharpness": 0.9, "confidence": 0.95, "eyes": None}))
    other = replace(moment(5.2, 0.8), score=Score(0.8, {"sharpness": 0.75, "confidence": 0.6, "eyes": 0.1}))
    assert lost_by(other, pick, settings) == "lost by sharpness: 0.75 to 0.90"
    assert lost_by(other, pick, PickSettings(weights="sharpness=0")) == "lost by confidence: 0.60 to 0.95"
    assert lost_by(replace(other, score=pick.score), pick, settings) == "as good, 0.20 s away"


@pytest.mark.parametrize("name", WEIGHT_PRESETS)
def test_the_named_weights_weigh_terms(name):
    named, usual = term_weights(PickSettings(weights=name)), term_weights(PickSettings())
    assert named.keys() == usual.keys()
    assert named != usual
