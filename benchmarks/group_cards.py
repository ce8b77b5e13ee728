"""What the cards of group photos show: who gets one, whole heads, whether the wanted face is the largest, preflight.

Three kinds of material: the photos at hand (a group of 29, one of three, portraits), crowds that are pasted together of
portraits by program (rows of heads of several sizes, hair at the frame's top edge, a profile, small bystanders; other
seeds than the weights were chosen by), and picks of clips. Everything goes through the public functions ``pick`` and
``crop`` in a process of its own, so that ``--against FOLDER`` (a checkout of an earlier state) is measured in the same
run. No picture is enlarged: what a card shows does not depend on it.

``allowed``: of those where some card of at least the ppi asked for, with the whole head, leaves every larger face out.
``crowded`` counts those that fail and where no card does: every one that the ppi allows shows a larger face, or cuts
through it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.data import astronaut

import fancam
from fancam.cards import CardFacts, check_card
from fancam.cropping.placing import head_box, margins, shares_inside
from fancam.geometry import MM_PER_INCH, Box, CardGeometry
from fancam.media import Picture
from fancam.paper import DEFAULT_LIMITS
from fancam.pictures import PictureFacts, PictureMetadata, resample, save_picture
from fancam.results import Face
from fancam.settings import CropSettings

CARD = CardGeometry(55, 85, 3, 300)
PHOTOS = (
    "photo/group/solvay1927.jpg", "photo/group/obama_and_biden.jpg", "photo/people/biden/biden.jpg",
    "photo/people/biden/biden2.jpg", "photo/people/obama/obama.jpg", "photo/people/obama/obama2.jpg",
    "photo/people/obama/obama3.jpg", "photo/people/obama/obama-1080p.jpg",
)  # fmt: skip
CLIPS = (
    "video/dance.mp4", "video/phone_selfie.mp4", "video/asl/again.mkv", "video/asl/sister.mkv", "video/asl/walk.mkv",
)  # fmt: skip
REPORTED_SEED = 1000
WIDTH, HEIGHT = 2000, 1400
ON_CARD = 0.5
"""From this share on a face is on the card."""
CUT_LOW, CUT_HIGH = 0.1, 0.9
LARGER = 1.05
"""A face as high as this, over the wanted one, is larger."""
WIDEST, TIGHTEST = 0.16, 0.6

CHILD = """
import json, sys, fancam
rows = []
for path in sys.argv[1:]:
    moments = fancam.pick(path, top=4)
    for moment in moments:
        made = fancam.crop(moment)
        part, frame = made.part, made.frame
        as_row = lambda face: [face.box.as_list(), [list(map(float, point)) for point in face.landmarks]]
        rows.append({
            "path": path, "pts": moment.pts, "size": [frame.width, frame.height], "face": as_row(moment.face),
            "others": [as_row(face) for face in moment.others],
            "box": part.box.as_list(6), "trim": part.trim.as_list(6),
            "ppi": part.effective_ppi, "bleed_share": part.bleed_share, "warnings": list(made.choice.warnings),
        })
