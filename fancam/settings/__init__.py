"""One options object per stage; every default is written here and nowhere else.

The same name serves as field, TOML key and, with dashes, as command-line flag. A preset is a TOML file in
``configs/`` with a table per stage; ``--config`` reads the same layout from anywhere.
"""

from __future__ import annotations

from fancam.settings.enhancing import (
    CleanSettings,
    EnhanceSettings,
    FuseSettings,
    GuardSettings,
    PhotoSettings,
    RestoreSettings,
)
from fancam.settings.finding import CropSettings, FaceSettings, PickSettings, ScanSettings
from fancam.settings.loading import Overrides, Settings, load_presets, load_settings, preset_folder, preset_names
from fancam.settings.printing import CardSettings, DesignSettings, PressSettings, SheetSettings
from fancam.settings.rules import (
    AUTO,
    AUTO_PRESETS,
    AUTOMATIC,
    CARD_FORMATS,
    COMPILE,
    DEFAULT_SCALE,
    DENOISERS,
    DETECTORS,
    DUPLEX,
    FITS,
    FRAMINGS,
    GRAINS,
    GUTTERS,
    INTENTS,
    LAYOUTS,
    ORIENTATIONS,
    PLACES,
    PRECISIONS,
    REGISTRATIONS,
    RESTORERS,
    SWITCH,
    UPSCALERS,
)

__all__ = [
    "AUTO",
    "AUTOMATIC",
    "AUTO_PRESETS",
    "CARD_FORMATS",
    "COMPILE",
    "DEFAULT_SCALE",
    "DENOISERS",
    "DETECTORS",
    "DUPLEX",
    "FITS",
    "FRAMINGS",
    "GRAINS",
    "GUTTERS",
    "INTENTS",
    "LAYOUTS",
    "ORIENTATIONS",
    "PLACES",
    "PRECISIONS",
    "REGISTRATIONS",
    "RESTORERS",
    "SWITCH",
    "UPSCALERS",
    "CardSettings",
    "CleanSettings",
    "CropSettings",
    "DesignSettings",
    "EnhanceSettings",
    "FaceSettings",
    "FuseSettings",
    "GuardSettings",
    "Overrides",
    "PhotoSettings",
    "PickSettings",
    "PressSettings",
    "RestoreSettings",
    "ScanSettings",
    "Settings",
    "SheetSettings",
    "load_presets",
    "load_settings",
    "preset_folder",
    "preset_names",
]
