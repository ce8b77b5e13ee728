"""Face priors: their architectures, recognised by their weights; one is chosen, loaded and run on aligned faces."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from spandrel import ImageModelDescriptor, canonicalize_state_dict
from spandrel.architectures.GFPGAN import GFPGAN, GFPGANArch
from spandrel.architectures.RestoreFormer import RestoreFormerArch
from spandrel.util import get_seq_len
from torch.nn import functional

from fancam.enhancing.prior.alignment import FACE_SIZE_PX
from fancam.errors import ModelMissingError, UsageError
from fancam.media import Progress, no_progress
from fancam.nn import ModelStore, NetworkChoice
from fancam.nn.device import Compute
from fancam.nn.networks import Module, Network, Recipe, Weights, known_precisions, load_weights, recognise
from fancam.nn.runtime import Runtime
from fancam.nn.store import find_weight_file
from fancam.settings import RestoreSettings

CODEFORMER_PACKAGE = "spandrel_extra_arches"
"""Carries the architecture of CodeFormer. Its licence is non-commercial (S-Lab 1.0), so it is no dependency: it is
imported only when somebody asks for CodeFormer."""

CODEFORMER_FIDELITY = 0.5
"""CodeFormer's own knob between its code book (0) and the input (1), Zhou et al. 2022; 0.5 is what its program takes
for aligned faces. How much of the face is used is decided afterwards, by the strength and the guard."""

_CODEFORMER_KEYS = ("position_emb", "idx_pred_layer.1.weight", "quantize.embedding.weight")


def _from_minus_one(call: Callable[[Module, torch.Tensor], torch.Tensor]) -> Callable[[Module, torch.Tensor], Any]:
    """Return a call with pictures in [0, 1] for one with pictures in [-1, 1].

    All three architectures expect [-1, 1] and give [-1, 1]. spandrel's own call converts for RestoreFormer only; the
    others it feeds with [0, 1] and clamps to [0, 1], so that everything darker than middle grey is lost.
    """
    return lambda module, faces: call(module, faces.mul(2).sub_(1)).float().add(1).div_(2)


RECIPES: dict[str, Recipe] = {
    # Noise: the stored one, or no two runs would give the same face. The pictures of the middle layers serve training
    # only. The style, and the sums that make the picture, stay in fp32: bf16 has 128 steps between 0.5 and 1.
    "GFPGAN": Recipe(
        _from_minus_one(lambda module, faces: module(faces, return_rgb=False, randomize_noise=False)[0]),
        fp32={"conv_body_first": True, "final_linear": False, "*.modulation": False, "stylegan_decoder.to_rgb*": False},
    ),
    # Both of these look up patches of face in a code book. All that leads to the choice stays in fp32, or half
    # precision would choose others (3 % of them, with random weights): who is drawn must not hang on the device.
    "RestoreFormer": Recipe(
        _from_minus_one(lambda module, faces: module(faces)[0]),
        fp32={"encoder": False, "quant_conv": False, "quantize": False, "decoder.conv_out": False},
        half=("post_quant_conv", "decoder"),
    ),
    "CodeFormer": Recipe(
        _from_minus_one(lambda module, faces: module(faces, weight=CODEFORMER_FIDELITY)[0]),
        fp32={
            "": False,  # the position embedding belongs to the root
            "encoder": False,
            "feat_emb": False,
            "ft_layers": False,
            "idx_pred_layer": False,
            "quantize": False,
            "generator.blocks.24": False,
        },
        half=("generator.blocks.0", "fuse_convs_dict.*"),
    ),
}
"""One row for each architecture; another face prior is another row, and its class in ``_architecture``."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceNetwork(Network):
    """A face prior."""

    side_px: int = FACE_SIZE_PX
    """Height and width of the faces it takes and gives."""


