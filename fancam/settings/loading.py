"""All settings of a run, and how presets, config files and the command line are laid over the defaults."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fancam.errors import InputNotFoundError, InputUnreadableError, UsageError, unknown_choice
from fancam.settings.rules import AUTO, AUTO_PRESETS, SWITCH
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

_PACKAGE = Path(__file__).parent.parent

_RENAMED = {"art": "design"}
"""Older names of tables, which are still read."""

Overrides = Mapping[str, Mapping[str, Any]]
"""Stage to key to value, as from the command line; a value of None means "not given"."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All stages of a run."""

    scan: ScanSettings = field(default_factory=ScanSettings)
    faces: FaceSettings = field(default_factory=FaceSettings)
    pick: PickSettings = field(default_factory=PickSettings)
    crop: CropSettings = field(default_factory=CropSettings)
    fuse: FuseSettings = field(default_factory=FuseSettings)
    clean: CleanSettings = field(default_factory=CleanSettings)
    enhance: EnhanceSettings = field(default_factory=EnhanceSettings)
    restore: RestoreSettings = field(default_factory=RestoreSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    card: CardSettings = field(default_factory=CardSettings)
    photo: PhotoSettings = field(default_factory=PhotoSettings)
    design: DesignSettings = field(default_factory=DesignSettings)
    press: PressSettings = field(default_factory=PressSettings)
    sheet: SheetSettings = field(default_factory=SheetSettings)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as plain values, for the manifest."""
        return dataclasses.asdict(self)


def preset_folder() -> Path:
    """Return the folder that holds the presets: inside the installed package, or beside it in a checkout."""
    packaged = _PACKAGE / "configs"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "configs"


def preset_names() -> list[str]:
    """Return the names of the presets that are there, sorted."""
    return sorted(path.stem for path in preset_folder().glob("*.toml"))


def load_settings(
    preset: str | None = None,
    config: Path | None = None,
    overrides: Overrides | None = None,
) -> Settings:
    """Return the settings: the defaults, then the preset, then the config file, then the overrides.

    Args:
        preset: Name of a file in ``configs/``, without its ending; ``auto`` adds nothing, see ``load_presets``.
        config: A TOML file with the same tables.
        overrides: Stage to key to value, as from the command line; a value of None means "not given".

    Raises:
        UsageError: A preset, table or key is unknown (the nearest right one is named), or a value is out of range.
        InputNotFoundError: The config file is not there.
    """
    settings = Settings()
    if preset is not None and preset != AUTO:
        if preset not in preset_names():
            raise unknown_choice("preset", preset, [AUTO, *preset_names()])
        path = preset_folder() / f"{preset}.toml"
        settings = _merge(settings, _read_toml(path), source=path.name)
    if config is not None:
        settings = _merge(settings, _read_toml(config), source=str(config))
    if overrides:
        given = {
            stage: {key: value for key, value in keys.items() if value is not None}
            for stage, keys in overrides.items()
        }  # fmt: skip
        settings = _merge(settings, given, source=None)
    return settings


def load_presets(
    preset: str | None, config: Path | None = None, overrides: Overrides | None = None
) -> dict[str, Settings]:
    """Return the settings of every preset that ``auto`` chooses from; empty where another one was asked for.

    Raises:
        UsageError: See ``load_settings``.
        InputNotFoundError: See ``load_settings``.
    """
    return {name: load_settings(name, config, overrides) for name in AUTO_PRESETS} if preset == AUTO else {}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputNotFoundError("no such config file", item=path, remedy="check the path") from None
    except (PermissionError, IsADirectoryError) as error:
        raise InputUnreadableError("the config file cannot be read", item=path, remedy="check its rights") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", item=path, remedy="mend the line it names") from error


def _merge(settings: Settings, tables: Mapping[str, Any], *, source: str | None) -> Settings:
    """Return the settings with the tables laid over them; every key is checked."""
    stages = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    for name, table in tables.items():
        name = _RENAMED.get(name, name)
        if name not in stages:
            raise _unknown("table", name, stages, source)
        if not isinstance(table, Mapping):
            raise UsageError(f"{name!r} is not a table", item=source, remedy=f"write it as [{name}]")
        known = {f.name: f for f in dataclasses.fields(stages[name])}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if (name, key) == ("guard", "guard"):  # the older spelling, and that of --guard
                key, value = "enabled", _switched(value)
            if key not in known:
                raise _unknown(f"key in [{name}]", key, known, source)
            if known[key].metadata.get("takes_numbers") and type(value) in (int, float):
                value = format(value, "g")
            values[key] = _checked(value, str(known[key].type), f"{name}.{key}", source)
        stages[name] = dataclasses.replace(stages[name], **values)
    return Settings(**stages)


def _switched(value: Any) -> bool:
    if value not in SWITCH:
        raise unknown_choice("guard", str(value), SWITCH)
    return bool(value == "on")


def _unknown(what: str, value: str, valid: Mapping[str, Any], source: str | None) -> UsageError:
    error = unknown_choice(what, value, valid)
    return UsageError(error.cause, item=source, remedy=error.remedy)


def _checked(value: Any, type_name: str, where: str, source: str | None) -> Any:
    """Return the value in the field's type; TOML writes 3 where a float is meant."""
    expected = type_name.split(" | ")[0]
    if expected == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    types = {"float": float, "int": int, "str": str, "bool": bool}
    if isinstance(value, bool) != (expected == "bool") or not isinstance(value, types[expected]):
        raise UsageError(f"{where} is {value!r}", item=source, remedy=f"it must be of type {expected}")
    return value
