"""How well the people of a group are told apart and named: ``members``.

**Stages**: films made by ``_stages`` (eight people each, all known in every frame; six have references, two are
strangers to the roster) are searched as ``fancam members`` does. ``together`` counts pairs of faces of one frame that
were given one person, ``purity`` is the share of faces whose group's commonest person is theirs, ``complete`` the share
that lies in their person's largest group (who is no person's more than another's is in no group); ``decided`` is the
share of members' faces that got a name, ``wrong`` of the named faces those whose name is another's, strangers named
count. Faces of 40 px and more, but for the scene "far". Rivals: connected components of all faces more alike than a
limit (``RIVAL``, the best one of TUNE), and the nearest reference whatever the margin. The limits of ``identity`` were
chosen on ``--half tune``; what is reported is the rest, whose first figures led to centroid linkage and to fragments.

**Photos**: ``obama_and_biden.jpg`` and the portrait of Obama at 240 to 1080 lines against references from other photos.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import _stages
from benchmarks._fancams import write_clip
from benchmarks._stages import FPS, HIDDEN, Person, Scene, Seen, Take
from fancam import faces, identity, nn, video
from fancam.identity import Member, Roster
from fancam.jobs import find
from fancam.jobs.context import Context
from fancam.jobs.persons import people_of, tracklets_of
from fancam.media import Picture
from fancam.pictures import open_picture, read_picture
from fancam.results import Naming, ScoredFace
from fancam.settings import Settings

Vectors = npt.NDArray[np.float32]
RIVAL = 0.55
"""Cosine above which the rival takes two faces for one person: of 0.3 to 0.8 the best on TUNE."""
LEAST_PX = 40


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What was found in a film."""

    scored: list[ScoredFace]
    """Tracked, nobody told apart yet."""
    vectors: Vectors
    truth: list[Seen | None]
    """Who each face is; None where nobody is."""
    expected: int
    """Faces that could be found in the frames looked at."""
    people: int
    """Who was to be seen there."""


def look(scene: Scene, people: Sequence[Person], data: Path) -> Looked:
    """Film a scene and search it."""
    seen: list[list[Seen]] = []

    def filmed() -> Iterator[Picture]:
        for pixels, who in _stages.frames_of(scene, people, data):
            seen.append(who)
            yield pixels

    settings = Settings()
    settings = replace(settings, scan=replace(settings.scan, candidates_per_pick=6))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stage.mp4"
        write_clip(filmed(), path, scene.crf, FPS)
        found = find.find_in_video(Context(settings, keep_vectors=True), video.open_video(path))
    assert found.vectors is not None
    scored = list(found.looked_at)
    frames = sorted({round(one.candidate.time_s * FPS) for one in scored})
    truth = [_whose(one, seen[round(one.candidate.time_s * FPS)]) for one in scored]
    visible = [one for number in frames for one in seen[number] if one.visible >= HIDDEN]
    return Looked(scored, found.vectors, truth, len(visible), len({one.person for one in visible}))


def joined(films: Sequence[Looked]) -> Looked:
    """Return what was found in several films as that of one."""
    scored = [
        replace(
            one, candidate=replace(one.candidate, pts=one.candidate.pts + number * 10**9),
            face=replace(one.face, track=None if one.face.track is None else one.face.track + number * 10**4),
        )
        for number, film in enumerate(films)
        for one in film.scored
    ]  # fmt: skip
    truth = [who for film in films for who in film.truth]
    people = len({who.person for who in truth if who is not None})
    return Looked(
        scored, np.concatenate([film.vectors for film in films]), truth, sum(film.expected for film in films), people
    )


def _whose(one: ScoredFace, seen: Sequence[Seen]) -> Seen | None:
    """Return whose face it is: of those that it covers by a third the one that shows most."""
    over = [(one.face.box.iou(who.box) * who.visible, who) for who in seen if one.face.box.iou(who.box) > 1 / 3]
    return max(over, key=lambda pair: pair[0], default=(0.0, None))[1]


