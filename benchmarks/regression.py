"""What a change altered, in every output and in cost: ``python -m benchmarks regression record|compare``.

``record --out DIR`` runs many cases on a tree, through the command line alone, and keeps the outputs and
DIR/regression.json: of every file the hashes of its bytes and of its pixels; of every case the exit code, what was
printed, the manifest, wall and CPU seconds, and the peak of the largest process. ``--tree`` runs another checkout's
code. ``compare OLD NEW`` says what differs, and by how much. All of it takes twelve minutes of CPU time.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it ships no type information
from PIL import Image

from benchmarks._regression_cases import every_case, make_all

ROOT = Path(__file__).parents[1]
LIMIT_S = 900
PDF_DPI = 100
PICTURES = (".png", ".jpg", ".tif", ".webp", ".avif", ".bmp")
AGES = ("old", "new")
COSTS = ("wall_s", "cpu_s", "peak_mib")
VOLATILE = ("fancam", "timings_s")
"""Keys of a manifest that change without anything having changed."""
LIBRARIES = ("numpy", "opencv-python", "pillow", "av", "torch", "pikepdf", "fpdf2", "pypdfium2")

METER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
try:
    code = subprocess.run(sys.argv[3:], stdin=subprocess.DEVNULL, timeout=float(sys.argv[2])).returncode
except subprocess.TimeoutExpired:
    code = -9
wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
cpu = used.ru_utime + used.ru_stime
facts = {"exit": code, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "peak_mib": round(peak)}
open(sys.argv[1], "w").write(json.dumps(facts))
"""
"""A process of its own, since a child counts as no smaller than what it was forked from."""


