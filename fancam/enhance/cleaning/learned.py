"""Takes noise out of a picture by a network: which one, and how much of what it says is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhance.cleaning.denoisenets import (
    MAX_LEVEL,
    DenoiseNetwork,
    denoise_network,
    grid_plan,
    smallest_tile,
)
from fancam.enhance.cleaning.removal import Levels, at_most_the_noise, level_map, levels_of
from fancam.enhance.tiledprint import TiledPrint
from fancam.enhance.tiling import Tile
from fancam.enhance.work import check_picture
from fancam.errors import DeviceError, ModelDamagedError, ModelMissingError
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore, file_sha256
from fancam.nn.device import Compute, exact_algorithms, is_out_of_memory
from fancam.nn.networks import load_torch
from fancam.results import NoiseModel
from fancam.settings import DENOISERS, CleanSettings

NETWORKS = tuple(name for name in DENOISERS if name not in ("auto", "builtin"))
"""Denoisers that are models of the registry, under the same names."""

_BATCH_TILES = {"cuda": 4, "mps": 2}
"""Tiles per pass. On a CPU one tile fills all cores."""

_WILD = 0.5
"""How far outside of 0 to 1 a network may answer before its tile is given up. NAFNet answers between -30 and 36 on some
pictures that are unlike those it was trained on; cut to the range, that is coloured blocks."""


@dataclass(frozen=True, slots=True)
class DenoiserChoice:
    """Which network takes the noise out, and why; nothing is loaded yet."""

    name: str | None
    """Model of the registry, or the name of the user's file; None for the built-in denoiser."""
    reason: str
    """In one line, for ``--explain``."""
    file: Path | None = None
    """The user's own weight file; None for a model of the registry."""
    note: str = ""
    """What the user should be told once; empty where nothing is."""

    @property
    def source(self) -> str | None:
        """What ``LearnedDenoiser.load`` takes; None for the built-in denoiser."""
        return self.name if self.file is None else str(self.file)


def resolve_denoiser(settings: CleanSettings, store: ModelStore) -> DenoiserChoice:
    """Return the network these settings mean; cheap: looks where files are and reads none.

    Args:
        settings: ``denoiser`` is ``auto`` or ``builtin``, a network by name, or the path of a weight file.
        store: Where the weights of the registry are.

    Raises:
        ModelMissingError: A network was asked for by name and its weights are not here; or the file is not.
        ModelDamagedError: The weights that would be used have a wrong size.
    """
    wanted = settings.denoiser
    if settings.denoise_strength == 0:
        return DenoiserChoice(None, "no noise is to be taken out")
    if wanted == "auto":
        return DenoiserChoice(None, "the built-in one: it follows what was measured, and invents nothing")
    if wanted == "builtin":
        return DenoiserChoice(None, "the built-in one was asked for")
    if wanted not in NETWORKS:
        path = _own_file(wanted)
        return DenoiserChoice(path.name, "the file was given", file=path)
    if store.status(wanted).state != "present":
        store.locate(wanted)  # raises: it knows what is wrong, and what to do
    return DenoiserChoice(wanted, "it was asked for", note=_licence_note(wanted, store) or "")


def _own_file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise ModelMissingError("there is no such weight file", item=path, remedy="check the path of --denoiser")
    return path


def _licence_note(name: str, store: ModelStore) -> str | None:
    """Return what is to be known about the licence of a model; None where its SPDX identifier says all."""
    entry = store.entry(name)
    if not entry.commercial:
        return f"{name} is not for commercial use: {entry.licence}"
    return f"licence of {name}: {entry.licence}" if " " in entry.licence else None


@dataclass(frozen=True, slots=True, eq=False)
class Denoised:
    """A picture without its noise."""

    pixels: Samples
    """(height, width, 3) RGB, in the size and type of the picture."""
    notes: tuple[str, ...] = ()
    """What was asked for and could not be had, and what went another way: a tile in fp32, a smaller batch …"""


@dataclass(slots=True)
class _Count:
    """Tiles that went another way."""

    redone: int = 0
    """In fp32."""
    kept: int = 0
    """As they were."""


