"""How well faces are told apart, what enlarging costs in likeness, and what the guard makes of bad priors.

``sim`` is the cosine similarity of the embeddings of the camera's face (cubic) and of the other picture, ``drift`` the
largest movement of a landmark in eye distances, ``lost`` counts faces with a landmark that is not recognised any more.
The camera's face is the source shrunk so that the eyes are 32 px apart: a face about 75 px high.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._people import EAST_ASIAN, Portrait, portraits
from fancam import faces, nn
from fancam.enhancing import Engine
from fancam.enhancing.guard import NOT_FOUND, FaceTrial, Guard, landmark_drift
from fancam.enhancing.prior.alignment import TEMPLATE, align, cut_face
from fancam.media import Picture
from fancam.nn.networks import load_upscaler
from fancam.results import Embedder
from fancam.settings import EnhanceSettings, FaceSettings, GuardSettings
from tests.made_priors import Prior, blend, eyes_moved, sharpener, stranger

Vectors = npt.NDArray[np.float32]
CAMERA_EYE_DISTANCE_PX = 32.0
"""Of a face about 75 px high."""
STRENGTHS = (0.25, 0.5, 1.0)


def main(arguments: list[str]) -> None:
    """Print the tables."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="identity", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--faces", type=int, default=8, help="how many people are enlarged and judged")
    parser.add_argument("--x4plus", type=int, default=1, help="how many of them realesrgan-x4plus enlarges as well")
    options = parser.parse_args(arguments)
    embedder = faces.create_embedder(nn.ModelStore())
    people = list(portraits(options.media))
    vectors = embedder.embed([p.pixels for p in people], [p.face.landmark_array for p in people])
    _print_pairs(people, vectors)
    detector = faces.create_detector(FaceSettings(), nn.ModelStore())
    landmarker = faces.create_landmarker(detector)
    chosen = _one_each(people, options.faces)
    trials = _enlarged(chosen, "realesr-animevideov3")
    _print_variants(chosen, trials, embedder, options.x4plus)
    _print_verdicts(trials, Guard(GuardSettings(), embedder, landmarker))