def main(arguments: list[str]) -> None:
    """Record a tree, or compare two records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks regression", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    recording = verbs.add_parser("record")
    recording.add_argument("--out", type=Path, required=True, metavar="DIR")
    recording.add_argument("--tree", type=Path, default=ROOT, metavar="DIR", help="the checkout whose code is run")
    recording.add_argument("--media", type=Path, default=ROOT.parent / "shared", help="the folder that holds data/")
    recording.add_argument(
        "--only", default=["*"], nargs="+", metavar="PATTERN", help="these cases, and those they need"
    )
    comparing = verbs.add_parser("compare")
    comparing.add_argument("old", type=Path, help="a folder that was recorded, or its regression.json")
    comparing.add_argument("new", type=Path)
    options = parser.parse_args(arguments)
    if options.verb == "record":
        record_tree(options.out.resolve(), options.tree.resolve(), options.media.resolve(), options.only)
    else:
        compare(*(path / "regression.json" if path.is_dir() else path for path in (options.old, options.new)))


def chosen(patterns: Iterable[str]) -> dict[str, list[str]]:
    """Return the cases that the patterns name, and those whose outputs they need."""
    every = every_case()
    wanted = {name for name in every if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}
    for name in reversed(every):
        if name in wanted:
            wanted |= {word[5:].split("/")[0] for word in every[name] if word.startswith("case:")}
    return {name: words for name, words in every.items() if name in wanted}


def record_tree(out: Path, tree: Path, media: Path, patterns: Iterable[str]) -> None:
    """Run the cases on a tree and write what came of them."""
    start = time.perf_counter()
    for name in ("outputs", "made"):
        shutil.rmtree(out / name, ignore_errors=True)
    make_all(out / "made", tree / "samples" / "stage.mp4")
    bench = Bench(out, tree, media)
    document: dict[str, Any] = {
        "environment": environment(), "tree": bench.facts(), "made": files_of(out / "made"),
        "left_out": [], "cases": {},
    }  # fmt: skip
    for name, words in chosen(patterns).items():
        if missing := [word for word in words if word.startswith("data:") and not bench.resolved(word)]:
            document["left_out"].append(f"{name}: there is no {missing[0]}")
            print(f"{name}: left out, there is no {missing[0]}", flush=True)
            continue
        case = document["cases"][name] = bench.run(name, words)
        print(f"{name}: exit {case['exit']}, {case['wall_s']} s, {len(case['files'])} files", flush=True)
        (out / "regression.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"{len(document['cases'])} cases in {time.perf_counter() - start:.0f} s")


class Bench:
    """Runs the commands of one tree."""

    def __init__(self, out: Path, tree: Path, media: Path) -> None:
        self.out, self.tree = out, tree
        self.places = {"data:": media / "data", "made:": out / "made", "case:": out / "outputs"}

    def facts(self) -> dict[str, Any]:
        """Return how large the tree's package is and how long it takes to start, best of three."""
        sources = [path.read_text(encoding="utf-8") for path in (self.tree / "fancam").rglob("*.py")]
        facts: dict[str, Any] = {"files": len(sources), "lines": sum(len(text.splitlines()) for text in sources)}
        loaded = "import sys, fancam; print('torch' in sys.modules)"
        for name, words in (("--version", ["-m", "fancam", "--version"]), ("import", ["-c", loaded])):
            runs = [self.metered(words) for _ in range(3)]
            facts[f"{name}, seconds"] = min(run[0]["wall_s"] for run in runs)
            facts["import loads torch" if name == "import" else name] = runs[0][1].strip()
        return facts

    def resolved(self, word: str) -> list[str]:
        """Return a word of a case as words of the command line; none for media that are not here."""
        place = self.places.get(word[:5])
        if place is None:
            return [word]
        found = sorted(place.glob(word[5:])) if "*" in word else [place / word[5:]]
        return [str(path) for path in found if word.startswith("case:") or path.exists()]

    def run(self, name: str, words: list[str]) -> dict[str, Any]:
        """Run one case and return its record."""
        target = self.out / "outputs" / name
        target.mkdir(parents=True)
        command = [part for word in words for part in self.resolved(word)]
        if words[0] in ("run", "enhance", "card", "sheet") and "--help" not in words:
            command += ["--out", str(target / "sheet.pdf" if words[0] == "sheet" else target)]
        facts, output, errors = self.metered(["-m", "fancam", *command])
        path = target / "manifest.json"
        written = path.read_text(encoding="utf-8") if path.exists() else output
        manifest = document_of(self.neutral(written))
        for key in VOLATILE:
            manifest.pop(key, None)
        said = {"stdout": "" if document_of(output) else self.neutral(output), "stderr": self.neutral(errors)}
        return {"words": words, **facts, **said, "manifest": manifest, "files": files_of(target)}

    def metered(self, words: list[str]) -> tuple[dict[str, Any], str, str]:
        """Run the tree's Python; return exit code and cost, what it printed, and what it complained about."""
        notes = self.out / "meter.json"
        surroundings = {**os.environ, "PYTHONPATH": str(self.tree), "COLUMNS": "300", "PYTHONUTF8": "1"}
        command = [sys.executable, "-S", "-c", METER, str(notes), str(LIMIT_S), sys.executable, *words]
        done = subprocess.run(
            command, cwd=self.tree, env=surroundings, capture_output=True, text=True, errors="replace"
        )
        return json.loads(notes.read_text()), done.stdout, done.stderr

    def neutral(self, text: str) -> str:
        """Return a text without the folders of this record."""
        for word, path in (*self.places.items(), ("tree:", self.tree), ("out:", self.out)):
            text = text.replace(f"{path}/", word).replace(str(path), word)
        return text


def document_of(text: str) -> dict[str, Any]:
    """Return a manifest from its text; an empty one where the text is something else."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def environment() -> dict[str, str]:
    """Return what outputs and seconds depend on beside the code."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), "machine": platform.machine(), "cpus": str(os.cpu_count()), **versions}