def roster_of(people: Sequence[Person], count: int, data: Path) -> Roster:
    """Return those who have references, with so many of them."""
    embedder = faces.create_embedder(nn.ModelStore())
    members = []
    for person in people:
        looks = [_stages.read_take(take, data, only_first=True) for take in person.references[:count]]
        if looks:
            found = [one[0] for _, one in looks]
            vectors = embedder.embed([pixels[0] for pixels, _ in looks], [face.landmark_array for face in found])
            members.append(Member(person.name, vectors, tuple(identity.look_weight(face) for face in found)))
    return Roster(members)


# --- ways of telling people apart ------------------------------------------------------------------------------------

Told = list[tuple[Hashable, str | None]]
"""Of each face its group and its name."""


def ours(looked: Looked, roster: Roster | None = None, count: int | None = None) -> Told:
    """Tell people apart as fancam does."""
    tracklets, looks = tracklets_of(looked.scored, looked.vectors)
    persons, names = people_of(tracklets, roster, count)
    told: Told = [(None, None)] * len(looked.scored)
    for number, (own, person, naming) in enumerate(zip(looks, persons, names, strict=True)):
        name = None if naming is None else naming.member
        group = ("alone", number) if person is None else person
        for face in own:
            told[face] = (group if name is None else name, name)
    return told


def components(looked: Looked, limit: float = RIVAL) -> Told:
    """Tell people apart as is common: faces more alike than a limit are one person, and whoever they are alike to."""
    alike = looked.vectors @ looked.vectors.T > limit
    group = np.arange(len(alike))
    for first in range(len(alike)):
        for other in np.flatnonzero(alike[first]):
            group[group == group[other]] = group[first]
    return [(int(number), None) for number in group]


def nearest(looked: Looked, roster: Roster) -> Told:
    """Name each face after the nearest reference."""
    best = roster.similarities(looked.vectors).argmax(axis=1)
    return [(roster.names[number], roster.names[number]) for number in best]


