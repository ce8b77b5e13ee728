"""Loads a network by its name in the registry or from a file, and says how it is run.

``Network`` is what ``fancam.nn.runtime.Runtime`` takes. Upscalers are described here; denoisers and face priors by the
stage that uses them, with ``load_weights`` and ``recognise``.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from spandrel import ImageModelDescriptor, ModelLoader, ModelTiling, UnsupportedModelError, canonicalize_state_dict

from fancam.errors import ModelDamagedError, UsageError
from fancam.nn.ncnn import load_ncnn
from fancam.nn.store import ModelStore, file_sha256, find_weight_file
from fancam.settings import EnhanceSettings

PLAIN_FILTERS = ("bicubic", "lanczos")
"""Upscalers that are no network."""

TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")

_STRIP_ROWS = 48
"""Rows of the maps, before they are enlarged, that the end of a network works on at once."""
_STRIP_REACH = 4
"""Rows around those; four convolutions of 3 x 3 on maps twice and four times as large reach 1.25."""

Descriptor: TypeAlias = ImageModelDescriptor[torch.nn.Module]
Module: TypeAlias = Callable[..., Any]
"""A ``torch.nn.Module``, as it is or compiled."""


def _call(module: Module, batch: torch.Tensor) -> Any:
    return module(batch)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the networks of one architecture are run."""

    call: Callable[[Module, torch.Tensor], Any] = _call
    """Gives the module a batch in the form its architecture wants and returns the part of the answer that is used."""
    fp32: Mapping[str, bool] = field(default_factory=dict)
    """Pattern of the parts that stay in fp32 in a half-precision network, and whether their results go back to half;
    what lies inside a part is meant as well. A network with such parts takes its input in fp32."""
    half: tuple[str, ...] = ()
    """Pattern of the parts that get their input from a part in fp32, and take it in half precision."""
    rounds_fp32_parts: bool = False
    """Whether the weights of the parts in fp32 are rounded to half precision all the same."""
    answers_within: tuple[float, float] | None = None
    """An answer outside of this range is taken for a failure, as one that is not a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network, in fp32 on the CPU as loaded."""

    name: str
    """Of the registry, or the name of the user's file."""
    module: torch.nn.Module
    """As ``recipe.call`` calls it: (N, 3, H, W) float in [0, 1] to (N, 3, scale × H, scale × W), about in [0, 1]."""
    scale: int
    """Output pixels per input pixel."""
    sha256: str
    """Of the weight file."""
    architecture: str
    recipe: Recipe = field(default_factory=Recipe)
    precisions: tuple[str, ...] = ("fp32",)
    """The precisions the network is known to work in."""
    size_multiple: int = 1
    """Height and width must be a multiple of this."""
    minimum_px: int = 1
    """Height and width must be at least this."""
    square: bool = False
    """Whether height and width must be equal."""
    tiles: bool = True
    """Whether a picture may be cut into tiles; False for networks that look at all of it or tile by themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The content of a weight file."""

    name: str
    """Of the registry, or the name of the user's file."""
    path: Path
    sha256: str
    state: dict[str, torch.Tensor]
    """Name of the parameter to its values, on the CPU."""


def load_weights(name_or_path: str, store: ModelStore, *, task: str, option: str) -> Weights:
    """Return the weights of a model of the registry, or those in a file of the user's.

    Args:
        name_or_path: A name of the registry with this task, or the path of a weight file.
        store: Where the weights of the registry are; they are hashed before they are opened.
        task: See ``ModelEntry.task``.
        option: The option of the command line that takes the path, for the message.

    Raises:
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are not the known ones, or cannot be loaded safely.
        UsageError: The file name has an ending that is not known.
    """
    if name_or_path not in {entry.name for entry in store.entries() if entry.task == task}:
        path = find_weight_file(name_or_path, option)
        return Weights(path.name, path, file_sha256(path), load_torch(path))
    path, *others = store.locate_files(name_or_path)
    if store.entry(name_or_path).format == "ncnn":
        # 0.1 s for the largest: a cache of converted weights would save less than it costs to keep right.
        state = {key: torch.from_numpy(values) for key, values in load_ncnn(others[0], path).items()}
    else:
        state = load_torch(path)
    return Weights(name_or_path, path, file_sha256(path), state)


# --- reading files of torch -----------------------------------------------------------------------------------------

_WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model")
"""Keys under which training programs put the parameters, best first: BasicSR writes ``params_ema`` and ``params``."""