def face_network(weights: Weights) -> FaceNetwork:
    """Return the face prior that some weights belong to.

    Raises:
        UsageError: The weights belong to no face prior that is known, or to one for faces of another size.
        ModelMissingError: They are CodeFormer's, and the package with its architecture is not installed.
        ModelDamagedError: A parameter is missing, or their shapes fit together in no network.
    """
    architecture = _architecture(weights)
    descriptor = recognise(weights, architecture.load, f"a {architecture.id} network")
    module = descriptor.model.eval().requires_grad_(False)
    if architecture.id == "GFPGAN":
        adapt_gfpgan(module)
        if (side_px := 2**module.log_size) != FACE_SIZE_PX:
            cause, remedy = f"the network is for faces of {side_px} pixels", f"give one for {FACE_SIZE_PX}"
            raise UsageError(cause, item=weights.path, remedy=remedy)
    return FaceNetwork(
        name=weights.name,
        module=module,
        scale=1,
        sha256=weights.sha256,
        architecture=architecture.id,
        recipe=RECIPES[architecture.id],
        precisions=known_precisions(descriptor),
    )


def _architecture(weights: Weights) -> Any:
    """Return spandrel's architecture for these parameters."""
    parameters = canonicalize_state_dict(dict(weights.state))
    if all(key in parameters for key in _CODEFORMER_KEYS):
        require_codeformer_package(weights.path)
        return importlib.import_module(f"{CODEFORMER_PACKAGE}.architectures.CodeFormer").CodeFormerArch()
    for architecture in (SizedGfpganArch(), RestoreFormerArch()):
        if architecture.detect(dict(parameters)):
            return architecture
    if any(name.startswith("vqvae.") for name in parameters):  # the name its training program stores the network under
        raise UsageError(
            "these are weights of RestoreFormer++, and no architecture for them is known",
            item=weights.path,
            remedy="use --restore restoreformer",
        )
    raise UsageError(
        "the weights belong to no face prior that is known",
        item=weights.path,
        remedy=f"give weights of {', '.join(RECIPES)}; those of an upscaler go to --upscaler",
    )


def require_codeformer_package(item: str | Path) -> None:
    """Raise ModelMissingError where the architecture of CodeFormer is not installed; it is not imported for that."""
    if importlib.util.find_spec(CODEFORMER_PACKAGE) is None:
        raise ModelMissingError(
            f"the architecture of CodeFormer is not installed (package {CODEFORMER_PACKAGE}, non-commercial licence)",
            item=item,
            remedy=f"if your use is not commercial, run 'pip install {CODEFORMER_PACKAGE}'; else use another restorer",
        )


# --- GFPGAN ---------------------------------------------------------------------------------------------------------


class SizedGfpganArch(GFPGANArch):
    """GFPGAN in the widths its weights have; spandrel builds the widths of the release whatever the weights say."""

    def load(self, state_dict: dict[str, torch.Tensor]) -> ImageModelDescriptor:
        """Return spandrel's descriptor; raises like ``torch.nn.Module.load_state_dict``, or KeyError."""
        decoder = "stylegan_decoder"
        narrow = state_dict[f"{decoder}.constant_input.weight"].shape[1] / 512
        style = state_dict[f"{decoder}.style_mlp.1.weight"].shape[0]
        multiplier = 2.0
        if (widest := f"{decoder}.style_convs.6.modulated_conv.weight") in state_dict:  # the first it applies to, 64x64
            multiplier = state_dict[widest].shape[1] / (256 * narrow)
        module = GFPGAN(
            out_size=2 ** (get_seq_len(state_dict, "conv_body_down") + 2),
            num_style_feat=style,
            channel_multiplier=multiplier,
            narrow=narrow,
            different_w=state_dict["final_linear.weight"].shape[0] > style,
        )
        return ImageModelDescriptor(
            module,
            state_dict,
            architecture=self,
            purpose="FaceSR",
            tags=[],
            supports_half=False,
            supports_bfloat16=True,
            scale=1,
            input_channels=3,
            output_channels=3,
        )


