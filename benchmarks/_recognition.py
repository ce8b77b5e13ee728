"""How well an embedding tells people apart at face heights, from a roster, and in what time: the tables of identity."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._people import Portrait
from fancam import faces, nn
from fancam.faces.centerface import read_network
from fancam.identity import Member, Roster, name_people, tracklet
from fancam.media import Picture
from fancam.results import Embedder, Face
from fancam.settings import FaceSettings

Vectors = npt.NDArray[np.float32]
HEIGHTS_PX = (12, 16, 20, 24, 32, 40, 80)
STAGE_PX = 40
"""Height of the faces that are put under stage light."""
FOUND_WITHIN = 0.15
"""Mean distance of the landmarks from their true places, in heights of the face, up to which a face is found again."""
LIMITS = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60)
ROSTER = (
    "obama", "biden", "einstein", "east-asian-2", "signer-1", "signer-2", "signer-3", "signer-4", "signer-5",
)  # fmt: skip
"""Those of whom there are several photos, clips, or moments of a clip."""
DRAWS = 40
"""How often references are drawn by lot."""
_DETECTED_PX = 256
"""Long edge at which a face with its surroundings is searched for: the face fills a third of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Faces as they are recognised: whose, from where, and their vectors."""

    people: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    """File; looks from one file are no independent ones."""
    vectors: Vectors

    def pairs(self, other: Looks) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the cosines of pairs of one person from two files, and of two people."""
        cosines = self.vectors.astype(np.float64) @ other.vectors.T.astype(np.float64)
        same = self.people[:, None] == other.people
        return cosines[same & (self.sources[:, None] != other.sources)], cosines[~same]

    def only(self, people: Collection[str]) -> Looks:
        """Return the looks at some people."""
        chosen = np.isin(self.people, sorted(people))
        return Looks(self.people[chosen], self.sources[chosen], self.vectors[chosen])


def looks(portraits: Sequence[Portrait], vectors: Vectors) -> Looks:
    """Return portraits with their vectors."""
    people = np.array([one.person for one in portraits])
    # The dancer has one clip, whose moments are seconds apart.
    sources = [one.source if one.person == "east-asian-2" else one.source.split("@")[0] for one in portraits]
    return Looks(people, np.array(sources), vectors)