def files_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the hashes of every file of a folder but a manifest and a run's own notes."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "manifest.json" and not name.startswith(".fancam/"):
            shown, pages = hashlib.sha256(), pictures(path)
            for page in pages:
                shown.update(f"{page.shape} {page.dtype}".encode() + np.ascontiguousarray(page).tobytes())
            whole = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = {"bytes": whole, "pixels": shown.hexdigest() if pages else None}
    return found


def pictures(path: Path) -> list[np.ndarray]:
    """Return the stored pixels of a picture, or the pages of a PDF; nothing for other and broken files."""
    if path.suffix == ".pdf":
        try:
            with pypdfium2.PdfDocument(path) as document:
                return [page.render(scale=PDF_DPI / 72).to_numpy() for page in document]
        except pypdfium2.PdfiumError:
            return []
    if path.suffix not in PICTURES:
        return []
    pixels: np.ndarray | None = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)  # unlike others, it keeps 16 bits
    return [] if pixels is None else [pixels]


def compare(old_path: Path, new_path: Path) -> None:
    """Print what two records differ in: per case, per key of the manifests, in total."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (old_path, new_path)]
    for topic in ("environment", "tree", "made"):
        before, after = (record[topic] for record in records)
        for key in sorted(before.keys() | after.keys()):
            if topic == "tree" or before.get(key) != after.get(key):
                print(f"{topic:12} {key:20} {change(before.get(key), after.get(key))}")
    print(f"\n{'case':30}{'exit':8}{'wall s':>18}{'CPU s':>18}{'peak MiB':>18}   outputs")
    totals: Counter[str] = Counter()
    keys: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for name in (name for name in records[0]["cases"] if name in records[1]["cases"]):
        old, new = (record["cases"][name] for record in records)
        counts, details = compared_files(old, new, *(path.parent / "outputs" / name for path in (old_path, new_path)))
        totals += counts + compared_texts(old, new, details)
        for age, case in zip(AGES, (old, new), strict=True):
            totals.update({"wall seconds, " + age: case["wall_s"], "CPU seconds, " + age: case["cpu_s"]})
        code = str(old["exit"]) if old["exit"] == new["exit"] else f"{old['exit']} -> {new['exit']}"
        spent = "".join(f"{old[key]:g} -> {new[key]:g}".rjust(18) for key in COSTS)
        outputs = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
        print(f"{name:30}{code:8}{spent}   {outputs}", *details, sep="\n      ")
        manifests = [dict(leaves(case["manifest"])) for case in (old, new) if old["manifest"] and new["manifest"]]
        for kind, key, far, words in compared_manifests(*manifests or ({}, {})):
            keys.setdefault((kind, key), []).append((far, f"{name}: {words}"))
    print("\nmanifests" + ("" if keys else ": no difference"))
    for (kind, key), examples in sorted(keys.items()):
        print(f"  {kind:8}{key:48} {len(examples):4} times, as in {max(examples)[1]}")
    print("\ntotals", *(f"{count:10.6g}  {kind}" for kind, count in sorted(totals.items())), sep="\n")
    for age, record, other in zip(AGES, records, records[::-1], strict=True):
        for line in record["left_out"]:
            print(f"left out of the {age} record: {line}")
        if only := [name for name in record["cases"] if name not in other["cases"]]:
            print(f"only in the {age} record: {', '.join(only)}")


def compared_files(old: Any, new: Any, old_folder: Path, new_folder: Path) -> tuple[Counter[str], list[str]]:
    """Return how many outputs of a case are equal in what, and a line for each that is not."""
    counts: Counter[str] = Counter()
    details = []
    for name in sorted(old["files"].keys() | new["files"].keys()):
        before, after = old["files"].get(name), new["files"].get(name)
        if before is None or after is None:
            kind, how = ("lost" if after is None else "new"), ""
        elif before["bytes"] == after["bytes"]:
            counts["equal in bytes"] += 1
            continue
        else:
            kind = "equal in pixels" if before["pixels"] and before["pixels"] == after["pixels"] else "differ"
            how = "; ".join(differences(old_folder / name, new_folder / name))
        counts[kind] += 1
        details.append(f"{name}: {kind}{': ' if how else ''}{how}")
    return counts, details


def differences(old: Path, new: Path) -> Iterator[str]:
    """Yield in what two files differ: pixels in levels of 255, and what comes with them."""
    if not (old.exists() and new.exists()):
        yield "an output is no longer there"
        return
    before, after = pictures(old), pictures(new)
    if [page.shape for page in before] != [page.shape for page in after]:
        yield "size {} -> {}".format(*([page.shape for page in pages] for pages in (before, after)))
    elif before:
        gaps = [levels(a) - levels(b) for a, b in zip(before, after, strict=True)]
        largest, mean = max(np.abs(gap).max() for gap in gaps), np.mean([np.abs(gap).mean() for gap in gaps])
        squares = np.mean([np.square(gap).mean() for gap in gaps])
        if squares:
            yield f"max {largest:.4g}, mean {mean:.4g} of 255, {10 * math.log10(255**2 / squares):.1f} dB"
    one, other = carried(old), carried(new)
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            yield f"{key} {change(one.get(key), other.get(key))}"


def carried(path: Path) -> dict[str, Any]:
    """Return what comes with a picture's pixels: mode, profile, EXIF, XMP, resolution."""
    if path.suffix not in PICTURES:
        return {}
    try:
        with Image.open(path) as picture:
            info = {str(key): value for key, value in picture.info.items() if key != "XML:com.adobe.xmp"}  # twice
            return {**info, "exif": dict(picture.getexif()), "mode": picture.mode}
    except OSError:
        return {"mode": "unreadable"}