class SharedConvolution(torch.nn.Module):
    """StyleGAN2's modulated convolution, with one set of weights for all faces of a batch.

    The original scales the weights by the style, which gives every face a convolution of its own (a grouped one). To
    scale the channels that go in, and to normalise those that come out, is the same arithmetic in another order
    (Karras et al.: "Analyzing and improving the image quality of StyleGAN", CVPR 2020, section 2.2), and leaves one
    dense convolution for the batch.
    """

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.modulation = original.modulation
        self.weight = torch.nn.Parameter(original.weight.detach()[0], requires_grad=False)
        self.demodulate: bool = original.demodulate
        self.eps: float = original.eps
        self.upsample: bool = original.sample_mode == "upsample"

    def forward(self, features: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Return (N, out, H, W), twice as large where it upsamples, for (N, in, H, W) and (N, style features)."""
        scale = self.modulation(style)
        features = features * scale.to(features.dtype)[:, :, None, None]
        if self.upsample:
            features = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        features = functional.conv2d(features, self.weight, padding=self.weight.shape[-1] // 2)
        if self.demodulate:
            energy = self.weight.to(scale.dtype).square().sum((2, 3))  # (out, in)
            norm = torch.rsqrt(scale.square() @ energy.T + self.eps)
            features = features * norm.to(features.dtype)[:, :, None, None]
        return features


def adapt_gfpgan(module: torch.nn.Module) -> None:
    """Change a GFPGAN network, in place, so that the faces of a batch share convolutions, in ``channels_last``."""
    decoder = module.get_submodule("stylegan_decoder")
    for part in list(decoder.modules()):
        if hasattr(part, "modulated_conv"):
            part.modulated_conv = SharedConvolution(part.modulated_conv)
    # The architecture views the result in a shape that the layout does not allow.
    module.get_submodule("final_conv").register_forward_hook(lambda _part, _inputs, result: result.contiguous())


# --- chosen, loaded, run ------------------------------------------------------------------------------------------

Faces = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""(N, 512, 512, 3) RGB: uint8, or float32 in [0, 1]."""

AUTO_MODEL = "restoreformer"
"""What ``auto`` takes: the one released prior whose licence allows commercial use and whose architecture is known."""

_MODELS = {
    "restoreformer": ("restoreformer",),
    "gfpgan": ("gfpgan-1.4", "gfpgan-1.3"),
    "codeformer": ("codeformer",),
}
"""Name of the setting to models of the registry, best first."""

_BATCH_FACES = {"cuda": 8, "mps": 2}
"""Faces per pass. On a CPU one face fills all cores."""


def resolve_restorer(settings: RestoreSettings, store: ModelStore) -> NetworkChoice:
    """Return the face prior these settings mean; cheap: looks where files are and reads none.

    Args:
        settings: ``restore`` is ``none``, ``auto``, a name, or the path of a weight file.
        store: Where the weights of the registry are.

    Raises:
        ModelMissingError: A prior was asked for by name and its weights, or the architecture of CodeFormer, are not
            here; or the file is not.
        ModelDamagedError: The weights that would be used have a wrong size.
    """
    wanted = settings.restore
    if wanted == "none":
        return NetworkChoice(None, "none was asked for")
    if settings.strength == 0:
        return NetworkChoice(None, "the strength is 0")
    if wanted == "auto":
        return _resolve_auto(store)
    if wanted not in _MODELS:
        path = find_weight_file(wanted, "--restore")
        return NetworkChoice(path.name, "the file was given", file=path)
    if wanted == "codeformer":
        require_codeformer_package(wanted)
    return _registered(wanted, store, "it was asked for")


def _resolve_auto(store: ModelStore) -> NetworkChoice:
    if store.status(AUTO_MODEL).state == "missing":
        reason = f"no face prior: its weights are not here; 'fancam models pull {AUTO_MODEL}' gets them"
        return NetworkChoice(None, reason, note=reason)
    return _registered(AUTO_MODEL, store, "its weights are here, and its licence allows commercial use")


def _registered(setting: str, store: ModelStore, reason: str) -> NetworkChoice:
    """Return the best model of a setting that is here."""
    states = {name: store.status(name).state for name in _MODELS[setting]}
    name = next((name for name, state in states.items() if state != "missing"), _MODELS[setting][0])
    if states[name] != "present":
        store.locate(name)  # raises: it knows what is wrong, and what to do
    entry = store.entry(name)
    note = "" if entry.commercial else f"{name} is not for commercial use: {entry.licence}"
    return NetworkChoice(name, reason, note=note)


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    """What a face prior made of some faces."""

    faces: npt.NDArray[np.float32]
    """(N, 512, 512, 3) RGB in [0, 1]; a face that was given up is as it came in."""
    given_up: dict[int, str]
    """Index of each face the network failed on, and why."""
    notes: tuple[str, ...] = ()
    """Fallbacks that were taken: a face redone in fp32, a halved batch …"""


class Restorer:
    """A face prior on a device; see ``fancam.nn.runtime.Runtime``.

    Args:
        network: The face prior; in fp32 on the CPU it is used as it is.
        compute: Device and precision; fp32 is used where the network does not work in that one, and ``notes`` says so.
        batch: Faces per pass; 0 chooses by device.
    """

    def __init__(self, network: FaceNetwork, compute: Compute, *, batch: int = 0) -> None:
        self.network = network
        self.runtime = Runtime(
            network,
            compute,
            batch=batch or _BATCH_FACES.get(compute.device.type, 1),
            unit="face",
            remedy="--device cpu or --restore none",
        )

    @classmethod
    def load(cls, choice: NetworkChoice, store: ModelStore, compute: Compute, *, batch: int = 0) -> Self:
        """Return the chosen face prior, ready to run.

        Args:
            choice: From ``resolve_restorer``; it names a prior.
            store: Where the weights of the registry are; they are hashed before they are opened.
            compute: Device and precision.
            batch: Faces per pass; 0 chooses by device.

        Raises:
            ModelMissingError: The weights are not here any more, or the architecture of CodeFormer is not.
            ModelDamagedError: The weights are not the known ones, cannot be loaded safely, or fit no network.
            UsageError: The user's file holds no face prior that is known.
            ValueError: The choice is no prior at all.
        """
        if choice.source is None:
            raise ValueError(f"no face prior was chosen: {choice.reason}")
        weights = load_weights(choice.source, store, task="restore", option="--restore")
        return cls(face_network(weights), compute, batch=batch)

    @property
    def name(self) -> str:
        """Name of the network, for records."""
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

    def restore(self, faces: Faces, progress: Progress = no_progress) -> Restored:
        """Return the faces as the network draws them; what is done with them is the caller's choice.

        A face whose result holds values that are not numbers is computed again in fp32, and given up if that does not
        help; the others are not touched by it.

        Args:
            faces: (N, 512, 512, 3) RGB, uint8 or float32 in [0, 1], aligned to the template of FFHQ.
            progress: Called as ``("restore", faces done, faces in all)``.

        Raises:
            DeviceError: The device has not enough memory for one face.
            ValueError: The faces have another shape or type.
        """
        side = self.network.side_px
        if faces.ndim != 4 or faces.shape[1:] != (side, side, 3) or faces.dtype not in (np.uint8, np.float32):
            raise ValueError(f"not RGB faces of {side} pixels: {faces.shape} {faces.dtype}")
        fractions = faces.astype(np.float32) / np.float32(255) if faces.dtype == np.uint8 else faces
        restored = np.empty(faces.shape, np.float32)
        given_up: dict[int, str] = {}
        notes: list[str] = []
        done = 0
        for results in self.runtime.run(fractions, _as_picture, notes):
            for index, result in enumerate(results, done):
                restored[index] = fractions[index] if result.failure else result.values
                if result.failure:
                    given_up[index] = result.failure
                elif result.redone:
                    notes.append(f"face {index} was redone in fp32: {self.compute.precision} gave non-numbers")
            done += len(results)
            progress("restore", done, len(faces))
        return Restored(restored, given_up, tuple(notes))


def _as_picture(_face: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Return (H, W, 3) in [0, 1] for (3, H, W) of a network."""
    return drawn.clamp_(0, 1).permute(1, 2, 0).contiguous()