def _print_pairs(people: Sequence[Portrait], vectors: Vectors) -> None:
    groups: dict[str, list[float]] = {"same person": [], "two people": [], "two East-Asian women": []}
    for (one, a), (other, b) in itertools.combinations(zip(people, vectors, strict=True), 2):
        if one.person != other.person:
            groups["two people"].append(float(a @ b))
            if {one.person, other.person} <= EAST_ASIAN:
                groups["two East-Asian women"].append(float(a @ b))
        elif one.source.split("@")[0] != other.source.split("@")[0] or one.person == "east-asian-2":
            groups["same person"].append(float(a @ b))
    same, two = np.array(groups["same person"]), np.array(groups["two people"])
    limits = np.unique(np.concatenate([same, two]))
    accuracy = [(np.mean(same >= limit) + np.mean(two < limit)) / 2 for limit in limits[:: max(len(limits) // 500, 1)]]
    best = float(limits[:: max(len(limits) // 500, 1)][int(np.argmax(accuracy))])
    print(f"{len({p.person for p in people})} people, {len(people)} faces; area under the ROC curve "
          f"{np.mean(same[:, None] > two):.4f}, balanced accuracy {max(accuracy):.3f} at {best:.2f}")  # fmt: skip
    print(f"{'pairs':24}{'number':>8}{'5 %':>8}{'median':>8}{'95 %':>8}")
    for name, values in groups.items():
        low, middle, high = np.percentile(values, [5, 50, 95])
        print(f"{name:24}{len(values):8d}{low:8.2f}{middle:8.2f}{high:8.2f}")


def _one_each(people: Sequence[Portrait], count: int) -> list[Portrait]:
    """Return one natural picture of each of some people, large ones first in the media's order."""
    seen: dict[str, Portrait] = {}
    for portrait in people:
        if "outputs" not in portrait.source and portrait.face.eye_distance_px >= 28:
            seen.setdefault(portrait.person, portrait)
    return list(seen.values())[:count]


def _small(portrait: Portrait) -> tuple[Picture, npt.NDArray[np.float32]]:
    """Return the surroundings of the face with eyes 32 px apart, and the landmarks in it."""
    box = portrait.face.box.grown(0.6).clipped(portrait.pixels.shape[1], portrait.pixels.shape[0])
    rows, columns = box.as_slices()
    part = portrait.pixels[rows, columns]
    landmarks = portrait.face.landmark_array - np.array([columns.start, rows.start], np.float32)
    factor = min(CAMERA_EYE_DISTANCE_PX / portrait.face.eye_distance_px, 1.0)
    size = (max(round(part.shape[1] * factor), 1), max(round(part.shape[0] * factor), 1))
    shrunk = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    factors = np.array(size, np.float32) / np.array(part.shape[1::-1], np.float32)
    return shrunk, np.asarray(landmarks * factors, np.float32)


def _square(pixels: Picture, landmarks: npt.NDArray[np.floating]) -> Picture:
    return (cut_face(pixels, align(landmarks)) * 255).round().astype(np.uint8)


def _enlarged(people: Sequence[Portrait], upscaler: str) -> list[tuple[Picture, Picture]]:
    """Return the camera's and the enlarged face of each, in face space."""
    settings = EnhanceSettings(device="cpu", upscaler=upscaler)
    network = load_upscaler(settings, nn.ModelStore())
    assert network is not None
    small = [_small(portrait) for portrait in people]
    large = Engine.with_network(settings, network).upscale([pixels for pixels, _ in small])
    return [
        (_square(pixels, landmarks), _square(np.asarray(printed, np.uint8), landmarks * 4))
        for (pixels, landmarks), printed in zip(small, large, strict=True)
    ]


def _print_variants(
    people: Sequence[Portrait],
    trials: Sequence[tuple[Picture, Picture]],
    embedder: Embedder,
    x4plus: int,
) -> None:
    cameras = [camera for camera, _ in trials]
    lanczos = []
    for portrait in people:
        pixels, landmarks = _small(portrait)
        large = cv2.resize(pixels, None, fx=4, fy=4, interpolation=cv2.INTER_LANCZOS4)
        lanczos.append(_square(np.asarray(large, np.uint8), landmarks * 4))
    variants = {
        "bicubic": cameras,
        "lanczos x4": lanczos,
        "animevideov3 x4": [network for _, network in trials],
        "sharpened": [sharpener()(camera) for camera in cameras],
        "eyes moved 8 %": [eyes_moved(0.08)(camera) for camera in cameras],
        "the next person": [*cameras[1:], cameras[0]],
    }
    if x4plus:
        variants["x4plus x4"] = [network for _, network in _enlarged(people[-x4plus:], "realesrgan-x4plus")]
    print(
        f"\n{'camera against':24}{'faces':>6}{'sim 5 %':>9}{'median':>8}{'drift median':>14}{'largest':>10}{'lost':>7}"
    )
    for name, pictures in variants.items():
        against = cameras[-len(pictures) :]
        vectors = [embedder.embed(some, [TEMPLATE] * len(some)) for some in (against, pictures)]
        similarities = (vectors[0] * vectors[1]).sum(axis=1)
        drifts = [landmark_drift(a, b) for a, b in zip(against, pictures, strict=True)]
        known = [drift for drift in drifts if drift is not None and drift != NOT_FOUND]
        lost = len(drifts) - len(known)
        print(f"{name:24}{len(pictures):6d}{np.percentile(similarities, 5):9.3f}{np.median(similarities):8.3f}"
              + (f"{np.median(known):14.3f}{max(known):10.3f}" if known else f"{'-':>14}{'-':>10}")
              + f"{lost:7d}")  # fmt: skip


def _print_verdicts(trials: Sequence[tuple[Picture, Picture]], guard: Guard) -> None:
    cameras = [camera for camera, _ in trials]
    priors: dict[str, list[Prior]] = {
        "sharpener": [sharpener()] * len(trials),
        "eyes moved 4 %": [eyes_moved(0.04)] * len(trials),
        "eyes moved 8 %": [eyes_moved(0.08)] * len(trials),
        "the next person": [stranger(other) for other in [*cameras[1:], cameras[0]]],
    }
    print("\nguard: mean strength allowed (share of faces left at full, driven to none)")
    print(f"{'prior':20}" + "".join(f"{f'asked {strength}':>20}" for strength in STRENGTHS))
    for name, drawn_by in priors.items():
        line = f"{name:20}"
        for strength in STRENGTHS:
            made = []
            for (camera, network), prior in zip(trials, drawn_by, strict=True):
                drawn = prior(network)
                made.append(
                    FaceTrial(camera, network, lambda s, n=network, d=drawn: blend(n, d, s), strength)  # type: ignore[misc]  # bound now
                )
            allowed = np.array([verdict.strength for verdict in guard.judge(made)])
            line += f"{allowed.mean():8.2f} ({np.mean(allowed == strength):4.0%},{np.mean(allowed == 0):5.0%})"
        print(line, flush=True)
