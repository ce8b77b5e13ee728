"""Denoising networks for tests: the released architectures with few channels and random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from spandrel.architectures.DRUNet import DRUNet
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SCUNet import SCUNet

from fancam.enhancing.cleaning.denoisenets import DenoiseNetwork, DenoiseRecipe
from fancam.nn.device import Compute

FP32 = Compute(torch.device("cpu"), torch.float32, "fp32")
BF16 = Compute(torch.device("cpu"), torch.bfloat16, "bf16")


def small_scunet() -> torch.nn.Module:
    """SCUNet with one block a stage, two in the first: one with shifted windows is among them."""
    torch.manual_seed(3)
    network = SCUNet(config=[2, 1, 1, 1, 1, 1, 1]).eval()
    _let_the_picture_through(network.m_head[0], network.m_tail[0], 0.02)
    return network


def small_nafnet() -> torch.nn.Module:
    """NAFNet with few channels; its blocks, which do nothing until they are trained, are switched on."""
    torch.manual_seed(4)
    network = NAFNet(width=8, enc_blk_nums=[1, 1, 1, 1], middle_blk_num=1, dec_blk_nums=[1, 1, 1, 1]).eval()
    for name, parameter in network.named_parameters():
        if name.endswith((".beta", ".gamma")):
            torch.nn.init.uniform_(parameter, 0.2, 0.5)
    return network


def small_drunet() -> torch.nn.Module:
    """DRUNet with an eighth of the channels and half of the blocks."""
    torch.manual_seed(5)
    network = DRUNet(in_nc=4, out_nc=3, nc=[8, 16, 32, 64], nb=2).eval()
    _let_the_picture_through(network.m_head, network.m_tail, 0.2)
    return network


def _let_the_picture_through(head: torch.nn.Conv2d, tail: torch.nn.Conv2d, little: float) -> None:
    """Carry R, G and B from the first convolution to the last, and add a little of all the rest, as training does."""
    with torch.no_grad():
        tail.weight.mul_(little)
        for channel in range(3):
            head.weight[channel] = 0
            head.weight[channel, channel, 1, 1] = 1
            tail.weight[:, channel] = 0
            tail.weight[channel, channel, 1, 1] = 0.7


SMALL: dict[str, Callable[[], torch.nn.Module]] = {
    "scunet": small_scunet,
    "nafnet": small_nafnet,
    "drunet": small_drunet,
}


def saved(network: torch.nn.Module, path: Path) -> Path:
    """Write the weights as they are released: bare for SCUNet and DRUNet, under ``params`` for NAFNet."""
    state = network.state_dict()
    torch.save({"params": state} if isinstance(network, NAFNet) else state, path)
    return path


class _Effect(torch.nn.Module):
    def __init__(self, effect: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.effect = effect

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        return self.effect(tiles)


def stand_in(
    effect: Callable[[torch.Tensor], torch.Tensor], *, takes_level: bool = False, tile_px: int = 64
) -> DenoiseNetwork:
    """A network of known effect; everything around it is the real thing."""
    recipe = DenoiseRecipe(grid_px=8, tile_px=tile_px, overlap_px=16, takes_level=takes_level)
    return DenoiseNetwork("stand-in", _Effect(effect), 1, "0" * 64, "Stand-in", recipe, ("fp32", "bf16"))
