"""Face priors for tests: the released architectures with few channels and random weights, and one of known effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from spandrel.architectures.GFPGAN import GFPGAN
from spandrel.architectures.RestoreFormer import RestoreFormer
from torch.nn import functional

from fancam.enhancing.prior.restorers import FaceNetwork, Restorer
from fancam.nn.device import Compute
from fancam.nn.networks import Recipe

FP32 = Compute(torch.device("cpu"), torch.float32, "fp32")
BF16 = Compute(torch.device("cpu"), torch.bfloat16, "bf16")

Effect = Callable[[torch.Tensor], torch.Tensor]
"""(N, 3, H, W) RGB in [-1, 1] to the same."""


def small_gfpgan(side_px: int = 512) -> torch.nn.Module:
    """GFPGAN with a sixteenth of the channels; its noise is switched on, as in the released weights."""
    torch.manual_seed(1)
    network = GFPGAN(out_size=side_px, narrow=1 / 16, num_style_feat=16).eval()
    for name, parameter in network.named_parameters():
        if name.startswith("stylegan_decoder.style_conv") and parameter.shape == (1,):
            torch.nn.init.constant_(parameter, 0.1)
    return network


def small_restoreformer() -> torch.nn.Module:
    """RestoreFormer with 32 channels, which its normalisation needs at least."""
    torch.manual_seed(2)
    return RestoreFormer(n_embed=16, embed_dim=32, ch=32, ch_mult=(1,) * 6, num_res_blocks=1, z_channels=32).eval()


def saved(network: torch.nn.Module, path: Path) -> Path:
    """Write the weights as the training programs of the released ones do."""
    torch.save({"params_ema": network.state_dict()}, path)
    return path


def sharpened(faces: torch.Tensor) -> torch.Tensor:
    """A picture with twice the detail."""
    return 2 * faces - functional.avg_pool2d(faces, 9, 1, 4, count_include_pad=False)


class _Effect(torch.nn.Module):
    def __init__(self, effect: Effect) -> None:
        super().__init__()
        self.effect = effect

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.effect(faces)


class StandInRestorer(Restorer):
    """A restorer whose network is a known function; everything else is the real thing."""

    def __init__(
        self, effect: Effect = sharpened, *, compute: Compute = FP32, batch: int = 0, side_px: int = 512
    ) -> None:
        recipe = Recipe(lambda module, faces: (module(faces * 2 - 1) + 1) / 2, fp32={"": False})
        network = FaceNetwork(
            "stand-in", _Effect(effect), 1, "0" * 64, "Stand-in", recipe, ("fp32", "bf16"), side_px=side_px
        )
        super().__init__(network, compute, batch=batch)
