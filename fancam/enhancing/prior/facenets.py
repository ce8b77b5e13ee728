"""The architectures of the released face priors: recognised by their weights, and how each is run."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from spandrel import ImageModelDescriptor, canonicalize_state_dict
from spandrel.architectures.GFPGAN import GFPGAN, GFPGANArch
from spandrel.architectures.RestoreFormer import RestoreFormerArch
from spandrel.util import get_seq_len
from torch.nn import functional

from fancam.enhancing.prior.alignment import FACE_SIZE_PX
from fancam.errors import ModelMissingError, UsageError
from fancam.nn.networks import Module, Network, Recipe, Weights, known_precisions, recognise

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
