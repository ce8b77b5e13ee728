"""Concert videos and group photos in, print-ready photocards out.

    >>> import fancam
    >>> video = fancam.open_video("concert.mp4")
    >>> moments = fancam.pick(video, top=8)
    >>> picture = fancam.enhance(fancam.crop(moments[0], card="kpop"))
    >>> fancam.save_card(picture, "card.png")
    >>> fancam.make_sheet(["card.png"], "sheet.pdf", copies=9)

``pick`` finds the best moments, ``crop`` composes a card, ``enhance`` enlarges and cleans under guard, ``save_card``
and ``make_sheet`` write. ``Enhancer`` takes many pictures; ``run``, ``pick_frames``, ``enhance_pictures`` and
``make_cards`` fill folders, as the command line does. Every error is a ``FancamError``. Pictures are
(height, width, 3) RGB arrays; times are seconds, lengths on paper millimetres, boxes x0, y0, x1, y1 in pixels. A name
loads what it needs when it is first used (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fancam.api import CardCrop, Enhancer, crop, detect_faces, enhance, identify, pick, save_card, save_picture
    from fancam.errors import (
        ExitCode,
        FancamError,
        InputError,
        ModelMissingError,
        NothingFoundError,
        OutputError,
        PreflightError,
        UsageError,
    )
    from fancam.geometry import Box
    from fancam.identity import Member, Roster
    from fancam.jobs.cards import CardExtras, make_cards
    from fancam.jobs.enhancing import enhance_pictures
    from fancam.jobs.find import Moment
    from fancam.jobs.frame import default_store
    from fancam.jobs.frame_picks import save_frame
    from fancam.jobs.main_job import run
    from fancam.jobs.manifest import RunResult
    from fancam.jobs.members import find_members
    from fancam.jobs.people_folders import correct_members
    from fancam.jobs.picking import pick_frames
    from fancam.jobs.planning import plan_enhance, plan_pick, plan_run
    from fancam.jobs.references import read_roster
    from fancam.jobs.sheets import SheetExtras, calibrate_printer, correct_printer, make_sheet
    from fancam.nn import ModelStore
    from fancam.pictures import StillPicture, open_picture
    from fancam.results import Enhanced, Face, Naming
    from fancam.settings import Settings, load_presets, load_settings
    from fancam.video import Video, open_video

_PLACES = {
    "api": ("CardCrop", "Enhancer", "crop", "detect_faces", "enhance", "identify", "pick", "save_card", "save_picture"),
    "errors": (
        "ExitCode", "FancamError", "InputError", "ModelMissingError", "NothingFoundError", "OutputError",
        "PreflightError", "UsageError",
    ),
    "geometry": ("Box",),
    "identity": ("Member", "Roster"),
    "jobs.cards": ("CardExtras", "make_cards"),
    "jobs.enhancing": ("enhance_pictures",),
    "jobs.find": ("Moment",),
    "jobs.frame": ("default_store",),
    "jobs.frame_picks": ("save_frame",),
    "jobs.main_job": ("run",),
    "jobs.members": ("find_members",),
    "jobs.people_folders": ("correct_members",),
    "jobs.picking": ("pick_frames",),
    "jobs.planning": ("plan_enhance", "plan_pick", "plan_run"),
    "jobs.manifest": ("RunResult",),
    "jobs.references": ("read_roster",),
    "jobs.sheets": ("SheetExtras", "calibrate_printer", "correct_printer", "make_sheet"),
    "nn": ("ModelStore",),
    "pictures": ("StillPicture", "open_picture"),
    "results": ("Enhanced", "Face", "Naming"),
    "settings": ("Settings", "load_presets", "load_settings"),
    "video": ("Video", "open_video"),
}  # fmt: skip
_HOMES = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "Box",
    "CardCrop",
    "CardExtras",
    "Enhanced",
    "Enhancer",
    "ExitCode",
    "Face",
    "FancamError",
    "InputError",
    "Member",
    "ModelMissingError",
    "ModelStore",
    "Moment",
    "Naming",
    "NothingFoundError",
    "OutputError",
    "PreflightError",
    "Roster",
    "RunResult",
    "Settings",
    "SheetExtras",
    "StillPicture",
    "UsageError",
    "Video",
    "__version__",
    "calibrate_printer",
    "correct_members",
    "correct_printer",
    "crop",
    "default_store",
    "detect_faces",
    "enhance",
    "enhance_pictures",
    "find_members",
    "identify",
    "load_presets",
    "load_settings",
    "make_cards",
    "make_sheet",
    "open_picture",
    "open_video",
    "pick",
    "pick_frames",
    "plan_enhance",
    "plan_pick",
    "plan_run",
    "read_roster",
    "run",
    "save_card",
    "save_frame",
    "save_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"fancam.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