class LearnedDenoiser:
    """A denoising network on a device.

    DRUNet is told how strong the noise is. SCUNet, NAFNet and networks from a file of the user's judge that by
    themselves; they are believed as far as the measurement goes: see ``removal.at_most_the_noise``.

    The same picture gives the same bytes on the same device: algorithms are fixed, and fp32 is not rounded to TF32.

    Args:
        network: As ``denoise_network`` returns it.
        compute: Device and precision; fp32 is used where the network does not work in that one, and ``notes`` says so.
        licence_note: See the attribute.
        batch: Tiles per pass; 0 chooses by device.
    """

    def __init__(
        self, network: DenoiseNetwork, compute: Compute, *, licence_note: str | None = None, batch: int = 0
    ) -> None:
        notes = compute.notes
        if compute.precision not in network.precisions:
            notes = (*notes, f"{network.architecture} does not work in {compute.precision}; fp32 was used")
            compute = Compute(compute.device, torch.float32, "fp32", notes)
        self.network = network
        self.compute = compute
        self.licence_note = licence_note
        """What is to be known about the licence of the weights; None where nothing is."""
        self.notes = notes
        """What was asked for and could not be had."""
        self._batch = batch or _BATCH_TILES.get(compute.device.type, 1)
        self._tile_px = network.recipe.tile_px
        self._fp32: torch.nn.Module | None = None
        half = compute.dtype != torch.float32
        self._module = network.on(compute.device, compute.dtype) if half else self._fp32_module()

    @classmethod
    def load(cls, name_or_path: str, store: ModelStore, compute: Compute, *, batch: int = 0) -> Self:
        """Return a denoiser, ready to run.

        Args:
            name_or_path: ``scunet``, ``nafnet``, ``drunet``, or the path of a weight file that spandrel knows.
            store: Where the weights of the registry are; they are hashed before they are opened.
            compute: Device and precision.
            batch: Tiles per pass; 0 chooses by device.

        Raises:
            ModelMissingError: The weights are not here; names the file, its size, its hash, where it can be had and
                where to put it.
            ModelDamagedError: The weights are not the known ones, cannot be loaded safely, or fit no network.
            UsageError: The user's file holds no network that turns RGB into RGB of the same size.
        """
        known = name_or_path in NETWORKS
        path = store.locate(name_or_path) if known else _own_file(name_or_path)
        name = name_or_path if known else path.name
        network = denoise_network(load_torch(path), path, name, file_sha256(path))
        note = _licence_note(name, store) if known else f"the licence of {name} is not known here"
        return cls(network, compute, licence_note=note, batch=batch)

    @property
    def name(self) -> str:
        """Of the registry, or the name of the user's file; for records."""
        return self.network.name

    @property
    def sha256(self) -> str:
        """Of the weight file."""
        return self.network.sha256

    def __call__(self, picture: Samples, sigma: float) -> Samples:
        """Return the picture without its noise; as ``denoise``, without the notes."""
        return self.denoise(picture, sigma).pixels

    def denoise(
        self, picture: Samples, sigma: float, noise: NoiseModel | None = None, progress: Progress = no_progress
    ) -> Denoised:
        """Return the picture without its noise.

        A tile whose result holds values that are not numbers, or far outside of the range, is computed again in fp32;
        where that does not help against the range, the tile stays as it is. Memory is bounded: besides the picture and
        its result, one row of tiles.

        Args:
            picture: (height, width, 3) RGB, 8 or 16 bits.
            sigma: Standard deviation of the noise in the luma where it is strongest, in levels of 255: what was
                measured, times how much of it is to go. 0 leaves the picture as it is.
            noise: How the noise is spread over brightness and over luma and chroma; None takes it to be the same at
                every brightness, and grey.
            progress: Called as ``("denoise", tiles done, tiles in all)``.

        Raises:
            DeviceError: The device has not enough memory for one small tile.
            ModelDamagedError: The network gives values that are not numbers, in fp32 too.
            CropError: It is no RGB picture; also a ValueError.
            ValueError: ``sigma`` is negative or no number.
        """
        check_picture(picture)
        if not 0 <= sigma < math.inf:
            raise ValueError(f"no strength of noise: {sigma}")
        if sigma == 0:
            return Denoised(picture.copy(), self.notes)
        levels = levels_of(sigma, noise)
        notes = list(self.notes)
        if self.network.recipe.takes_level and levels.strongest > MAX_LEVEL:
            notes.append(
                f"{self.network.architecture} was trained for noise of up to {MAX_LEVEL:g} levels; that was used"
            )
        while True:
            failure = None
            try:
                pixels, more = self._laid_together(picture, levels, progress)
                return Denoised(pixels, (*notes, *more))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = error.with_traceback(None)  # what was allocated hangs on the traceback
            self._use_less_memory(failure, notes)

    def _use_less_memory(self, error: BaseException, notes: list[str]) -> None:
        """Halve the batch, or the tile where it is one already; the picture is begun again."""
        if self.compute.device.type == "cuda":
            torch.cuda.empty_cache()
        least = smallest_tile(self.network.recipe)
        if self._batch > 1:
            self._batch //= 2
            notes.append(f"memory ran out: {self._batch} tile(s) per pass")
        elif self._tile_px > least:
            grid = self.network.recipe.grid_px
            self._tile_px = max(self._tile_px // 2 // grid * grid, least)
            notes.append(f"memory ran out: tiles of {self._tile_px} pixels")
        else:
            raise DeviceError(
                f"not enough memory for one tile of {self._tile_px} pixels",
                item=str(self.compute.device),
                remedy="close other programs that use it, or use --device cpu or --denoiser builtin",
            ) from error

    # --- tiles -------------------------------------------------------------------------------------------------

    def _laid_together(self, picture: Samples, levels: Levels, progress: Progress) -> tuple[Samples, tuple[str, ...]]:
        """Return the cleaned picture, and what went another way."""
        height, width = picture.shape[:2]
        plan = grid_plan(height, width, self.network.recipe, self._tile_px)
        tiled = TiledPrint(plan, 1, picture.dtype, self.compute.device)
        tiles = list(plan)
        count = _Count()
        for start in range(0, len(tiles), self._batch):
            part = tiles[start : start + self._batch]
            with torch.inference_mode(), exact_algorithms():
                noisy = self._to_device(np.stack([_cut(picture, tile) for tile in part]))
                cleaned = self._cleaned(noisy, levels, count)
                for index, tile in enumerate(part):
                    tiled.add(tile, tiled.task(tile).fill(noisy[index], cleaned[index]).cpu().numpy())
            progress("denoise", start + len(part), len(tiles))
        pixels = tiled.pixels()
        if pixels.shape != picture.shape:
            pixels = cast(Samples, np.ascontiguousarray(pixels[:height, :width]))
        return pixels, self._notes_of(count, len(tiles))

    def _notes_of(self, count: _Count, tiles: int) -> tuple[str, ...]:
        redone = f"{count.redone} of {tiles} tiles redone in fp32: {self.compute.precision} gave no usable values"
        kept = f"{count.kept} of {tiles} tiles stay as they are: {self.name} answers far outside of the range there"
        return tuple(note for note, number in ((redone, count.redone), (kept, count.kept)) if number)

    def _to_device(self, tiles: npt.NDArray) -> torch.Tensor:
        """Return (N, 3, H, W) float32 in [0, 1] for (N, H, W, 3) of 8 or 16 bits."""
        # Not every device knows 16-bit whole numbers without a sign; as floats they are as exact.
        host = torch.from_numpy(tiles if tiles.dtype == np.uint8 else tiles.astype(np.float32))
        return host.to(self.compute.device).permute(0, 3, 1, 2).float() / np.iinfo(tiles.dtype).max

    def _cleaned(self, noisy: torch.Tensor, levels: Levels, count: _Count) -> torch.Tensor:
        """Return the tiles as the network and the measurement want them, (N, 3, H, W) float32 in [0, 1]."""
        drawn = self._drawn(self._module, noisy, levels)
        for index in range(len(drawn)):
            if self.compute.dtype != torch.float32 and not _is_sound(drawn[index]):
                drawn[index] = self._drawn(self._fp32_module(), noisy[index : index + 1], levels)[0]
                count.redone += 1
            if not bool(drawn[index].isfinite().all()):
                raise ModelDamagedError(
                    "the network gives values that are not numbers, in fp32 too",
                    item=self.name,
                    remedy="the weights are broken; choose another denoiser",
                )
            if not _is_sound(drawn[index]):
                drawn[index] = noisy[index]
                count.kept += 1
        if not self.network.recipe.takes_level:
            drawn = at_most_the_noise(noisy, drawn, levels)
        return drawn.clamp(0, 1)

    def _drawn(self, module: torch.nn.Module, noisy: torch.Tensor, levels: Levels) -> torch.Tensor:
        if self.network.recipe.takes_level:
            noisy = torch.cat([noisy, level_map(noisy, levels)], 1)
        drawn: torch.Tensor = module(noisy.contiguous(memory_format=torch.channels_last)).float()
        return drawn

    def _fp32_module(self) -> torch.nn.Module:
        if self._fp32 is None:
            self._fp32 = self.network.on(self.compute.device, torch.float32)
        return self._fp32


def _cut(picture: Samples, tile: Tile) -> Samples:
    """Return the pixels of a tile, mirrored outward where it reaches beyond the picture."""
    pixels: npt.NDArray = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    missing = tile.height - pixels.shape[0], tile.width - pixels.shape[1]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")


def _is_sound(drawn: torch.Tensor) -> bool:
    """Whether a result holds numbers only, and none far outside of 0 to 1."""
    return bool(((drawn >= -_WILD) & (drawn <= 1 + _WILD)).all())  # comparisons with NaN are false