_UNREADABLE = (
    RuntimeError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    ArithmeticError, ImportError, MemoryError, struct.error,
)  # fmt: skip
"""What ``torch.load`` raises on files that are cut short or changed at random: its unpickler does not check lengths."""


def load_torch(path: Path) -> dict[str, torch.Tensor]:
    """Return the parameters in a weight file: name to tensor, on the CPU, as stored; nothing that is in it is run.

    Wrappers (``params_ema``, ``params``, ``state_dict`` …) and the ``module.`` prefix of parallel training are removed.

    Raises:
        UsageError: The file name has another ending.
        ModelDamagedError: The file is broken, holds objects other than tensors and plain values (such a file could run
            a program when it is opened, so it is refused), holds no tensors, or holds values that are not numbers.
    """
    suffix = path.suffix.lower()
    if suffix not in TORCH_SUFFIXES:
        raise UsageError(f"weights of type {suffix!r}", item=path, remedy=f"it must be {', '.join(TORCH_SUFFIXES)}")
    state = _unwrapped(_load_safetensors(path) if suffix == ".safetensors" else _load_pickled(path))
    if not state:
        raise ModelDamagedError("holds no weights", item=path, remedy="give a file of network weights")
    broken = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise ModelDamagedError(f"{broken[0]} holds values that are not numbers", item=path, remedy="replace the file")
    return state


def _load_safetensors(path: Path) -> Any:
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError) as error:
        raise ModelDamagedError(f"cannot be read: {error}", item=path, remedy="replace the file") from error


def _load_pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message is a page on how to switch the protection off; only its first sentence is of use here.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "not a pickle"
        raise ModelDamagedError(
            f"refused: it is broken, or holds more than tensors and could run a program when opened ({reason[:99]})",
            item=path,
            remedy="use a .safetensors file, or weights from a source you trust saved again as tensors only",
        ) from error
    except _UNREADABLE as error:
        raise ModelDamagedError(
            f"cannot be read: {type(error).__name__}: {_one_line(error)}", item=path, remedy="replace the file"
        ) from error


def _unwrapped(content: Any) -> dict[str, torch.Tensor]:
    for _ in range(len(_WRAPPERS)):
        known = content if isinstance(content, Mapping) else {}
        wrapper = next((key for key in _WRAPPERS if isinstance(known.get(key), Mapping)), None)
        if wrapper is None:
            break
        content = content[wrapper]
    if not isinstance(content, Mapping):
        return {}
    state = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


# --- recognising architectures --------------------------------------------------------------------------------------

_MISFITS = (RuntimeError, KeyError, ValueError, IndexError, AssertionError, ZeroDivisionError)
"""What is raised on parameters that are missing, or whose shapes fit together in no network."""


def recognise(
    weights: Weights,
    load: Callable[[dict[str, torch.Tensor]], Any] | None = None,
    fits: str = "their architecture",
) -> Any:
    """Return spandrel's descriptor of the network that some weights belong to.

    Args:
        weights: The architecture and its parameters are read off their names and shapes.
        load: Builds the network; spandrel's search through its architectures where it is None.
        fits: What the weights should fit, for the message.

    Raises:
        UsageError: The weights belong to no architecture that is known.
        ModelDamagedError: A parameter is missing, or their shapes fit together in no network.
    """
    try:
        return (load or ModelLoader().load_from_state_dict)(canonicalize_state_dict(dict(weights.state)))
    except UnsupportedModelError as error:
        raise UsageError(
            "the weights belong to no architecture that is known",
            item=weights.path,
            remedy="see spandrel's list of them",
        ) from error
    except _MISFITS as error:
        raise ModelDamagedError(
            f"the weights do not fit {fits}: {_one_line(error)}", item=weights.path, remedy="replace the file"
        ) from error


def require_rgb(descriptor: Descriptor, path: Path, remedy: str) -> None:
    """Raise UsageError unless the network turns RGB into RGB."""
    channels = descriptor.input_channels, descriptor.output_channels
    if channels != (3, 3):
        raise UsageError(
            f"the network turns {channels[0]} to {channels[1]} channels, not RGB to RGB", item=path, remedy=remedy
        )


def known_precisions(descriptor: Descriptor) -> tuple[str, ...]:
    """Return the precisions that spandrel knows a network to work in."""
    halves = (("bf16", descriptor.supports_bfloat16), ("fp16", descriptor.supports_half))
    return ("fp32", *(precision for precision, works in halves if works))


