"""Make the pictures of the README from the sample clip: ``python samples/render_docs.py``. Takes minutes on a CPU."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from fancam import pictures
from fancam.cli import invoke
from fancam.geometry import Box

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
SHEET_HEIGHT_PX = 900
MOCKUP_WIDTH_PX = 720
PICKS_WIDTH_PX = 1200


def main() -> None:
    """Write every picture of the README into docs/."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        cards = Path(work) / "cards"
        fancam("run", HERE / "stage.mp4", "-o", cards, "--top", "6", "--compare", "--provenance")
        document = json.loads((cards / "manifest.json").read_text())
        strips = [path for path in document["comparison"] if path.endswith(".png")]
        shutil.copyfile(cards / "contact.jpg", DOCS / "contact.jpg")
        shutil.copyfile(cards / strips[0], DOCS / "before-after.png")
        shutil.copyfile(cards / document["picks"][0]["provenance"]["path"], DOCS / "provenance.png")
        paper(cards)
        fancam("pick", HERE / "stage.mp4", "-o", Path(work) / "picks", "--top", "3")
        smaller(Path(work) / "picks" / "picks.jpg", DOCS / "picks.jpg", width_px=PICKS_WIDTH_PX)
    for path in sorted(DOCS.iterdir()):
        print(path.relative_to(HERE.parent), path.stat().st_size)


def fancam(*words: object) -> None:
    """Run a command, and leave with its exit code where it fails."""
    code = invoke([*map(str, words), "-q"])
    if code:
        sys.exit(code)


def paper(cards: Path) -> None:
    """Write docs/sheet.jpg and docs/mockup.jpg: the cards on a page, and one in its sleeve."""
    printed, pdf = cards.parent / "printed", cards.parent / "sheet.pdf"
    fancam("card", cards, "-o", printed, "--mockup")
    fancam("sheet", printed, "-o", pdf, "--preview")
    smaller(pdf.with_name("sheet.printed-1.png"), DOCS / "sheet.jpg", height_px=SHEET_HEIGHT_PX)
    smaller(sorted((printed / "mockups").iterdir())[0], DOCS / "mockup.jpg", width_px=MOCKUP_WIDTH_PX)


def smaller(source: Path, target: Path, *, width_px: int = 0, height_px: int = 0) -> None:
    """Write a picture at another size; the side that is not given follows."""
    pixels = pictures.read_picture(source).pixels
    height, width = pixels.shape[:2]
    scale = width_px / width if width_px else height_px / height
    small = pictures.resample(pixels, Box(0, 0, width, height), round(width * scale), round(height * scale))
    pictures.save_picture(target, small, dpi=96, metadata=pictures.PictureMetadata(), quality=88)


if __name__ == "__main__":
    main()
