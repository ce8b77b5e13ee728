"""Make the pictures of the README from the sample clip: ``python samples/render_docs.py``. Takes minutes on a CPU."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from fancam import pictures
from fancam.cli import invoke
from fancam.records import Box, Picture

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
SHOWN_PX = 400
"""Side of the square that the comparison shows at 100 %."""


def cards(folder: Path, upscaler: str) -> list[tuple[Path, dict]]:
    """Run the main job on the sample and return each card's file with its row of the manifest."""
    code = invoke(["run", str(HERE / "stage.mp4"), "-o", str(folder), "--top", "6", "--upscaler", upscaler, "-q"])
    if code:
        sys.exit(code)
    rows = json.loads((folder / "manifest.json").read_text())["picks"]
    return [(folder / row["card"]["path"], row) for row in rows]


def eyes_of(card: Picture, row: dict) -> Picture:
    """Return the square of a card around the eyes, at 100 %."""
    crop = Box(*row["crop"])
    scale = card.shape[1] / crop.width
    (ax, ay), (bx, by) = row["face"]["landmarks"][:2]
    x, y = ((ax + bx) / 2 - crop.x0) * scale, ((ay + by) / 2 - crop.y0) * scale
    left = round(min(max(x - SHOWN_PX / 2, 0), card.shape[1] - SHOWN_PX))
    top = round(max(y - SHOWN_PX / 2, 0))
    return card[top : top + SHOWN_PX, left : left + SHOWN_PX]


def main() -> None:
    """Write docs/contact.jpg and docs/before-after.png."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        plain = cards(Path(work) / "plain", "bicubic")
        network = cards(Path(work) / "network", "realesrgan-x4plus")
        shutil.copyfile(Path(work) / "network" / "contact.jpg", DOCS / "contact.jpg")
        halves = [eyes_of(pictures.read_picture(path).pixels, row) for path, row in (plain[0], network[0])]
        gap = np.full((SHOWN_PX, 8, 3), 255, np.uint8)
        both = np.concatenate([halves[0], gap, halves[1]], axis=1)
        about = pictures.PictureMetadata(
            software="fancam", description="bicubic, realesrgan-x4plus", source="stage.mp4"
        )
        pictures.write_picture(DOCS / "before-after.png", both, dpi=96, metadata=about)
    for path in sorted(DOCS.iterdir()):
        print(path.relative_to(HERE.parent), path.stat().st_size)


if __name__ == "__main__":
    main()
