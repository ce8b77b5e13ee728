"""Loads the network that upscales: one of the registry, or a weight file of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from spandrel import ImageModelDescriptor, ModelLoader, ModelTiling, UnsupportedModelError, canonicalize_state_dict

from fancam.errors import ModelDamagedError, ModelMissingError, UsageError
from fancam.media import Progress, no_progress
from fancam.nn.ncnn import load_ncnn
from fancam.nn.store import ModelStore, file_sha256
from fancam.nn.torchfile import load_torch
from fancam.settings import EnhanceSettings

PLAIN_FILTERS = ("bicubic", "lanczos")
"""Upscalers that are no network."""

_FP32_ENDS = ("ESRGAN", "Compact")
"""Architectures that are known to enter by their first convolution and leave by their last."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A super-resolution network, in fp32 on the CPU as loaded."""

    name: str
    """Of the registry, or the name of the user's file."""
    module: torch.nn.Module
    """(N, 3, H, W) float in [0, 1] to (N, 3, scale × H, scale × W), about in [0, 1]."""
    scale: int
    sha256: str
    """Of the weight file."""
    architecture: str
    size_multiple: int = 1
    """Height and width must be a multiple of this."""
    minimum_px: int = 1
    """Height and width must be at least this."""
    square: bool = False
    """Whether height and width must be equal."""
    precisions: tuple[str, ...] = ("fp32",)
    """The precisions the network is known to work in."""
    tiles: bool = True
    """Whether a picture may be cut into tiles; False for networks that look at all of it or tile by themselves."""
    fp32_ends: bool = False
    """Whether the first and the last convolution can stay in fp32 while the rest runs in half precision."""


def load_upscaler(settings: EnhanceSettings, store: ModelStore, progress: Progress = no_progress) -> Network | None:
    """Return the network the settings ask for, or None where they ask for a plain filter.

    Args:
        settings: ``upscaler`` is a name of the registry, ``bicubic``, ``lanczos`` or the path of a weight file.
        store: Where the weights of the registry are.
        progress: Called as ``("load", 0 or 1, 1)``.

    Raises:
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are not the known ones, or cannot be loaded safely.
        UsageError: The user's file holds no network that upscales RGB pictures.
    """
    if settings.upscaler in PLAIN_FILTERS:
        return None
    progress("load", 0, 1)
    known = {entry.name for entry in store.entries() if entry.task == "upscale"}
    network = (
        _load_registered(settings.upscaler, store)
        if settings.upscaler in known
        else _load_own(Path(settings.upscaler))
    )  # fmt: skip
    progress("load", 1, 1)
    return network


def _load_registered(name: str, store: ModelStore) -> Network:
    weights, *others = store.locate_files(name)
    if store.entry(name).format == "ncnn":
        # 0.1 s for the largest: a cache of converted weights would save less than it costs to keep right.
        state = {key: torch.from_numpy(values) for key, values in load_ncnn(others[0], weights).items()}
    else:
        state = load_torch(weights)
    return _as_network(state, weights, name, file_sha256(weights))


def _load_own(path: Path) -> Network:
    if not path.is_file():
        raise ModelMissingError("there is no such weight file", item=path, remedy="check the path of --upscaler")
    return _as_network(load_torch(path), path, path.name, file_sha256(path))


def _as_network(state: Mapping[str, torch.Tensor], path: Path, name: str, sha256: str) -> Network:
    try:
        # The architecture and its parameters are read off the names and shapes of the weights.
        descriptor = ModelLoader().load_from_state_dict(canonicalize_state_dict(dict(state)))
    except UnsupportedModelError as error:
        raise UsageError(
            "the weights belong to no architecture that is known", item=path, remedy="see spandrel's list of them"
        ) from error
    except (RuntimeError, KeyError, ValueError, IndexError, AssertionError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelDamagedError(
            f"the weights do not fit their architecture: {reason}", item=path, remedy="replace the file"
        ) from error
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.purpose not in ("SR", "Restoration"):
        raise UsageError(
            f"a network for {descriptor.purpose}, not for upscaling", item=path, remedy="give another file"
        )
    if (descriptor.input_channels, descriptor.output_channels) != (3, 3):
        channels = f"{descriptor.input_channels} to {descriptor.output_channels}"
        raise UsageError(
            f"the network turns {channels} channels, not RGB to RGB", item=path, remedy="give another file"
        )
    size = descriptor.size_requirements
    halves = (("bf16", descriptor.supports_bfloat16), ("fp16", descriptor.supports_half))
    return Network(
        name=name,
        module=descriptor.model.eval().requires_grad_(False),
        scale=descriptor.scale,
        sha256=sha256,
        architecture=descriptor.architecture.id,
        size_multiple=size.multiple_of,
        minimum_px=max(size.minimum, 1),
        square=size.square,
        precisions=("fp32", *(precision for precision, works in halves if works)),
        tiles=descriptor.tiling is not ModelTiling.INTERNAL,
        fp32_ends=descriptor.architecture.id in _FP32_ENDS,
    )
