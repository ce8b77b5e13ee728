"""Networks that clean a picture at its own size: recognised by their weights, and how each of them is to be run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from spandrel import ImageModelDescriptor

from fancam.enhancing.tiling import Axis, TilePlan
from fancam.errors import UsageError
from fancam.nn.networks import Descriptor, Network, Recipe, Weights, known_precisions, recognise, require_rgb

MAX_LEVEL = 50.0
"""Strongest noise DRUNet was trained for, in levels of 255 (Zhang et al., "Plug-and-play image restoration with deep
denoiser prior", TPAMI 2021, section 4.1)."""

_SOUND = (-0.5, 1.5)
"""Range outside of which an answer is given up. NAFNet answers between -30 and 36 on some pictures that are unlike
those it was trained on; cut to [0, 1], that is coloured blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenoiseRecipe(Recipe):
    """How the networks of one architecture are run, and on which tiles."""

    grid_px: int
    """Sides of tiles are multiples of this, and tiles begin at multiples of it: the network divides the picture into
    cells of this size from its top left corner on, and the same pixels must meet in a cell in whichever tile."""
    tile_px: int
    """Side of a tile with its overlap; a picture that is no larger is not cut."""
    overlap_px: int
    """Context on each side of a seam."""
    takes_level: bool = False
    """Whether a fourth channel holds the standard deviation of the noise, of 1; such a network needs no check on how
    much it removes."""
    answers_within: tuple[float, float] | None = _SOUND

    @property
    def smallest_tile_px(self) -> int:
        """Side of the smallest tile that has something in it besides overlap."""
        return 2 * self.overlap_px + self.grid_px


# What carries the picture past the network to the sum at its end stays in fp32: bf16 has 128 steps between 0.5 and 1.
RECIPES: dict[str, DenoiseRecipe] = {
    # Windows of 8 pixels at an eighth of the size. 1024x1024 at once take about 10 GB in fp32, 384x384 about 1.4.
    "SCUNet": DenoiseRecipe(
        grid_px=64, tile_px=384, overlap_px=64, fp32={"m_head": False, "m_tail": False}, half=("m_down1",)
    ),
    # Every block multiplies its channels by their mean over the whole tile. The network was trained, and its published
    # figures were taken, on 256x256 (Chen et al., "Simple baselines for image restoration", ECCV 2022, section 5.1);
    # with the mean of much more it is known to do worse (Chu et al., "Improving image restoration by revisiting global
    # information aggregation", ECCV 2022).
    "NAFNet": DenoiseRecipe(grid_px=16, tile_px=256, overlap_px=32, fp32={"intro": True, "ending": False}),
    "DRUNet": DenoiseRecipe(
        grid_px=8, tile_px=416, overlap_px=48, takes_level=True,
        fp32={"m_head": False, "m_tail": False}, half=("m_down1",),
    ),
}  # fmt: skip
"""One row for each architecture; others that spandrel knows are run with ``_plain_recipe``, in fp32."""


@dataclass(frozen=True, slots=True, eq=False)
class DenoiseNetwork(Network):
    """A network that turns RGB into RGB of the same size; with ``takes_level``, given one channel more."""

    recipe: DenoiseRecipe


def denoise_network(weights: Weights) -> DenoiseNetwork:
    """Return the denoising network that some weights belong to.

    Raises:
        UsageError: They belong to no architecture that is known, or to one that does not turn RGB into RGB of the same
            size.
        ModelDamagedError: A parameter is missing, or their shapes fit together in no network.
    """
    descriptor = recognise(weights)
    _require_denoiser(descriptor, weights)
    architecture = descriptor.architecture.id
    recipe = RECIPES.get(architecture)
    known = recipe is not None
    return DenoiseNetwork(
        name=weights.name,
        module=(descriptor.model if known else _Described(descriptor)).eval().requires_grad_(False),
        scale=1,
        sha256=weights.sha256,
        architecture=architecture,
        recipe=recipe or _plain_recipe(descriptor),
        precisions=known_precisions(descriptor) if known else ("fp32",),
    )


def _require_denoiser(descriptor: object, weights: Weights) -> None:
    """Raise UsageError unless the network turns an RGB picture into one of the same size."""
    remedy = f"give weights of {', '.join(RECIPES)} for colour, or of another network that keeps the size"
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.purpose == "FaceSR":
        purpose = getattr(descriptor, "purpose", "something else")
        raise UsageError(f"a network for {purpose}, not for denoising", item=weights.path, remedy=remedy)
    if descriptor.scale != 1:
        raise UsageError(
            f"the network enlarges x{descriptor.scale}; one that cleans keeps the size",
            item=weights.path,
            remedy=f"give it to --upscaler; here, {remedy}",
        )
    require_rgb(descriptor, weights.path, remedy)


class _Described(torch.nn.Module):
    """A network of which nothing is known but what spandrel says: it is called by spandrel, a picture at a time."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__()
        self.model = descriptor.model
        self._descriptor = descriptor

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._descriptor(tile[None]) for tile in tiles])


def _plain_recipe(descriptor: Descriptor) -> DenoiseRecipe:
    size = descriptor.size_requirements
    grid_px = math.lcm(size.multiple_of, 8)
    overlap_px = -(-48 // grid_px) * grid_px
    tile_px = -(-max(256, size.minimum, 2 * overlap_px + grid_px) // grid_px) * grid_px
    return DenoiseRecipe(grid_px=grid_px, tile_px=tile_px, overlap_px=overlap_px)


# --- tiles ------------------------------------------------------------------------------------------------------------


def grid_axis(length: int, tile_px: int, overlap_px: int, grid_px: int) -> Axis:
    """Return tiles that begin at multiples of the grid and cover an axis, which is lengthened to such a multiple.

    Args:
        length: Of the picture; at least 1.
        tile_px: Length of a tile with its overlap, a multiple of the grid, more than two overlaps.
        overlap_px: Least context on each side of a seam, a multiple of the grid; as wide a zone around it is blended.
        grid_px: See ``DenoiseRecipe.grid_px``.
    """
    padded = -(-length // grid_px) * grid_px
    if padded <= tile_px:
        return Axis(padded, padded, (0,), 0)
    intervals = -(-(padded - tile_px) // (tile_px - 2 * overlap_px))
    room = (padded - tile_px) // grid_px
    starts = tuple(index * room // intervals * grid_px for index in range(intervals + 1))
    return Axis(padded, tile_px, starts, overlap_px)


def grid_plan(height: int, width: int, recipe: DenoiseRecipe, tile_px: int) -> TilePlan:
    """Return the tiles of a picture of this size, on the grid of the network."""
    sides = (grid_axis(side, tile_px, recipe.overlap_px, recipe.grid_px) for side in (height, width))
    return TilePlan(*sides)
