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
from fancam.settings.loading import Overrides, Settings, load_presets, load_settings, preset_names
from fancam.settings.printing import CardSettings, DesignSettings, PressSettings, SheetSettings
from fancam.settings.rules import (
    AUTO_PRESETS,
    CARD_FORMATS,
    DEFAULT_SCALE,
    DENOISERS,
    DETECTORS,
    DUPLEX,
    FITS,
    FRAMINGS,
    GUTTERS,
    INTENTS,
    ORIENTATIONS,
    PLACES,
    PRECISIONS,
    RESTORERS,
    SWITCH,
    UPSCALERS,
)
