"""``fancam doctor``: what this machine can do, and what to do about what is missing."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fancam import __version__
from fancam.cli import options
from fancam.cli.models import status_row
from fancam.cli.report import edge, print_document
from fancam.errors import ExitCode

if TYPE_CHECKING:
    from fancam.nn import ModelStore

PACKAGES = ("av", "torch", "torchvision", "numpy", "opencv-python", "facexlib", "spandrel", "pillow", "typer", "rich")
OPENCV = "5.0.0.93"
"""The version of OpenCV that fancam is tested with; its wheels own one folder, so that all of them must have it."""
NEEDED_MODELS = ("centerface", "face-landmarker", "sface-int8", "realesrgan-x4plus")
"""What the main job runs on; they come with the installation."""
LOW_DISK_BYTES = 2 * 1024**3

Check = dict[str, Any]


def doctor(
    models_dir: options.ModelsDirOpt = None, as_json: options.JsonOpt = False, verbose: options.VerboseOpt = False
) -> None:
    """Check versions, devices, codecs, picture formats, models and disk; say what to do about what is missing.

    Exit code 0 when the main job can run, 5 when a model it needs is missing, 1 when something else stops it.
    """
    with edge("doctor", as_json=as_json, verbose=verbose):
        store = options.open_store(models_dir)
        checks = [*_packages(), *_devices(), *_codecs(), *_formats(), *_models(store), *_disk()]
        if as_json:
            rows = [status_row(store.status(entry.name)) for entry in store.entries()]
            print_document("doctor", checks=checks, models=rows)
        else:
            _print_checks(checks)
        broken = [check for check in checks if check["state"] == "broken"]
        if broken:
            only_models = all(check["group"] == "models" for check in broken)
            raise typer.Exit(ExitCode.MODEL_MISSING if only_models else ExitCode.ERROR)


def _check(group: str, name: str, state: str, detail: str, remedy: str = "") -> Check:
    """Return a row: state is ``ok``, ``note`` (works, could be better) or ``broken`` (the main job cannot run)."""
    return {"group": group, "name": name, "state": state, "detail": detail, "remedy": remedy}


def _packages() -> list[Check]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    checks = [_check("versions", "python", "ok", python), _check("versions", "fancam", "ok", __version__)]
    for name in PACKAGES:
        try:
            checks.append(_check("versions", name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            remedy = "install fancam again, with its dependencies"
            checks.append(_check("versions", name, "broken", "not installed", remedy))
    installed = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions() if dist.metadata["Name"]}
    twins = {name: importlib.metadata.version(name) for name in sorted(installed) if name.startswith("opencv-")}
    if len(set(twins.values())) > 1:
        detail = "builds that overwrite each other differ: " + ", ".join(f"{name} {v}" for name, v in twins.items())
        remedy = f"pip install {' '.join(f'{name}=={OPENCV}' for name in twins)}"
        checks.append(_check("versions", "opencv", "broken", detail, remedy))
    return checks


def _devices() -> list[Check]:
    from fancam.nn.device import describe_devices

    checks = []
    devices = describe_devices()
    for device in devices:
        checks.append(_check("devices", device.name, "ok", f"{device.description}; {device.precision}"))
    if not any(device.name.startswith(("cuda", "mps")) for device in devices):
        remedy = "nothing to do; with an NVIDIA card, install its driver"
        checks.append(
            _check("devices", "gpu", "note", "none found: cards take seconds instead of parts of one", remedy)
        )
    return checks


def _codecs() -> list[Check]:
    from fancam import video  # here, as below: other verbs need not load it

    missing = [name for name, present in video.codecs().items() if not present]
    state, remedy = ("note", "videos in these formats are refused") if missing else ("ok", "")
    detail = f"all of {', '.join(video.codecs())}" if not missing else f"missing: {', '.join(missing)}"
    return [_check("codecs", "video", state, detail, remedy)]


def _formats() -> list[Check]:
    from fancam import pictures

    checks = [_check("codecs", "pictures", "ok", " ".join(sorted(pictures.picture_suffixes())))]
    if ".heic" not in pictures.picture_suffixes():
        checks.append(_check("codecs", "heic", "note", "iPhone photos cannot be read", "pip install pi-heif"))
    return checks


def _models(store: ModelStore) -> list[Check]:
    checks = []
    for name in NEEDED_MODELS:
        status = store.status(name, verify=True)
        good = status.state == "verified"
        detail = f"{status.state} ({status.source})" if good else status.detail
        checks.append(_check("models", name, "ok" if good else "broken", detail, "" if good else "see above"))
    others = [entry.name for entry in store.entries() if entry.name not in NEEDED_MODELS]
    here = [name for name in others if store.has(name)]
    away = [name for name in others if name not in here]
    if here:
        checks.append(_check("models", "optional, here", "ok", ", ".join(here)))
    if away:
        detail = ", ".join(away)
        checks.append(_check("models", "optional, not here", "note", detail, "fancam models pull NAME"))
    return checks


def _disk() -> list[Check]:
    free = shutil.disk_usage(Path.cwd()).free
    state, remedy = ("ok", "") if free > LOW_DISK_BYTES else ("note", "free some space")
    return [_check("disk", "here", state, f"{free / 1024**3:.1f} GiB free", remedy)]


def _print_checks(checks: list[Check]) -> None:
    marks = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "broken": "[red]BROKEN[/]"}
    table = Table(header_style="bold", show_edge=False)
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading)
    for check in checks:
        table.add_row(marks[check["state"]], check["name"], escape(check["detail"]), escape(check["remedy"]))
    Console(file=sys.stdout).print(table)
