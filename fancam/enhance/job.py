"""What is asked of the chain for one picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fancam.enhance.crops import CropRequest
from fancam.records import Box, Face, Look
from fancam.settings import CleanSettings, FuseSettings


@dataclass(frozen=True, slots=True, eq=False)
class EnhanceJob:
    """One picture or card to make."""

    key: Any
    """The caller's own, to know the job by."""
    request: CropRequest
    faces: tuple[Face, ...] = ()
    """In pixels of the request's frame; the first is what the picture is about."""
    effective_ppi: float | None = None
    """Source pixels per printed inch; None where there is no paper."""
    looks: tuple[Look, ...] = ()
    """Neighbouring frames of a video, in the order of time."""
    looks_box: Box | None = None
    """Where the looks lie, in whole pixels of the request's frame; None where there are none."""
    is_video: bool = False
    """Whether the frame comes from a video: it has no halftone, and its neighbours were asked for."""
    source_dpi: float | None = None
    """Pixels per inch that the source says of itself: a scan has them."""
    seed: int = 0
    """Of the grain that is made anew: another for every picture."""
    fuse: FuseSettings = field(default_factory=FuseSettings)
    clean: CleanSettings = field(default_factory=CleanSettings)