class SmallFaces:
    """Shrinks faces and finds their landmarks anew, as a detector would see them."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        settings = FaceSettings(min_face_px=8)
        self._detector = faces.create_detector(settings, nn.ModelStore(), long_edges_px=(_DETECTED_PX,))

    def looks(self, portraits: Sequence[Portrait], height_px: int, *, stage: bool = False) -> Looks:
        """Return those that are large enough and are found again; under coloured light and moving where asked."""
        kept, pictures, marks = [], [], []
        for portrait in portraits:
            if portrait.face.box.height < height_px:
                continue
            small, true = shrunk(portrait, height_px)
            small = _on_stage(small) if stage else small
            found = self._landmarks(small, true, height_px)
            if found is not None:
                kept.append(portrait)
                pictures.append(small)
                marks.append(found)
        return looks(kept, self._embedder.embed(pictures, marks))

    def _landmarks(
        self, small: Picture, true: npt.NDArray[np.floating], height_px: int
    ) -> npt.NDArray[np.float32] | None:  # fmt: skip
        factor = max(_DETECTED_PX / max(small.shape[:2]), 1.0)
        large = np.asarray(cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)

        def distance(face: Face) -> float:
            return float(np.linalg.norm(face.landmark_array / factor - true, axis=1).mean())

        nearest = min(self._detector.detect([large])[0], key=distance, default=None)
        near = nearest is not None and distance(nearest) <= FOUND_WITHIN * height_px
        return np.asarray(nearest.landmark_array / factor, np.float32) if nearest is not None and near else None


def shrunk(portrait: Portrait, height_px: int) -> tuple[Picture, npt.NDArray[np.floating]]:
    """Return the surroundings of a face that is then so high, and its landmarks in them."""
    part = portrait.face.box.grown(1.0).clipped(portrait.pixels.shape[1], portrait.pixels.shape[0])
    rows, columns = part.as_slices()
    seen = portrait.pixels[rows, columns]
    factor = height_px / portrait.face.box.height
    size = (max(round(seen.shape[1] * factor), 1), max(round(seen.shape[0] * factor), 1))
    small = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.uint8)
    scale = np.array(size) / np.array(seen.shape[1::-1])
    return small, (portrait.face.landmark_array - [columns.start, rows.start]) * scale


def _on_stage(picture: Picture) -> Picture:
    """Return a picture under dim magenta light, moved by a tenth of a face 40 px high, as a JPEG of quality 50."""
    lit = 255 * (picture / 255) ** 1.5 * np.array([1.2, 0.55, 1.1])
    moved = cv2.blur(lit.clip(0, 255).astype(np.uint8), (5, 1))
    _, data = cv2.imencode(".jpg", moved[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


def print_heights(rows: dict[str, Looks], full: Looks) -> None:
    """Print cosines of small faces with large ones, and of small ones with each other."""
    print(f"\n{'height':>10}{'against':>9}{'faces':>7}{'area':>8}   {'one person: 1 %, 5 %, median':30}"
          "two: median, 95, 99, 99.9 %, most")  # fmt: skip
    for name, small in rows.items():
        for against, other in (("large", full), ("its own", small)):
            same, two = small.pairs(other)
            print(f"{name:>10}{against:>9}{len(small.people):7d}{np.mean(same[:, None] > two):8.4f}   "
                  + f"{'  '.join(f'{v:5.2f}' for v in np.percentile(same, [1, 5, 50])):30}"
                  + "  ".join(f"{v:.2f}" for v in np.percentile(two, [50, 95, 99, 99.9, 100])))  # fmt: skip
    print(f"\npairs of two people above a limit / of one person below it, in %, height against its own\n{'':>10}"
          + "".join(f"{limit:16.2f}" for limit in LIMITS))  # fmt: skip
    for name, small in rows.items():
        same, two = small.pairs(small)
        cells = [f"{100 * np.mean(two >= limit):8.2f} /{100 * np.mean(same < limit):5.1f} " for limit in LIMITS]
        print(f"{name:>10}" + "".join(cells))


def print_roster(rows: dict[str, Looks], full: Looks) -> None:
    """Print how well members are named from one and from three references, each drawn by lot from other files."""
    print(f"\nroster of {len(ROSTER)}, {DRAWS} draws of references; as named: by the limits of the product")
    print(f"{'probes':>10}{'references':>12}{'named':>8}{'first guess':>13}{'decided at 99 %':>17}"
          f"{'as named':>10}{'wrong':>8}")  # fmt: skip
    for name, probes in rows.items():
        for count in (1, 3):
            tried = [_draw(full, probes, count, np.random.default_rng(seed)) for seed in range(DRAWS)]
            right = np.concatenate([one[0] for one in tried])
            margins = np.concatenate([one[1] for one in tried])
            sure = np.concatenate([one[2] for one in tried])
            print(f"{name:>10}{count:12d}{len(right):8d}{np.mean(right):12.1%} {_decided(right, margins):16.1%} "
                  f"{np.mean(sure):9.1%}{np.mean(~right[sure]):8.2%}", flush=True)  # fmt: skip


_Draw = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.bool_]]


def _draw(full: Looks, probes: Looks, count: int, random: np.random.Generator) -> _Draw:
    """Return per probe whether the first guess is right, its margin, and whether the product decides."""
    members, used = [], defaultdict(set)
    for person in ROSTER:
        sources = random.permutation(np.unique(full.sources[full.people == person]))
        # One file is left for the probes; where there are too few, a file gives several looks.
        given = sources[: max(min(count, len(sources) - 1), 1)]
        own = np.flatnonzero((full.people == person) & np.isin(full.sources, given))
        used[person] = set(given)
        vectors = full.vectors[random.permutation(own)[:count]]
        members.append(Member(person, vectors, (1.0,) * len(vectors)))
    roster = Roster(members)
    asked = [n for n, who in enumerate(probes.people) if who in ROSTER and probes.sources[n] not in used[str(who)]]
    named = name_people([tracklet(probes.vectors[n][None], [1.0], [100.0], [n]) for n in asked], roster)
    right = np.array([one.nearest == probes.people[n] for one, n in zip(named, asked, strict=True)])
    margins = np.array([one.margin for one in named], np.float64)
    return right, margins, np.array([one.member is not None for one in named])


def _decided(right: npt.NDArray[np.bool_], margins: npt.NDArray[np.float64]) -> float:
    """Return the largest share of probes, the widest margins first, of which 99 in 100 are right."""
    ordered = right[np.argsort(-margins, kind="stable")]
    precise = np.flatnonzero(np.cumsum(ordered) >= 0.99 * np.arange(1, len(ordered) + 1))
    return (precise[-1] + 1) / len(ordered) if len(precise) else 0.0


def print_times(embedder: Embedder, portraits: Sequence[Portrait]) -> None:
    """Print the time per face: alone, in one call of 16 (both with alignment), and in one pass of the network."""
    some = list(portraits)[:16]
    pictures, marks = [one.pixels for one in some], [one.face.landmark_array for one in some]
    network = read_network(nn.ModelStore().locate(embedder.name))
    blob = np.random.default_rng(0).uniform(0, 255, (16, 3, 112, 112)).astype(np.float32)

    def batch() -> None:
        network.setInput(blob, "data")
        network.forward()

    calls = {
        "one face a call": lambda: [embedder.embed([a], [b]) for a, b in zip(pictures, marks, strict=True)],
        "16 faces a call": lambda: embedder.embed(pictures, marks),
        "16 faces a pass of the network": batch,
    }
    print(f"\n{'ms per face, least of 9 runs':36}{'by the clock':>14}{'of processor':>14}")
    for name, call in calls.items():
        call()
        seconds = []
        for _ in range(9):
            start = time.perf_counter(), time.process_time()
            call()
            seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        clock, processor = np.min(seconds, axis=0) * 1000 / len(some)
        print(f"{name:36}{clock:14.1f}{processor:14.1f}")
