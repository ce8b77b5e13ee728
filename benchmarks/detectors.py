"""How many faces each detector finds by their height, and what a picture costs: ``detectors``.

``solvay1927``, ``obama_and_biden`` and a frame of each of the 20 clips of ``asl`` are made smaller by averaging over
areas until their faces (the middle one of a group) have the height asked for, and laid side by side on grey: on a frame
of 1920 x 1080 and on a photo of 4000 x 3000 px. Counted by eye at full size: 29, 3 and 1 each; the boxes are
CenterFace's at full size, which finds these. A face is found where a box covers it by a third; ``false`` are boxes on
no face of these, of all heights together (CenterFace's are a bystander whom a clip's edge cuts). Every detector may
report faces from three quarters of the height on. ``scales`` are those at which photos are searched, ``tiles`` as
fancam searches photos; a frame of a video is seen at 960 px. YuNet is the rival. Processor seconds for one picture, one
by one and with one thread, are of faces of 24 px.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks._stages import Take, read_take
from fancam.errors import ModelMissingError
from fancam.faces import PHOTO_LONG_EDGES_PX, create_detector
from fancam.faces.detection import NETWORKS, ScaleSearch
from fancam.geometry import Box
from fancam.media import Picture
from fancam.nn import ModelStore
from fancam.pictures import read_picture
from fancam.settings import FaceSettings

HEIGHTS = (12, 16, 24, 40, 80)
GROUPS = {"solvay1927.jpg": 29, "obama_and_biden.jpg": 3}
GAP_PX = 16
Find = Callable[[Picture], list[Box]]
Laid = list[tuple[Picture, list[Box]]]


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks detectors", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    parser.add_argument("--heights", type=int, nargs="+", default=HEIGHTS)
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    pictures = material(given.media / "data")
    for size in ((1920, 1080), (4000, 3000)):
        laid = {height: lay(pictures, height, size) for height in given.heights}
        counts = " ".join(f"{sum(len(boxes) for _, boxes in laid[height]):7d}" for height in given.heights)
        heads = " ".join(f"{f'{height} px':>7}" for height in given.heights)
        print(f"\n{f'{size[0]} x {size[1]}':34}{heads}  false  s a picture\n{'faces':34}{counts}")
        for name, make in ways(given.media / "models", size[0] > 2048):
            try:
                cells, false, cost = [], 0, 0.0
                for height in given.heights:
                    found, more, seconds = recall(make(0.75 * height), laid[height])
                    cells.append(f"{100 * found:7.1f}")
                    false, cost = false + more, seconds if height == 24 else cost
                print(f"{name:34}{' '.join(cells)}{false:7d}{cost:9.2f}", flush=True)
            except ModelMissingError:
                print(f"{name:34}weights are not here")


def material(data: Path) -> Laid:
    """Return pictures with the boxes of their faces, counted."""
    detector = create_detector(FaceSettings(), ModelStore(), long_edges_px=PHOTO_LONG_EDGES_PX)
    found = []
    for name, count in GROUPS.items():
        pixels = read_picture(data / "photo/group" / name).pixels
        boxes = [face.box for face in detector.detect([pixels])[0]]
        assert len(boxes) == count, name
        found.append((pixels, boxes))
    for path in sorted((data / "video/asl").glob("*.mkv")):
        (pixels,), (face,) = read_take(Take(str(path.relative_to(data)), 12), data, only_first=True)
        found.append((pixels, [face.box]))
    return found


def lay(pictures: Laid, height_px: int, size: tuple[int, int]) -> Laid:
    """Return grey sheets with all pictures, shrunk to a height of faces; those with lower ones are left out."""
    sheets: Laid = []
    x, y, row = size[0], size[1], 0
    for pixels, boxes in pictures:
        factor = height_px / float(np.median([box.height for box in boxes]))
        if factor > 1.02:
            continue
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)[: size[1], : size[0]]
        high, wide = small.shape[:2]
        if x + wide > size[0]:
            x, y, row = 0, y + row + GAP_PX, 0
        if y + high > size[1]:
            sheets.append((np.full((size[1], size[0], 3), 96, np.uint8), []))
            x, y, row = 0, 0, 0
        sheets[-1][0][y : y + high, x : x + wide] = small
        sheets[-1][1].extend(box.scaled(factor).shifted(x, y) for box in boxes)
        x, row = x + wide + GAP_PX, max(row, high)
    return sheets


def recall(find: Find, sheets: Laid) -> tuple[float, int, float]:
    """Return the share of the faces found, boxes on none, and processor seconds for a sheet."""
    found = false = 0
    started = time.process_time()
    for pixels, boxes in sheets:
        seen = find(pixels)
        over = np.array([[box.iou(one) for one in seen] for box in boxes]).reshape(len(boxes), len(seen))
        found += int((over > 1 / 3).any(axis=1).sum())
        false += int((~(over > 1 / 3).any(axis=0)).sum())
    seconds = (time.process_time() - started) / max(len(sheets), 1)
    return found / max(sum(len(boxes) for _, boxes in sheets), 1), false, seconds


def ways(models: Path, is_photo: bool) -> list[tuple[str, Callable[[float], Find]]]:
    """Return what is compared: of the lowest face to what finds them."""
    store = ModelStore(models_dir=models)

    def ours(name: str, edges: Sequence[int], tiled: bool) -> Callable[[float], Find]:
        def make(least_px: float) -> Find:
            network = NETWORKS[name](store.locate(name), name, "cpu")
            search = ScaleSearch(network, edges, min_confidence=0.55, min_face_px=least_px, tiled=tiled)
            return lambda pixels: [face.box for face in search.detect([pixels])[0]]

        return make

    rows = [] if is_photo else [("centerface, video frame", ours("centerface", (960,), False))]
    for name in NETWORKS:
        rows.append((f"{name}, scales", ours(name, PHOTO_LONG_EDGES_PX, False)))
        rows.append((f"{name}, tiles", ours(name, PHOTO_LONG_EDGES_PX, True)))
    return [*rows, ("rival: yunet, all pixels", lambda _: yunet(models / "face_detection_yunet_2023mar.onnx"))]


def yunet(weights: Path) -> Find:
    """Return YuNet as OpenCV runs it."""
    network = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), 0.6)

    def find(pixels: Picture) -> list[Box]:
        network.setInputSize(pixels.shape[1::-1])
        rows = network.detect(np.ascontiguousarray(pixels[:, :, ::-1]))[1]
        return [] if rows is None else [Box(x, y, x + w, y + h) for x, y, w, h in rows[:, :4].tolist()]

    return find
