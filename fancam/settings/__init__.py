"""One options object per stage; every default is written here and nowhere else.

The same name serves as field, TOML key and, with dashes, as command-line flag. A preset is a TOML file in
``configs/`` with a table per stage; ``--config`` reads the same layout from anywhere.
"""

from __future__ import annotations

from fancam.settings.loading import Overrides, Settings, load_presets, load_settings, preset_names
from fancam.settings.rules import (
    AUTO,
    AUTO_PRESETS,
    CARD_FORMATS,
    DEFAULT_SCALE,
    DEFAULT_TOP,
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
    WEIGHT_PRESETS,
)
from fancam.settings.stages import (
    CardSettings,
    CleanSettings,
    CropSettings,
    DesignSettings,
    EnhanceSettings,
    FaceSettings,
    FuseSettings,
    GuardSettings,
    PhotoSettings,
    PickSettings,
    PressSettings,
    RestoreSettings,
    ScanSettings,
    SheetSettings,
)
