from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fancam import faces
from fancam.faces import link_tracks


def people(count: int, tracks: int, spread: float, seed: int = 0) -> dict[int, np.ndarray]:
    """Unit vectors of so many tracks of so many people in turn, each about as far from its person's mean."""
    random = np.random.default_rng(seed)
    means = random.normal(size=(count, 128))
    made = means[np.arange(tracks) % count] + spread * random.normal(size=(tracks, 128))
    return dict(enumerate((made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)))


@given(st.integers(1, 6), st.integers(1, 24), st.integers(0, 20))
def test_tracks_of_one_person_get_one_number(count, tracks, seed):
    linked = link_tracks(people(count, tracks, 0.4, seed), [])
    assert linked == {track: track % count for track in range(tracks)}


def test_two_who_were_seen_together_are_never_one_however_alike():
    twins = people(1, 4, 0.1)
    linked = link_tracks(twins, [(0, 1)])
    assert linked[0] != linked[1]


def test_people_who_look_alike_raise_the_limit_of_the_whole_clip():
    """0 and 1 stand together and come to 0.7: then 0.7 says nothing about 2 and 3 either."""
    axes = np.eye(4, dtype=np.float32)
    near = [axes[0], 0.7 * axes[0] + 0.714 * axes[1], axes[2], 0.7 * axes[2] + 0.714 * axes[3]]
    assert link_tracks(dict(enumerate(near)), [(0, 1)]) == {0: 0, 1: 1, 2: 2, 3: 3}
    assert link_tracks(dict(enumerate(near)), []) == {0: 0, 1: 0, 2: 2, 3: 2}


def test_a_singer_before_her_own_picture_on_the_wall_is_still_known_after_the_cut():
    here = people(1, 4, 0.1)
    assert set(link_tracks(here, [(0, 1)]).values()) == {0, 1}
    assert sorted(np.bincount([link_tracks(here, [(0, 1)])[track] for track in range(4)])) == [1, 3]


def test_no_tracks_are_nobody():
    assert link_tracks({}, []) == {}


@pytest.mark.slow
def test_portraits_of_two_men_are_two_people(shared):
    import fancam

    embedder = faces.create_embedder(fancam.default_store())
    if embedder is None:
        pytest.skip("needs the extra members")
    paths = [shared(f"data/photo/people/{name}") for name in (
        "obama/obama.jpg", "biden/biden.jpg", "obama/obama2.jpg", "biden/biden2.jpg", "obama/obama3.jpg"
    )]  # fmt: skip
    pictures = [fancam.open_picture(path).srgb() for path in paths]
    found = [max(fancam.detect_faces(path), key=lambda face: face.box.area) for path in paths]
    vectors = embedder.embed(pictures, [face.landmark_array for face in found])
    assert link_tracks(dict(enumerate(vectors)), []) == {0: 0, 1: 1, 2: 0, 3: 1, 4: 0}