def levels(picture: np.ndarray) -> np.ndarray:
    """Return pixels on the scale of 0 to 255."""
    return picture.astype(np.float32) * (255 / np.iinfo(picture.dtype).max if picture.dtype != bool else 255)


def compared_texts(old: Any, new: Any, details: list[str]) -> Counter[str]:
    """Add a line for each other difference of two cases to the details, and count them."""
    counts = Counter({"cases": 1})
    if bool(old["manifest"]) != bool(new["manifest"]):
        counts["cases with a manifest in one record only"] += 1
        details.append(f"manifest: only in the {AGES[not old['manifest']]} record")
    for key in ("exit", "words", "stdout", "stderr"):
        if old[key] != new[key]:
            counts[f"cases with another {key}"] += 1
            before, after = (str(case[key]).splitlines() for case in (old, new))
            gone, come = ([line for line in a if line not in b] for a, b in ((before, after), (after, before)))
            details.append(f"{key}: {change(gone, come, 200)}")
    return counts


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything in a document that holds nothing itself."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}")
    elif isinstance(tree, list) and tree:
        for number, value in enumerate(tree):
            yield from leaves(value, f"{path}[{number}]")
    else:
        yield path.removeprefix("."), tree


def compared_manifests(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str, float, str]]:
    """Yield of each value of a manifest what happened to it, its key without numbers, how far it moved, and how."""
    for path in dict.fromkeys([*old, *new]):
        key, (a, b), far = re.sub(r"\[\d+\]", "[]", path), (old.get(path), new.get(path)), 0.0
        if path not in old or path not in new:
            yield ("added" if path in new else "lost"), key, far, short(b if path in new else a)
            continue
        if isinstance(a, int | float) and isinstance(b, int | float):
            far = abs(a - b)
        if a != b and not 0 < far <= max(1e-6, 1e-6 * abs(a or 0)):
            yield "changed", key, far, change(a, b)


def change(old: Any, new: Any, longest: int = 70) -> str:
    """Return two values as text from shortly before where they part."""
    before, after = (" ".join(str(value).split()) for value in (old, new))
    parted = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    return " -> ".join(short(text[max(parted - 20, 0) :], longest) for text in (before, after))


def short(value: Any, longest: int = 70) -> str:
    """Return a value as text that fits into a line."""
    text = str(value)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)})"
