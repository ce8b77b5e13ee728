"""Which pixels of an aligned face are face: facexlib's parsing networks, where their weights are in the store.

Only the layers come from facexlib; the loading, the classes and the batches are here. facexlib takes one face at a
time, decides each pixel for one class, and keeps hair and earrings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fancam.errors import ModelDamagedError, ModelMissingError, unknown_choice
from fancam.nn import ModelStore
from fancam.results import FaceParser

if TYPE_CHECKING:  # torch is loaded where there are weights: it costs seconds
    import torch

SIZE_PX = 512
"""Side of the faces, as the weights were trained."""

CLASSES = 19

PARSENET_FACE = (1, 2, 4, 5, 6, 7, 10, 11, 12)
"""Skin, nose, eyes, brows, mouth and lips among the classes of ParseNet, in the order of CelebAMask-HQ's own script:
1 skin, 2 nose, 3 glasses, 4-5 eyes, 6-7 brows, 8-9 ears, 10 mouth, 11-12 lips, 13 hair, 14 hat, 15 earring, 16
necklace, 17 neck, 18 cloth. facexlib keeps 1 to 13 and 15; here hair is not to be redrawn, and glasses hide an eye."""

BISENET_FACE = (1, 2, 3, 4, 5, 10, 11, 12, 13)
"""The same in the order of BiSeNet's weights (face-parsing.PyTorch): 1 skin, 2-3 brows, 4-5 eyes, 6 glasses, 7-8 ears,
9 earring, 10 nose, 11 mouth, 12-13 lips, 14 neck, 15 necklace, 16 cloth, 17 hair, 18 hat."""

PARSENET_NORMAL = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
BISENET_NORMAL = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of red, green and blue that the networks were trained with, for values in [0, 1]; the
second is ImageNet's."""

_BATCH = 4
"""Faces per forward pass: ParseNet needs about 0.45 GB for each."""


class TorchFaceParser:
    """A parsing network; implements ``FaceParser``.

    Raises:
        UsageError: The name is another, or there is no such device.
        ModelDamagedError: The file is no plain state dict, or one of another architecture.
        DeviceError: The device is not there.
    """

    def __init__(self, weights: Path, name: str = "parsenet", *, device: str = "cpu") -> None:
        import torch

        from fancam.nn.device import choose_compute
        from fancam.nn.networks import Network, Recipe
        from fancam.nn.runtime import Runtime
        from fancam.nn.store import file_sha256

        self.name = name
        row = PARSERS[name]
        recipe = Recipe(lambda module, faces: module(faces)[0])
        network = Network(name, _load(weights, row.build, name), 1, file_sha256(weights), name, recipe)
        self._runtime = Runtime(network, choose_compute(device, "fp32"), batch=_BATCH, unit="face")
        where = self._runtime.compute.device
        self._mean, self._deviation = (torch.tensor(values, device=where).view(1, 3, 1, 1) for values in row.normal)
        self._kept = torch.tensor(row.face, device=where)

    def masks(self, faces: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the probability that a pixel is skin, eye, brow, nose, mouth or lip.

        Args:
            faces: (N, 512, 512, 3) uint8 RGB, aligned.

        Returns:
            (N, 512, 512) float32 in [0, 1]; low on hair, glasses, hands, microphones and background.

        Raises:
            ValueError: The shape or type is wrong.
            DeviceError: The device has not enough memory for one face.
            ModelDamagedError: The network gives values that are not numbers.
        """
        if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[1:] != (SIZE_PX, SIZE_PX, 3):
            raise ValueError(f"not RGB faces of {SIZE_PX} pixels: {faces.shape} {faces.dtype}")
        results = [
            result for part in self._runtime.run(faces, self._face_share, [], self._normalised) for result in part
        ]
        if failure := next((result.failure for result in results if result.failure), ""):
            raise ModelDamagedError(failure, item=self.name, remedy="the weights are broken; replace the file")
        return np.stack([result.values for result in results]) if results else np.empty(faces.shape[:3], np.float32)

    def _normalised(self, faces: torch.Tensor) -> torch.Tensor:
        return (faces - self._mean) / self._deviation

    def _face_share(self, _face: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the (H, W) probability of the classes that are face, for (classes, H, W)."""
        return logits.softmax(dim=0).index_select(0, self._kept).sum(dim=0).clamp(0, 1)


def _load(weights: Path, build: Any, name: str) -> torch.nn.Module:
    from fancam.nn.networks import load_torch

    state = load_torch(weights)
    try:
        network: torch.nn.Module = build(state)
        network.load_state_dict(state, strict=True)
    except (RuntimeError, KeyError, ValueError) as error:
        raise ModelDamagedError(
            f"not the weights of {name}", item=weights, remedy="fetch or install the weights again"
        ) from error
    return network.eval().requires_grad_(False)


def _parsenet(state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """Return an empty ParseNet of the widths and the depth that the weights have.

    Raises:
        KeyError: They have not its layers.
        ValueError: They have another number of classes or steps.
    """
    from facexlib.parsing.parsenet import ParseNet  # here: the package loads torchvision, seconds that few runs need

    widths = [len(tensor) for name, tensor in state.items() if name.endswith("conv1.conv2d.weight")]
    steps = len({name.split(".")[1] for name in state if name.startswith("encoder.")}) - 1
    depth = len({name.split(".")[1] for name in state if name.startswith("body.")})
    if not widths or not 1 <= steps <= 8 or len(state["out_mask_conv.conv2d.weight"]) != CLASSES:
        raise ValueError("not ParseNet")
    layers: torch.nn.Module = ParseNet(
        in_size=SIZE_PX,
        out_size=SIZE_PX,
        min_feat_size=SIZE_PX >> steps,
        base_ch=len(state["encoder.0.conv2d.weight"]),
        parsing_ch=CLASSES,
        res_depth=depth,
        ch_range=[min(widths), max(widths)],
    )
    return layers


def _bisenet(_state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    from facexlib.parsing.bisenet import BiSeNet

    layers: torch.nn.Module = BiSeNet(num_class=CLASSES)
    return layers


class _Parser(NamedTuple):
    """How the weights of a name in the registry are run."""

    build: Callable[[Mapping[str, torch.Tensor]], torch.nn.Module]
    """Returns the empty network that the weights fit into."""
    normal: tuple[tuple[float, ...], tuple[float, ...]]
    """Mean and standard deviation that the pictures are normalised with."""
    face: tuple[int, ...]
    """The classes that are face."""


PARSERS = {
    "parsenet": _Parser(_parsenet, PARSENET_NORMAL, PARSENET_FACE),
    "bisenet": _Parser(_bisenet, BISENET_NORMAL, BISENET_FACE),
}
"""One row for each parser of the registry."""


def create_parser(store: ModelStore, device: str = "cpu", *, name: str = "parsenet") -> FaceParser | None:
    """Return the face parser, or None where its weights are in none of the store's places.

    Args:
        store: Where the weights are.
        device: As the setting takes it.
        name: ``parsenet``, or ``bisenet``, whose training data do not allow commercial use.

    Raises:
        UsageError: The name is another, or there is no such device.
        ModelDamagedError: The weights are not those of the architecture.
        DeviceError: The device is not there.
    """
    if name not in PARSERS:
        raise unknown_choice("face parser", name, PARSERS)
    try:
        weights = store.locate(name)
    except ModelMissingError:
        return None
    return TorchFaceParser(weights, name, device=device)