# --- figures ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What one way made of one film, or of several."""

    faces: int = 0
    together: int = 0
    pure: int = 0
    complete: int = 0
    groups: int = 0
    people: int = 0
    of_members: int = 0
    decided: int = 0
    named: int = 0
    wrong: int = 0

    def add(self, other: Tally) -> None:
        """Add the figures of another film."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def line(self) -> str:
        """Return the figures as columns."""

        def share(part: int, whole: int) -> str:
            return f"{100 * part / whole:9.1f}" if whole else f"{'-':>9}"

        return (f"{self.faces:7d}{self.groups:5d} of {self.people:<3d}{self.together:9d}{share(self.pure, self.faces)}"
                f"{share(self.complete, self.faces)}{share(self.decided, self.of_members)}"
                f"{share(self.wrong, self.named)}")  # fmt: skip


HEADER = f"{'faces':>7}{'groups':>11}{'together':>10}{'purity':>9}{'complete':>9}{'decided':>9}{'wrong':>9}"


def tally(looked: Looked, told: Told, members: Sequence[str], least_px: float = LEAST_PX) -> Tally:
    """Return how right the groups and names are."""
    meant = [who is not None and who.box.height >= least_px for who in looked.truth]
    by_frame: dict[int, list[Hashable]] = {}
    for one, (group, _) in zip(looked.scored, told, strict=True):
        by_frame.setdefault(one.candidate.pts, []).append(group)
    of_group: dict[Hashable, Counter[str]] = {}
    of_person: dict[str, Counter[Hashable]] = {}
    result = Tally(people=looked.people)
    for who, (group, name), counts in zip(looked.truth, told, meant, strict=True):
        if name is not None and (counts or who is None):
            result.named, result.wrong = result.named + 1, result.wrong + (who is None or who.person != name)
        if who is None or not counts:
            continue
        of_group.setdefault(group, Counter())[who.person] += 1
        of_person.setdefault(who.person, Counter())[group] += 1
        if who.person in members:
            result.of_members, result.decided = result.of_members + 1, result.decided + (name is not None)
    alone = sum(isinstance(group, tuple) for group in of_group)
    result.faces, result.groups = sum(meant), len(of_group) - alone
    result.together = sum(a == b for groups in by_frame.values() for a, b in itertools.combinations(groups, 2))
    result.pure = sum(max(counts.values()) for counts in of_group.values())
    result.complete = sum(max(counts.values()) for counts in of_person.values())
    return result


Way = tuple[str, Callable[[Looked], Told]]


def ways(one: Roster, three: Roster) -> list[Way]:
    """Return what is compared."""
    return [
        ("no references", ours),
        ("number known", lambda film: ours(film, count=film.people)),
        ("1 reference", lambda film: ours(film, one)),
        ("3 references", lambda film: ours(film, three)),
        ("rival: limit, components", components),
        ("rival: nearest of 1", lambda film: nearest(film, one)),
        ("rival: nearest of 3", lambda film: nearest(film, three)),
    ]


def print_stages(people: Sequence[Person], data: Path) -> None:
    """Print the tables of the films."""
    one, three = roster_of(people, 1, data), roster_of(people, 3, data)
    print(f"{len(people)} people, {len(one)} of them members\n{'':28}{HEADER}")
    sums: dict[str, Tally] = {}
    films = []
    for scene in _stages.SCENES:
        looked = look(scene, people, data)
        films.append(looked)
        far = scene is _stages.SCENES[-1]
        found = sum(who is not None and who.visible >= HIDDEN for who in looked.truth)
        false = sum(who is None for who in looked.truth)
        print(f"{scene.name}: {found} of {looked.expected} faces found, {false} false", flush=True)
        for name, way in ways(one, three):
            figures = tally(looked, way(looked), one.names, 0 if far else LEAST_PX)
            print(f"  {name:26}{figures.line()}", flush=True)
            if not far:
                sums.setdefault(name, Tally()).add(figures)
    print("sum of the first three")
    for name, figures in sums.items():
        print(f"  {name:26}{figures.line()}")
    print("all four searched together, faces of every height")
    for name, way in ways(one, three):
        print(f"  {name:26}{tally(looked := joined(films), way(looked), one.names, 0).line()}", flush=True)


# --- photos ----------------------------------------------------------------------------------------------------------

PEOPLE = "photo/people"
REFERENCES = {
    "obama": ("obama/obama2.jpg", "obama/obama3.jpg"),
    "biden": ("biden/biden.jpg", "biden/biden2.jpg"),
}
LINES = (240, 360, 480, 720, 1080)


def print_photos(data: Path) -> None:
    """Print who is found in the photos of the ladder."""
    for count in (1, 2):
        members = tuple(
            Person(name, (), tuple(Take(f"{PEOPLE}/{file}") for file in files)) for name, files in REFERENCES.items()
        )
        roster = roster_of(members, count, data)
        settings = Settings()
        settings = replace(settings, pick=replace(settings.pick, all_faces=True))
        context = Context(settings, roster=roster)
        print(f"{count} references each, from other photos")
        for lines in LINES:
            rung = data / f"{PEOPLE}/obama/obama-{lines}p.jpg"
            if rung.is_file():
                print(f"  obama, {lines:5d} lines            {_named(context, rung)}")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "both.png"
                pixels = read_picture(data / "photo/group/obama_and_biden.jpg").pixels
                small = cv2.resize(pixels, None, fx=lines / 1428, fy=lines / 1428, interpolation=cv2.INTER_AREA)
                cv2.imwrite(str(path), small[:, :, ::-1])
                print(f"  obama_and_biden, {lines:5d} lines  {_named(context, path)}")


def _named(context: Context, path: Path) -> str:
    found = [moment.face for moment in find.find_in_photo(context, open_picture(path)).moments]
    return "; ".join(f"{face.box.height:.0f} px {_told(face.naming)}" for face in found if face is not None)


def _told(naming: Naming | None) -> str:
    assert naming is not None
    margin = "" if naming.margin is None else f" +{naming.margin:.2f}"
    return f"{naming.member or 'unsure'} ({naming.nearest} {naming.similarity:.2f}{margin})"


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks members", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    parser.add_argument("--half", choices=("report", "tune"), default="report", help="whose films")
    parser.add_argument("--only", choices=("stages", "photos"), help="one of the tables")
    given = parser.parse_args(arguments)
    if given.only in (None, "stages"):
        print_stages(_stages.TUNE if given.half == "tune" else _stages.REPORT, given.media / "data")
    if given.only in (None, "photos"):
        print_photos(given.media / "data")
