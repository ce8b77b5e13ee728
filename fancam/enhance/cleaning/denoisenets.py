"""Networks that clean a picture at its own size: recognised by their weights, and how each of them is to be run."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError, canonicalize_state_dict

from fancam.enhance.tiling import Axis, TilePlan
from fancam.errors import ModelDamagedError, UsageError
from fancam.nn.device import keep_in_fp32

MAX_LEVEL = 50.0
"""Strongest noise DRUNet was trained for, in levels of 255 (Zhang et al., "Plug-and-play image restoration with deep
denoiser prior", TPAMI 2021, section 4.1)."""

_BROKEN = (RuntimeError, KeyError, ValueError, IndexError, AssertionError, ZeroDivisionError)
"""What is raised on parameters that are missing, or whose shapes fit together in no network."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the networks of one architecture are run."""

    grid_px: int
    """Sides of tiles are multiples of this, and tiles begin at multiples of it: the network divides the picture into
    cells of this size from its top left corner on, and the same pixels must meet in a cell in whichever tile."""
    tile_px: int
    """Side of a tile with its overlap; a picture that is no larger is not cut."""
    overlap_px: int
    """Context on each side of a seam."""
    takes_level: bool = False
    """Whether a fourth channel says how strong the noise is; such a network needs no check on how much it removes."""
    fp32: Mapping[str, bool] = field(default_factory=dict)
    """Parts that stay in fp32 in a half-precision network, and whether their results go back to half. What carries the
    picture past the network to the sum at its end does: bf16 has 128 steps between 0.5 and 1."""
    half: tuple[str, ...] = ()
    """Parts that get their input from a part in fp32, and take it in half precision."""


RECIPES: dict[str, Recipe] = {
    # Windows of 8 pixels at an eighth of the size. 1024x1024 at once take about 10 GB in fp32, 384x384 about 1.4.
    "SCUNet": Recipe(64, 384, 64, fp32={"m_head": False, "m_tail": False}, half=("m_down1",)),
    # Every block multiplies its channels by their mean over the whole tile. The network was trained, and its published
    # figures were taken, on 256x256 (Chen et al., "Simple baselines for image restoration", ECCV 2022, section 5.1);
    # with the mean of much more it is known to do worse (Chu et al., "Improving image restoration by revisiting global
    # information aggregation", ECCV 2022).
    "NAFNet": Recipe(16, 256, 32, fp32={"intro": True, "ending": False}),
    "DRUNet": Recipe(8, 416, 48, takes_level=True, fp32={"m_head": False, "m_tail": False}, half=("m_down1",)),
}


@dataclass(frozen=True, slots=True, eq=False)
class DenoiseNetwork:
    """A network that cleans pictures, in fp32 on the CPU as loaded."""

    name: str
    """Of the registry, or the name of the user's file."""
    module: torch.nn.Module
    """(N, 3, H, W) RGB in [0, 1] to the same, about in [0, 1]; with ``takes_level``, (N, 4, H, W) in, of which the last
    is the standard deviation of the noise, of 1."""
    sha256: str
    """Of the weight file."""
    architecture: str
    recipe: Recipe
    precisions: tuple[str, ...] = ("fp32",)
    """The precisions the network is known to work in."""

    def on(self, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
        """Return a copy of the network on a device, in half precision but for what the recipe keeps in fp32."""
        module = copy.deepcopy(self.module)
        if dtype != torch.float32:
            keep_in_fp32(module, dtype, self.recipe.fp32, self.recipe.half)
        return module.to(device).to(memory_format=torch.channels_last)


def denoise_network(state: Mapping[str, torch.Tensor], path: Path, name: str, sha256: str) -> DenoiseNetwork:
    """Return the network these parameters belong to.

    Args:
        state: Name to tensor, as ``fancam.nn.networks.load_torch`` returns them.
        path: Where they were read, for messages.
        name: For records.
        sha256: Of the file.

    Raises:
        UsageError: They belong to no architecture that is known, or to one that does not turn RGB into RGB of the same
            size.
        ModelDamagedError: A parameter is missing, or their shapes fit together in no network.
    """
    try:
        descriptor = ModelLoader().load_from_state_dict(canonicalize_state_dict(dict(state)))
    except UnsupportedModelError as error:
        raise UsageError(
            "the weights belong to no architecture that is known", item=path, remedy="see spandrel's list of them"
        ) from error
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelDamagedError(
            f"the weights do not fit their architecture: {reason}", item=path, remedy="replace the file"
        ) from error
    _require_denoiser(descriptor, path)
    architecture = descriptor.architecture.id
    recipe = RECIPES.get(architecture)
    if recipe is None:
        module: torch.nn.Module = _Described(descriptor)
        return DenoiseNetwork(name, module.eval(), sha256, architecture, _plain_recipe(descriptor))
    halves = (("bf16", descriptor.supports_bfloat16), ("fp16", descriptor.supports_half))
    precisions = ("fp32", *(precision for precision, works in halves if works))
    module = descriptor.model.eval().requires_grad_(False)
    return DenoiseNetwork(name, module, sha256, architecture, recipe, precisions)


def _require_denoiser(descriptor: object, path: Path) -> None:
    """Raise UsageError unless the network turns an RGB picture into one of the same size."""
    remedy = f"give weights of {', '.join(RECIPES)} for colour, or of another network that keeps the size"
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.purpose == "FaceSR":
        purpose = getattr(descriptor, "purpose", "something else")
        raise UsageError(f"a network for {purpose}, not for denoising", item=path, remedy=remedy)
    if descriptor.scale != 1:
        raise UsageError(
            f"the network enlarges x{descriptor.scale}; one that cleans keeps the size",
            item=path,
            remedy=f"give it to --upscaler; here, {remedy}",
        )
    channels = descriptor.input_channels, descriptor.output_channels
    if channels != (3, 3):
        raise UsageError(
            f"the network turns {channels[0]} to {channels[1]} channels, not RGB to RGB", item=path, remedy=remedy
        )


class _Described(torch.nn.Module):
    """A network of which nothing is known but what spandrel says: it is called by spandrel, a picture at a time."""

    def __init__(self, descriptor: ImageModelDescriptor[torch.nn.Module]) -> None:
        super().__init__()
        self.model = descriptor.model.requires_grad_(False)
        self._descriptor = descriptor

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._descriptor(tile[None]) for tile in tiles])


