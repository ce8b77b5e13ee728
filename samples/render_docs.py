"""Make the pictures of the README from the sample clip: ``python samples/render_docs.py``. Takes minutes on a CPU."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from fancam.cli import invoke

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"


def main() -> None:
    """Write docs/contact.jpg, docs/before-after.png and docs/provenance.png."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        code = invoke(["run", str(HERE / "stage.mp4"), "-o", work, "--top", "6", "--compare", "--provenance", "-q"])
        if code:
            sys.exit(code)
        document = json.loads((Path(work) / "manifest.json").read_text())
        strips = [path for path in document["comparison"] if path.endswith(".png")]
        shutil.copyfile(Path(work) / "contact.jpg", DOCS / "contact.jpg")
        shutil.copyfile(Path(work) / strips[0], DOCS / "before-after.png")
        shutil.copyfile(Path(work) / document["picks"][0]["provenance"]["path"], DOCS / "provenance.png")
    for path in sorted(DOCS.iterdir()):
        print(path.relative_to(HERE.parent), path.stat().st_size)


if __name__ == "__main__":
    main()