# --- upscalers ------------------------------------------------------------------------------------------------------

_FP32_ENDS = ("ESRGAN", "Compact")
"""Architectures that are known to enter by their first convolution and leave by their last."""


def load_upscaler(settings: EnhanceSettings, store: ModelStore) -> Network | None:
    """Return the network the settings ask for, or None where they ask for a plain filter.

    Args:
        settings: ``upscaler`` is a name of the registry, ``bicubic``, ``lanczos`` or the path of a weight file.
        store: Where the weights of the registry are.

    Raises:
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are not the known ones, or cannot be loaded safely.
        UsageError: The user's file holds no network that upscales RGB pictures.
    """
    if settings.upscaler in PLAIN_FILTERS:
        return None
    return describe_upscaler(load_weights(settings.upscaler, store, task="upscale", option="--upscaler"))


def describe_upscaler(weights: Weights) -> Network:
    """Return the super-resolution network of some weights; any that spandrel knows. Raises like ``load_upscaler``."""
    descriptor = recognise(weights)
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.purpose not in ("SR", "Restoration"):
        raise UsageError(
            f"a network for {descriptor.purpose}, not for upscaling", item=weights.path, remedy="give another file"
        )
    require_rgb(descriptor, weights.path, "give another file")
    size, module = descriptor.size_requirements, descriptor.model.eval().requires_grad_(False)
    if descriptor.architecture.id == "ESRGAN":
        _run_tail_in_strips(module)
    return Network(
        name=weights.name,
        module=module,
        scale=descriptor.scale,
        sha256=weights.sha256,
        architecture=descriptor.architecture.id,
        recipe=fp32_ends(module) if descriptor.architecture.id in _FP32_ENDS else Recipe(),
        precisions=known_precisions(descriptor),
        size_multiple=size.multiple_of,
        minimum_px=max(size.minimum, 1),
        square=size.square,
        tiles=descriptor.tiling is not ModelTiling.INTERNAL,
    )


class TailInStrips(torch.nn.Module):
    """The layers of a network one after the other, the last of them, which work on larger maps, strip by strip.

    On a CPU. The maps of a whole picture are four times as wide and high as the picture and hold 64 channels: of a tile
    they are two gigabytes. On other devices the tiles are planned for them.

    Args:
        layers: Of the network; the tail begins at the first that enlarges, and has convolutions of 3 x 3 besides.
    """

    def __init__(self, layers: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        first = next(at for at, layer in enumerate(layers) if isinstance(layer, torch.nn.Upsample))
        self.head, self.tail = torch.nn.Sequential(*layers[:first]), torch.nn.Sequential(*layers[first:])
        factors = [layer.scale_factor for layer in layers if isinstance(layer, torch.nn.Upsample)]
        self.scale = round(math.prod(factor for factor in factors if isinstance(factor, float)))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return what the layers make of a batch."""
        maps = self.head(batch)
        if maps.device.type != "cpu":
            return torch.as_tensor(self.tail(maps))
        parts = []
        for top in range(0, maps.shape[2], _STRIP_ROWS):
            bottom = min(top + _STRIP_ROWS, maps.shape[2])
            above, below = max(top - _STRIP_REACH, 0), bottom + _STRIP_REACH
            made = self.tail(maps[:, :, above:below])
            parts.append(made[:, :, (top - above) * self.scale : (bottom - above) * self.scale])
        return torch.cat(parts, dim=2)


def _run_tail_in_strips(module: torch.nn.Module) -> None:
    """Let a network of the ESRGAN kind work on its enlarged maps strip by strip, where it has the usual tail."""
    layers = list(module.model.children()) if isinstance(module.model, torch.nn.Sequential) else []
    if any(isinstance(layer, torch.nn.Upsample) for layer in layers):
        module.model = TailInStrips(layers)


def fp32_ends(module: torch.nn.Module) -> Recipe:
    """Return the recipe that keeps the first and the last convolution in fp32.

    They are a hundredth of the arithmetic, and bf16 has only 128 steps between 0.5 and 1, which shows as banding in
    bright areas.

    Args:
        module: A network whose first convolution is its entry and whose last is its exit.
    """
    names = [name for name, part in module.named_modules() if isinstance(part, torch.nn.Conv2d)]
    return Recipe(fp32={names[0]: True, names[-1]: False}, rounds_fp32_parts=True)