def _plain_recipe(descriptor: ImageModelDescriptor[torch.nn.Module]) -> Recipe:
    size = descriptor.size_requirements
    grid_px = math.lcm(size.multiple_of, 8)
    overlap_px = -(-48 // grid_px) * grid_px
    tile_px = -(-max(256, size.minimum, 2 * overlap_px + grid_px) // grid_px) * grid_px
    return Recipe(grid_px, tile_px, overlap_px)


# --- tiles ------------------------------------------------------------------------------------------------------------


def grid_axis(length: int, tile_px: int, overlap_px: int, grid_px: int) -> Axis:
    """Return tiles that begin at multiples of the grid and cover an axis, which is lengthened to such a multiple.

    Args:
        length: Of the picture; at least 1.
        tile_px: Length of a tile with its overlap, a multiple of the grid, more than two overlaps.
        overlap_px: Least context on each side of a seam, a multiple of the grid; as wide a zone around it is blended.
        grid_px: See ``Recipe.grid_px``.
    """
    padded = -(-length // grid_px) * grid_px
    if padded <= tile_px:
        return Axis(padded, padded, (0,), 0)
    intervals = -(-(padded - tile_px) // (tile_px - 2 * overlap_px))
    room = (padded - tile_px) // grid_px
    starts = tuple(index * room // intervals * grid_px for index in range(intervals + 1))
    return Axis(padded, tile_px, starts, overlap_px)


def grid_plan(height: int, width: int, recipe: Recipe, tile_px: int) -> TilePlan:
    """Return the tiles of a picture of this size, on the grid of the network."""
    sides = (grid_axis(side, tile_px, recipe.overlap_px, recipe.grid_px) for side in (height, width))
    return TilePlan(*sides)


def smallest_tile(recipe: Recipe) -> int:
    """Return the side of the smallest tile that has something in it besides overlap."""
    return 2 * recipe.overlap_px + recipe.grid_px