print(json.dumps(rows))
"""

Rows = Sequence[Mapping[str, Any]]


def main(arguments: list[str]) -> None:
    """Print one line per material and state."""
    parser = argparse.ArgumentParser(prog="group_cards", description=__doc__)
    parser.add_argument("--against", type=Path, help="a checkout of an earlier state, to measure as well")
    shared = Path(os.environ.get("FANCAM_TEST_MEDIA", Path(__file__).parents[2] / "shared"))
    parser.add_argument("--data", type=Path, default=shared / "data", help="the folder of photos and clips")
    parser.add_argument("--crowds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=REPORTED_SEED)
    parser.add_argument("--no-clips", action="store_true")
    parser.add_argument("--keep", type=Path, help="keep the crowds, and what was measured, in this folder")
    options = parser.parse_args(arguments)
    data = options.data
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        portraits = _portraits(data)
        crowds = [
            _crowd(portraits, options.seed + n, folder / f"crowd{options.seed + n}.png") for n in range(options.crowds)
        ]
        stage = Path(__file__).parent.parent / "samples" / "stage.mp4"
        material = {"photos": [data / name for name in PHOTOS], "crowds": crowds}
        if not options.no_clips:
            material["clips"] = [*(data / name for name in CLIPS), stage]
        here = Path(__file__).parent.parent
        states = {"now": here} if options.against is None else {"before": options.against, "now": here}
        heading = ("people", "cards", "dropped", "pass", "say why", "fail", "head whole", "room above", "largest",
                   "allowed", "crowded", "cut/card", "real bleed")  # fmt: skip
        print(f"{'':16}" + "".join(f"{name:>11}" for name in heading))
        for name, paths in material.items():
            for state, tree in states.items():
                rows = _measured(tree, paths)
                if options.keep:
                    (folder / f"{name}-{state}.json").write_text(json.dumps(rows))
                print(f"{name + ', ' + state:16}" + "".join(f"{value:>11}" for value in _figures(rows)), flush=True)


def _measured(tree: Path, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the cards that the code in a folder makes of some files."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", CHILD, *map(str, paths)]
    done = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- figures ------------------------------------------------------------------------------------------------------


def _figures(rows: Rows) -> list[str]:
    """Return the columns of a line."""
    dropped = people = 0
    for path in {row["path"] for row in rows if row["pts"] is None}:
        cards = [row for row in rows if row["path"] == path]
        heights = [_face(one).box.height for one in (cards[0]["face"], *cards[0]["others"])]
        kept = {tuple(row["face"][0]) for row in cards}
        missing = [_face(one).box.height for one in cards[0]["others"] if tuple(one[0]) not in kept]
        people += len(heights)
        dropped += sum(bool(height >= np.median(heights) / 3) for height in missing)
    people = people or len(rows)
    looks = [_look(row) for row in rows]
    share = {name: f"{100 * np.mean([look[name] for look in looks]):.0f} %" for name in looks[0]}
    room = [look["room"] for look in looks if look["has_room"]]
    allowed = [look["largest"] for look in looks if look["allowed"]]
    return [
        str(people), str(len(rows)), str(dropped), share["pass"], share["said"], share["silent"], share["whole"],
        f"{100 * np.mean(room):.0f} %", share["largest"], f"{100 * np.mean(allowed):.0f} %",
        str(sum(not look["largest"] and not look["allowed"] for look in looks)),
        f"{np.mean([look['cut'] for look in looks]):.2f}", f"{100 * np.mean([look['real'] for look in looks]):.0f} %",
    ]  # fmt: skip


def _face(row: Sequence[Any]) -> Face:
    box, points = row
    a, b, c, d, e = (tuple(point) for point in points)
    return Face(Box(*box), (a, b, c, d, e), 1.0)


def _look(row: Mapping[str, Any]) -> dict[str, float]:
    """Return what is seen on a card."""
    width, height = row["size"]
    trim, face, others = Box(*row["trim"]), _face(row["face"]), [_face(one) for one in row["others"]]
    head, safe = head_box(face).clipped(width, height), DEFAULT_LIMITS.safe_mm * trim.height / CARD.height_mm
    area = _row(trim)
    on = [float(shares_inside(area, other.box.clipped(width, height))[0]) for other in others]
    failed = [check.name for check in check_card(_facts(row), DEFAULT_LIMITS) if check.status == "fail"]
    said = all(any(_REASONS[name] in warning for warning in row["warnings"]) for name in failed)
    taller = [other.box.height > LARGER * face.box.height for other in others]
    return {
        "pass": not failed, "said": bool(failed) and said, "silent": bool(failed) and not said,
        "whole": float(margins(area, head)[0]) > -0.01 * face.box.height,
        "has_room": head_box(face).y0 >= safe, "room": head.y0 - trim.y0 >= 0.95 * safe,
        "largest": not any(large and share > ON_CARD for large, share in zip(taller, on, strict=True)),
        "allowed": _allowed(face, [other for other, large in zip(others, taller, strict=True) if large], width, height),
        "cut": sum(CUT_LOW < share < CUT_HIGH for share in on), "real": row["bleed_share"],
    }  # fmt: skip


_REASONS = {"safe_zone": "the cut", "effective_ppi": "source pixels per printed inch"}


def _facts(row: Mapping[str, Any]) -> CardFacts:
    """Return what preflight looks at: the card as its file will be."""
    file = PictureFacts(
        width_px=CARD.width_px, height_px=CARD.height_px, space="rgb", bits=8, has_alpha=False, transparent_share=0.0,
        profile_description="sRGB", profile_space="rgb", is_srgb=True, dpi=(CARD.dpi, CARD.dpi), format="PNG",
        jpeg_quality=None,
    )  # fmt: skip
    face = _face(row["face"]).box.shown_in(Box(*row["box"]), CARD.width_px, CARD.height_px)
    return CardFacts(
        "card", file, CARD.width_mm, CARD.height_mm, CARD.bleed_mm, row["bleed_share"], row["ppi"], (face,)
    )


def _allowed(face: Face, larger: Sequence[Face], width: float, height: float) -> bool:
    """Whether some card with the whole head leaves the larger faces out, none of them cut through."""
    head = head_box(face).clipped(width, height)
    at_ppi = face.box.height / (CropSettings().min_ppi * CARD.height_mm / MM_PER_INCH)
    for share in np.geomspace(WIDEST, min(TIGHTEST, max(at_ppi, WIDEST)), 12):
        down = face.box.height / share
        across = down * CARD.width_mm / CARD.height_mm
        lows = max(head.x1 - across, 0), max(head.y1 - down, 0)
        highs = min(head.x0, width - across), min(head.y0, height - down)
        if lows[0] > highs[0] or lows[1] > highs[1]:
            continue
        x, y = (
            grid.ravel() for grid in np.meshgrid(*(np.linspace(a, b, 15) for a, b in zip(lows, highs, strict=True)))
        )
        areas = np.stack([x, y, x + across, y + down], axis=1)
        on = [shares_inside(areas, other.box.clipped(width, height)) > CUT_LOW for other in larger]
        if not on or not np.all(np.any(on, axis=0)):
            return True
    return False


def _row(box: Box) -> Any:
    return np.array([[box.x0, box.y0, box.x1, box.y1]])


# --- crowds -------------------------------------------------------------------------------------------------------


def _portraits(data: Path) -> list[tuple[Picture, Face]]:
    """Return portraits to paste; the last one is a profile."""
    found = []
    for name in (*PHOTOS[2:7], "photo/goldens/inputs/lr-face.jpg", "photo/group/obama_and_biden.jpg"):
        picture = fancam.open_picture(data / name)
        faces = fancam.detect_faces(picture)
        found.append((picture.srgb(), faces[-1]))
    woman = astronaut()
    return [(woman, fancam.detect_faces(woman)[0]), *found]


def _crowd(portraits: Sequence[tuple[Picture, Face]], seed: int, path: Path) -> Path:
    """Paste a crowd and write it: rows from the back to the front, some small people behind them."""
    rng = np.random.default_rng(seed)
    shade = np.linspace(90, 170, HEIGHT)[:, None, None] * np.array([1.0, 0.97, 0.9])
    canvas = np.broadcast_to(shade, (HEIGHT, WIDTH, 3)) + rng.normal(0, 4, (HEIGHT, WIDTH, 1))
    size = float(rng.uniform(110, 190))
    for _ in range(int(rng.integers(0, 4))):
        _paste(canvas, portraits[int(rng.integers(len(portraits)))], 0.22 * size, rng.uniform(100, WIDTH - 100), 120)
    rows = int(rng.integers(2, 4))
    for row in range(rows):
        height = size * (1 + 0.15 * row) * rng.uniform(0.95, 1.05)
        # The hair of the back row begins at the frame's edge, up to 40 px below it or a little beyond.
        middle = rng.uniform(0.75 * height, 0.8 * height + 40) if row == 0 else size * (0.9 + 1.15 * row)
        step = height * rng.uniform(1.0, 1.7)
        for x in np.arange(height * rng.uniform(0.2, 1.0) + 40, WIDTH - 0.5 * height, step):
            who = portraits[int(rng.integers(len(portraits)))]
            across, down = rng.normal(0, 0.08 * height, 2)
            _paste(canvas, who, height * rng.uniform(0.9, 1.1), float(x + across), float(middle + 0.4 * abs(down)))
    save_picture(path, np.clip(canvas, 0, 255).astype(np.uint8), dpi=72.0, metadata=PictureMetadata())
    return path


def _paste(canvas: Any, portrait: tuple[Picture, Face], height: float, x: float, y: float) -> None:
    """Paste head and shoulders with the middle of the face at a place; the outline is soft."""
    pixels, face = portrait
    box = face.box
    part = Box(
        box.x0 - 0.5 * box.width, box.y0 - 0.45 * box.height, box.x1 + 0.5 * box.width, box.y1 + 0.6 * box.height
    ).clipped(pixels.shape[1], pixels.shape[0])
    scale = height / box.height
    high, wide = round(part.height * scale), round(part.width * scale)
    small = resample(pixels, part, wide, high).astype(np.float64)
    down, across = np.mgrid[0:high, 0:wide]
    cx, cy = (box.centre[0] - part.x0) * scale, (box.centre[1] - part.y0) * scale
    head = np.hypot((across - cx) / (0.85 * box.width * scale), (down - cy) / (0.85 * height))
    body = np.where(down > cy, np.abs(across - cx) / (0.9 * box.width * scale), 9)
    inside = np.clip((1 - np.minimum(head, body)) * 8, 0, 1)[..., None]
    left, top = round(x - cx), round(y - cy)
    rows = slice(max(top, 0), min(top + high, canvas.shape[0]))
    columns = slice(max(left, 0), min(left + wide, canvas.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    canvas[rows, columns] += inside[own] * (small[own] - canvas[rows, columns])
