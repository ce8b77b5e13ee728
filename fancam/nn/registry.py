"""The registry as records: which weight files exist, what they are for, under what licence, and how to know them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from fancam.errors import unknown_choice

TASKS = ("upscale", "detect", "landmarks", "restore", "parse", "embed", "denoise")
FORMATS = ("ncnn", "onnx", "tflite", "torch")


@dataclass(frozen=True, slots=True)
class Variant:
    """One known-good content of a weight file."""

    bytes: int
    """Size; 0 where it is not known and only the hash decides."""
    sha256: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a model."""

    file: str
    """File name, the same in every folder it is looked for."""
    variants: tuple[Variant, ...]
    """Every content that is known to be good; the first is the released one."""
    distribution: str | None = None
    """The package that carries the file; None where none does."""
    path_in_distribution: str | None = None
    url: str | None = None

    def size_fits(self, size: int) -> bool:
        """Whether a file of this many bytes can be one of the variants."""
        return any(variant.bytes in (0, size) for variant in self.variants)

    @property
    def origin(self) -> str:
        """Where the file can be had, in words."""
        if self.url is not None:
            return self.url
        return f"the package {self.distribution}"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the registry."""

    name: str
    task: str
    """``upscale``, ``detect``, ``landmarks``, ``restore``, ``parse``, ``embed`` or ``denoise``."""
    architecture: str
    licence: str
    """SPDX identifier, or words where none fits."""
    commercial: bool
    """Whether the licence of the weights allows commercial use."""
    format: str
    """``ncnn``, ``onnx``, ``tflite`` or ``torch``."""
    measured: str
    """What the weights are measured to do, or how far the row can be trusted; empty where nothing is known."""
    files: tuple[WeightFile, ...]
    """The first holds the weights; the others go with it."""

    @property
    def bytes(self) -> int:
        """Size of all files as released; 0 where one of them is not known."""
        sizes = [file.variants[0].bytes for file in self.files]
        return sum(sizes) if all(sizes) else 0


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Which network does a task, and why; nothing is loaded yet."""

    name: str | None
    """Model of the registry, or the name of the user's file; None for no network."""
    reason: str
    """In one line, for ``--explain``."""
    file: Path | None = None
    """The user's own weight file; None for a model of the registry."""
    note: str = ""
    """What the user should be told once; empty where nothing is."""

    @property
    def source(self) -> str | None:
        """What ``load_weights`` takes; None for no network."""
        return self.name if self.file is None else str(self.file)


@cache
def registry() -> dict[str, ModelEntry]:
    """Return every model by name, in the order of ``registry.toml``."""
    text = resources.files("fancam.nn").joinpath("registry.toml").read_text(encoding="utf-8")
    entries = [_entry(row) for row in tomllib.loads(text)["model"]]
    return {entry.name: entry for entry in entries}


def registry_entry(name: str) -> ModelEntry:
    """Return one model.

    Raises:
        UsageError: No model has this name; the nearest one and all valid ones are named.
    """
    if name not in registry():
        raise unknown_choice("model", name, registry())
    return registry()[name]


def _entry(row: dict[str, Any]) -> ModelEntry:
    if row["task"] not in TASKS or row["format"] not in FORMATS:
        raise ValueError(f"registry.toml: task or format of {row['name']} is not a known one")
    return ModelEntry(
        name=row["name"],
        task=row["task"],
        architecture=row["architecture"],
        licence=row["licence"],
        commercial=row["commercial"],
        format=row["format"],
        measured=row["measured"],
        files=tuple(_weight_file(file) for file in row["file"]),
    )


def _weight_file(row: dict[str, Any]) -> WeightFile:
    distribution, _, path = row.get("package", "").partition(":")
    return WeightFile(
        file=row["file"],
        variants=tuple(Variant(size, sha256) for size, sha256 in row["variants"]),
        distribution=distribution or None,
        path_in_distribution=path or None,
        url=row.get("url"),
    )
