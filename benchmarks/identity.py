"""How well faces are told apart, what enlarging costs in likeness, and what the guard makes of bad priors.

Without ``--guard``: pairs of the portraits and of two frames of each clip (on which the limits of the guard and of
groups were chosen), then small faces and a roster, on more frames of the same clips. Small faces are shrunk without a
coder, and their landmarks found anew; "stage" is dim magenta light, motion blur, and JPEG at quality 50.

With ``--guard``: ``sim`` is the cosine similarity of the embeddings of the camera's face (cubic) and of the other
picture, ``drift`` the largest movement of a landmark in eye distances, ``lost`` counts faces with a landmark that is
not recognised any more. The camera's face is the source shrunk so that the eyes are 32 px apart: a face about 75 px
high.

In one run dlib's ResNet, which came before, had an area under the ROC curve of 0.9990 where SFace has 1.0000; 0.50 in
the median for two East-Asian women where SFace has 0.19.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks._people import EAST_ASIAN, Portrait, portraits
from benchmarks._recognition import (
    HEIGHTS_PX,
    STAGE_PX,
    Looks,
    SmallFaces,
    looks,
    print_heights,
    print_roster,
    print_times,
)
from fancam import faces, nn
from fancam.enhancing import Engine
from fancam.enhancing.guard import NOT_FOUND, FaceTrial, Guard, landmark_drift
from fancam.enhancing.prior.alignment import TEMPLATE, align, cut_face
from fancam.media import Picture
from fancam.nn.networks import load_upscaler
from fancam.pictures import read_picture
from fancam.results import Embedder
from fancam.settings import EnhanceSettings, FaceSettings, GuardSettings
from tests.made_priors import Prior, blend, eyes_moved, sharpener, stranger

CAMERA_EYE_DISTANCE_PX = 32.0
"""Of a face about 75 px high."""
STRENGTHS = (0.25, 0.5, 1.0)
PUBLISHED = (("blurry-face", "GFPGANv1.4"), ("blurry-face", "codeformer"), ("lr-face", "RestoreFormer"))
"""Golden input to the restorer whose output is here."""
MORE_FRAMES = (2, 10, 18, 26, 34, 42)
"""Of the signers' clips, hands before the face included."""


def main(arguments: list[str]) -> None:
    """Print the tables."""
    media = Path(__file__).parents[2] / "shared"
    parser = argparse.ArgumentParser(prog="identity", description=__doc__)
    parser.add_argument("--media", type=Path, default=media, help="the folder that holds data/")
    parser.add_argument("--guard", action="store_true", help="what enlarging and priors cost, and what the guard does")
    parser.add_argument("--faces", type=int, default=8, help="how many people are enlarged and judged")
    parser.add_argument("--x4plus", type=int, default=1, help="how many of them realesrgan-x4plus enlarges as well")
    options = parser.parse_args(arguments)
    embedder = faces.create_embedder(nn.ModelStore())
    people = list(portraits(options.media))
    _print_pairs(looks(people, embedder.embed([p.pixels for p in people], [p.face.landmark_array for p in people])))
    if not options.guard:
        more = list(portraits(options.media, MORE_FRAMES))
        full = looks(more, embedder.embed([p.pixels for p in more], [p.face.landmark_array for p in more]))
        small = SmallFaces(embedder)
        rows = {str(height): small.looks(more, height) for height in HEIGHTS_PX}
        rows |= {f"{STAGE_PX}, stage": small.looks(more, STAGE_PX, stage=True), "as it is": full}
        print_heights(rows, full)
        print_roster(rows, full)
        print_times(embedder, more)
        return
    detector = faces.create_detector(FaceSettings(), nn.ModelStore())
    landmarker = faces.create_landmarker(detector)
    chosen = _one_each(people, options.faces)
    trials = _enlarged(chosen, "realesr-animevideov3")
    _print_variants(chosen, trials, embedder, options.x4plus)
    _print_losses(_one_each(people, len(people)), embedder, options.media)
    _print_verdicts(trials, Guard(GuardSettings(), embedder, landmarker))


