"""Takes noise out of a picture by a network: which one, and how much of what it says is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from fancam.enhancing.cleaning.denoisenets import MAX_LEVEL, DenoiseNetwork, denoise_network, grid_plan
from fancam.enhancing.tiledprint import TiledPrint, TileTask
from fancam.enhancing.tiling import Tile
from fancam.enhancing.work import check_picture
from fancam.errors import DeviceError, ModelDamagedError
from fancam.media import Progress, Samples, no_progress
from fancam.nn import ModelStore, NetworkChoice
from fancam.nn.device import Compute
from fancam.nn.networks import load_weights
from fancam.nn.runtime import ItemResult, Runtime
from fancam.nn.store import find_weight_file
from fancam.results import NoiseModel
from fancam.settings import DENOISERS, CleanSettings

_LUMA = (0.299, 0.587, 0.114)
"""Of R, G and B, ITU-T T.871 section 7."""
_CB_SHARE, _CR_SHARE = 1.086138, 0.825198
"""Mean square over R, G and B of the factors of Cb (0, 0.344136, 1.772) and Cr (1.402, 0.714136, 0), ibid."""
_BRIGHTNESS_PX = 7
"""Side of the square whose mean is the brightness of its middle: that of one pixel is noise itself."""
_JUDGED_PX = 33
"""Side of the square in which removal is compared with noise: the deviation of a thousand samples of white noise is
known to 2 %, and 33 pixels are less than a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Strength of the noise by brightness: 256 values for a luma of 0 to 255, each a standard deviation of 1."""

    luma: npt.NDArray[np.float32]
    rgb: npt.NDArray[np.float32]
    """Root mean square over R, G and B."""

    @property
    def strongest(self) -> float:
        """The strongest in R, G and B, in levels of 255."""
        return 255 * float(self.rgb.max())


def levels_of(sigma: float, noise: NoiseModel | None) -> Levels:
    """Return the strength of the noise at each brightness.

    Args:
        sigma: In the luma where it is strongest, in levels of 255.
        noise: Its spread over brightness and over luma and chroma, scaled to ``sigma``; None: the same at every
            brightness, and grey. Deviations of Y, Cb and Cr are taken to be independent; where those of R, G and B are,
            the result is 11 % too high.
    """
    if noise is None or noise.luma_sigma <= 0:
        flat = np.full(256, sigma / 255, np.float32)
        return Levels(flat, flat)
    scale = sigma / noise.luma_sigma / 255
    luma, blue, red = (np.interp(np.arange(256), noise.levels, row) * scale for row in noise.sigma)
    rgb = np.sqrt(luma**2 + _CB_SHARE * blue**2 + _CR_SHARE * red**2)
    return Levels(luma.astype(np.float32), rgb.astype(np.float32))


def level_map(tiles: torch.Tensor, levels: Levels) -> torch.Tensor:
    """Return the strength of the noise in R, G and B at each pixel, (N, 1, H, W) of 1, as far as DRUNet knows it."""
    return _at_brightness(tiles, levels.rgb).clamp_(max=MAX_LEVEL / 255)


def at_most_the_noise(noisy: torch.Tensor, cleaned: torch.Tensor, levels: Levels) -> torch.Tensor:
    """Return the cleaned tiles moved back towards the noisy ones where they differ by more than the noise.

    What a blind network takes out beyond the strength that was measured is detail. Around each pixel the root mean
    square of what it changed in the luma is brought down to that of the noise, by mixing the two pictures (Morozov's
    discrepancy principle: a solution is as near to the measurement as the error of that; "On the solution of functional
    equations by the method of regularization", 1966). So a network that goes wrong can do no more harm than the noise.

    Args:
        noisy: (N, 3, H, W) RGB in [0, 1].
        cleaned: Of the same shape.
        levels: Of the noise.
    """
    change = cleaned - noisy
    changed = _mean(_luma(change).square(), _JUDGED_PX)
    allowed = _mean(_at_brightness(noisy, levels.luma).square(), _JUDGED_PX)
    share = (allowed / changed.clamp_min(1e-12)).clamp_(max=1).sqrt_()
    return noisy + share * change


def _at_brightness(tiles: torch.Tensor, table: npt.NDArray[np.float32]) -> torch.Tensor:
    """Return the value of a table of 256 for the brightness around each pixel, (N, 1, H, W)."""
    if table.min() == table.max():
        return tiles.new_full((tiles.shape[0], 1, *tiles.shape[2:]), float(table[0]))
    place = (_mean(_luma(tiles), _BRIGHTNESS_PX) * 255).round_().clamp_(0, 255).long()
    return torch.from_numpy(table).to(tiles.device)[place]


def _luma(tiles: torch.Tensor) -> torch.Tensor:
    red, green, blue = tiles.split(1, 1)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def _mean(plane: torch.Tensor, side_px: int) -> torch.Tensor:
    """Return the mean of the square around each pixel, of as much of it as there is."""
    half = side_px // 2
    rows = functional.avg_pool2d(plane, (side_px, 1), 1, (half, 0), count_include_pad=False)
    return functional.avg_pool2d(rows, (1, side_px), 1, (0, half), count_include_pad=False)


NETWORKS = tuple(name for name in DENOISERS if name not in ("auto", "builtin"))
"""Denoisers that are models of the registry, under the same names."""

_BATCH_TILES = {"cuda": 4, "mps": 2}
"""Tiles per pass. On a CPU one tile fills all cores."""


def resolve_denoiser(settings: CleanSettings, store: ModelStore) -> NetworkChoice:
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
        return NetworkChoice(None, "no noise is to be taken out")
    if wanted == "auto":
        return NetworkChoice(None, "the built-in one: it follows what was measured, and invents nothing")
    if wanted == "builtin":
        return NetworkChoice(None, "the built-in one was asked for")
    if wanted not in NETWORKS:
        path = find_weight_file(wanted, "--denoiser")
        return NetworkChoice(path.name, "the file was given", file=path)
    if store.status(wanted).state != "present":
        store.locate(wanted)  # raises: it knows what is wrong, and what to do
    return NetworkChoice(wanted, "it was asked for", note=_licence_note(wanted, store) or "")


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
        self.network = network
        self.licence_note = licence_note
        """What is to be known about the licence of the weights; None where nothing is."""
        self.runtime = Runtime(
            network,
            compute,
            batch=batch or _BATCH_TILES.get(compute.device.type, 1),
            remedy="--device cpu or --denoiser builtin",
        )
        self._tile_px = network.recipe.tile_px

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
        network = denoise_network(load_weights(name_or_path, store, task="denoise", option="--denoiser"))
        known = name_or_path in NETWORKS
        note = _licence_note(name_or_path, store) if known else f"the licence of {network.name} is not known here"
        return cls(network, compute, licence_note=note, batch=batch)

    @property
    def name(self) -> str:
        """Of the registry, or the name of the user's file; for records."""
        return self.network.name

    @property
    def sha256(self) -> str:
        """Of the weight file."""
        return self.network.sha256

    @property
    def compute(self) -> Compute:
        """Device and precision."""
        return self.runtime.compute

    @property
    def notes(self) -> tuple[str, ...]:
        """What was asked for and could not be had."""
        return self.runtime.notes

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
            try:
                pixels, more = self._laid_together(picture, levels, progress, notes)
                return Denoised(pixels, (*notes, *more))
            except DeviceError as error:
                failure = error.with_traceback(None)  # what was allocated hangs on the traceback
            self._use_smaller_tiles(failure, notes)

    def _use_smaller_tiles(self, error: DeviceError, notes: list[str]) -> None:
        """Halve the tile after even one did not fit; the picture is begun again."""
        recipe = self.network.recipe
        if self._tile_px <= recipe.smallest_tile_px:
            raise self.runtime.memory_error(f"one tile of {self._tile_px} pixels") from error
        self._tile_px = max(self._tile_px // 2 // recipe.grid_px * recipe.grid_px, recipe.smallest_tile_px)
        notes.append(f"memory ran out: tiles of {self._tile_px} pixels")

    # --- tiles -------------------------------------------------------------------------------------------------

    def _laid_together(
        self, picture: Samples, levels: Levels, progress: Progress, notes: list[str]
    ) -> tuple[Samples, tuple[str, ...]]:
        """Return the cleaned picture, and what went another way."""
        height, width = picture.shape[:2]
        plan = grid_plan(height, width, self.network.recipe, self._tile_px)
        tiled = TiledPrint(plan, 1, picture.dtype, self.compute.device)
        tiles, redone, kept = list(plan), 0, 0
        prepare = partial(_with_level, levels) if self.network.recipe.takes_level else None
        while tiles:
            part, tiles = tiles[: self.runtime.batch], tiles[self.runtime.batch :]
            noisy = np.stack([_cut(picture, tile) for tile in part])
            finish = [partial(self._finished, tiled.task(tile), levels) for tile in part]
            found = [one for results in self.runtime.run(noisy, finish, notes, prepare) for one in results]
            for index, (tile, result) in enumerate(zip(part, found, strict=True)):
                redone += result.redone
                values = result.values
                if result.failure:
                    values = self._as_it_was(tiled.task(tile), noisy[index], result)
                    kept += 1
                tiled.add(tile, values)
            progress("denoise", len(plan) - len(tiles), len(plan))
        pixels = tiled.pixels()
        if pixels.shape != picture.shape:
            pixels = cast(Samples, np.ascontiguousarray(pixels[:height, :width]))
        return pixels, self._notes_of(redone, kept, len(plan))

    def _notes_of(self, redone: int, kept: int, tiles: int) -> tuple[str, ...]:
        in_fp32 = f"{redone} of {tiles} tiles redone in fp32: {self.compute.precision} gave no usable values"
        unchanged = f"{kept} of {tiles} tiles stay as they are: {self.name} answers far outside of the range there"
        return tuple(note for note, number in ((in_fp32, redone), (unchanged, kept)) if number)

    def _finished(self, task: TileTask, levels: Levels, noisy: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """Return what a tile adds to the result: what the network made of it, as far as the measurement allows."""
        if not self.network.recipe.takes_level:
            drawn = at_most_the_noise(noisy[None], drawn[None], levels)[0]
        return task.fill(noisy, drawn.clamp(0, 1))

    def _as_it_was(self, task: TileTask, tile: npt.NDArray, result: ItemResult) -> npt.NDArray:
        """Return what a tile adds to the result where it stays as it is.

        Raises:
            ModelDamagedError: The network gives values that are not numbers.
            DeviceError: It could not be tried in fp32, for lack of memory.
        """
        if result.no_memory is not None:
            raise self.runtime.memory_error("one tile in fp32") from result.no_memory
        if not result.finite:
            remedy = "the weights are broken; choose another denoiser"
            raise ModelDamagedError(result.failure, item=self.name, remedy=remedy)
        noisy = self.runtime.to_device(tile[None])[0]
        return task.fill(noisy, noisy).cpu().numpy()


def _with_level(levels: Levels, noisy: torch.Tensor) -> torch.Tensor:
    """Return (N, 4, H, W): the tiles, and the strength of their noise."""
    return torch.cat([noisy, level_map(noisy, levels)], 1)


def _cut(picture: Samples, tile: Tile) -> Samples:
    """Return the pixels of a tile, mirrored outward where it reaches beyond the picture."""
    pixels: npt.NDArray = picture[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    missing = tile.height - pixels.shape[0], tile.width - pixels.shape[1]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