def _print_pairs(all_looks: Looks) -> None:
    east = all_looks.only(EAST_ASIAN)
    same, two = all_looks.pairs(all_looks)
    groups = {"same person": same, "two people": two, "two East-Asian women": east.pairs(east)[1]}
    limits = np.unique(np.concatenate([same, two]))[:: max((len(same) + len(two)) // 500, 1)]
    accuracy = [(np.mean(same >= limit) + np.mean(two < limit)) / 2 for limit in limits]
    print(f"{len(set(all_looks.people))} people, {len(all_looks.people)} faces; area under the ROC curve "
          f"{np.mean(same[:, None] > two):.5f}, balanced accuracy {max(accuracy):.3f} at "
          f"{limits[int(np.argmax(accuracy))]:.2f}")  # fmt: skip
    print(f"{'pairs':24}{'number':>8}{'least':>8}{'5 %':>8}{'median':>8}{'95 %':>8}{'most':>8}")
    for name, values in groups.items():
        print(
            f"{name:24}{len(values) // 2:8d}" + "".join(f"{v:8.2f}" for v in np.percentile(values, [0, 5, 50, 95, 100]))
        )


def _one_each(people: Sequence[Portrait], count: int) -> list[Portrait]:
    """Return one natural picture of each of some people, large ones first in the media's order."""
    seen: dict[str, Portrait] = {}
    for portrait in people:
        if "outputs" not in portrait.source and portrait.face.eye_distance_px >= 28:
            seen.setdefault(portrait.person, portrait)
    return list(seen.values())[:count]


def _small(
    portrait: Portrait, eye_distance_px: float = CAMERA_EYE_DISTANCE_PX
) -> tuple[Picture, npt.NDArray[np.float32]]:  # fmt: skip
    """Return the surroundings of the face with eyes so far apart, and the landmarks in it."""
    box = portrait.face.box.grown(0.6).clipped(portrait.pixels.shape[1], portrait.pixels.shape[0])
    rows, columns = box.as_slices()
    part = portrait.pixels[rows, columns]
    landmarks = portrait.face.landmark_array - np.array([columns.start, rows.start], np.float32)
    factor = min(eye_distance_px / portrait.face.eye_distance_px, 1.0)
    size = (max(round(part.shape[1] * factor), 1), max(round(part.shape[0] * factor), 1))
    shrunk = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    factors = np.array(size, np.float32) / np.array(part.shape[1::-1], np.float32)
    return shrunk, np.asarray(landmarks * factors, np.float32)


def _square(pixels: Picture, landmarks: npt.NDArray[np.floating]) -> Picture:
    return (cut_face(pixels, align(landmarks)) * 255).round().astype(np.uint8)


def _enlarged(
    people: Sequence[Portrait], upscaler: str, eye_distance_px: float = CAMERA_EYE_DISTANCE_PX
) -> list[tuple[Picture, Picture]]:  # fmt: skip
    """Return the camera's and the enlarged face of each, in face space."""
    settings = EnhanceSettings(device="cpu", upscaler=upscaler)
    network = load_upscaler(settings, nn.ModelStore())
    assert network is not None
    small = [_small(portrait, eye_distance_px) for portrait in people]
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


def _print_losses(people: Sequence[Portrait], embedder: Embedder, media: Path) -> None:
    """Print the likeness that harmless changes, restorers and other people cost, compared with the enlargement."""

    def vectors(pictures: Sequence[Picture]) -> npt.NDArray[np.float32]:
        return embedder.embed(pictures, [TEMPLATE] * len(pictures))

    harmless = {"sharpened": sharpener(), "brighter": _brighter, "JPEG at 40": _coded}
    print(f"\n{'eyes apart':>12}{'enlargement, least':>20}{'lost to another, least, 5 %':>29}"
          + "".join(f"{f'{name}, 95 %':>18}" for name in harmless))  # fmt: skip
    for eye_distance_px in (CAMERA_EYE_DISTANCE_PX, CAMERA_EYE_DISTANCE_PX / 2):
        trials = _enlarged(people, "realesr-animevideov3", eye_distance_px)
        camera, printed = vectors([camera for camera, _ in trials]), vectors([network for _, network in trials])
        alike = (camera * printed).sum(axis=1)
        to_others = (alike[:, None] - camera @ camera.T)[~np.eye(len(camera), dtype=bool)]
        costs = [alike - (camera * vectors([change(n) for _, n in trials])).sum(axis=1) for change in harmless.values()]
        print(f"{eye_distance_px:9.0f} px{alike.min():20.2f}{to_others.min():22.2f}{np.percentile(to_others, 5):7.2f}"
              + "".join(f"{np.percentile(cost, 95):18.3f}" for cost in costs))  # fmt: skip
    for source, restorer in PUBLISHED:
        goldens = media / "data/photo/goldens"
        pictures = [goldens / "inputs" / f"{source}.jpg", goldens / "outputs" / source / f"{restorer}.png"]
        before, after = vectors([read_picture(path).pixels for path in pictures])
        print(f"{restorer:>12}, published output: {1 - before @ after:.2f} lost")


def _brighter(picture: Picture) -> Picture:
    return np.clip(picture * 1.15, 0, 255).astype(np.uint8)


def _coded(picture: Picture) -> Picture:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 40])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


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
