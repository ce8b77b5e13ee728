"""Whether cleaning knows texture from noise: it must not touch fur, cloth, hair, leaves and gravel without noise.

Photographs reduced until their own noise is gone, and materials made by program, are taken at 512 pixels, at 128, and
as a part of 128 pixels of the large ones. First is counted how often the noise filter and the smoothing of blocks
switch themselves on where nothing was added, beside the rule that asks for strength alone. Then noise of light is
added: white, as it comes out of the interpolation of a colour sensor, and as JPEG at quality 90 leaves it; printed are
how often cleaning sees it, and PSNR and SSIM of the picture left alone, cleaned where it is seen, and cleaned in any
case.

What tells them apart was chosen on other photographs and other materials (``--tune``).
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from benchmarks import _textures
from benchmarks._textures import LARGE_PX, SMALL_PX, Texture
from benchmarks.low_light import in_low_light
from fancam.enhancing.cleaning.deblock import find_blocks
from fancam.enhancing.cleaning.denoise import denoise, is_noisy
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.media import Picture
from tests.figures import compressed, psnr

SIGMAS = (5, 10, 15)
KINDS = ("white", "demosaic", "JPEG 90")


def sizes(data: Path, tune: bool) -> dict[str, list[Texture]]:
    """Return all textures by what is taken of them: ``512``, ``128``, and ``128 of 512``."""
    photos = _textures.TUNE_PHOTOS if tune else _textures.REPORT_PHOTOS
    made = _textures.TUNE_MADE if tune else _textures.REPORT_MADE
    materials = list(_textures.made(made, LARGE_PX))
    large = [*_textures.photos(photos, data, LARGE_PX), *materials]
    small = [*_textures.photos(photos, data, SMALL_PX)]
    small += [Texture(t.name, _textures.reduced(t.pixels, SMALL_PX)) for t in materials]
    return {"512": large, "128": small, "128 of 512": [_middle(t) for t in large]}


def _middle(texture: Texture) -> Texture:
    start = (LARGE_PX - SMALL_PX) // 2
    part = texture.pixels[start : start + SMALL_PX, start : start + SMALL_PX]
    return Texture(texture.name, np.ascontiguousarray(part))


def with_noise(texture: Texture, sigma: int, kind: str) -> Picture:
    """Return the texture with noise of ``sigma`` levels at middle grey; the same call gives the same pixels."""
    rng = np.random.default_rng([zlib.crc32(f"{texture.name}/{kind}".encode()), sigma])
    if kind.startswith("JPEG"):
        return compressed(in_low_light(texture.pixels, sigma, "white", rng), int(kind.split()[1]))
    return in_low_light(texture.pixels, sigma, kind, rng)


def switched_on(found: dict[str, list[Texture]]) -> None:
    """Print how often cleaning switches itself on where nothing was added, and for what."""
    print("\nnothing added: how often each switches itself on")
    print(f"{'':12}{'pictures':>9}{'noise':>7}{'strength alone':>16}{'blocks':>8}")
    for size, textures in found.items():
        models = [measure_noise(t.pixels) for t in textures]
        on = [t.name for t, m in zip(textures, models, strict=True) if is_noisy(m)]
        strong = sum(is_noisy(replace(m, evidence=("strength",))) for m in models)
        blocky = [t.name for t in textures if find_blocks(t.pixels) is not None]
        print(f"{size:12}{len(textures):9d}{len(on):7d}{strong:16d}{len(blocky):8d}   {', '.join([*on, *blocky])}")


def gains(textures: list[Texture], size: str) -> None:
    """Print what cleaning gains where there is noise."""
    print(f"\n{size}, {len(textures)} pictures with noise: PSNR in dB and SSIM; gain of the worst in brackets")
    print(f"{'noise':14}{'seen':>6}{'off':>17}{'auto':>17}{'gain':>22}{'cleaned in any case':>28}")
    for sigma in SIGMAS:
        for kind in KINDS:
            rows, seen = [], 0
            for texture in textures:
                noisy = with_noise(texture, sigma, kind)
                model = measure_noise(noisy)
                forced = np.asarray(denoise(noisy, model), np.uint8)
                seen += is_noisy(model)
                chosen = forced if is_noisy(model) else noisy
                rows.append([_nearness(texture.pixels, picture) for picture in (noisy, chosen, forced)])
            table = np.array(rows)
            mean, gain = table.mean(axis=0), table[:, 1:] - table[:, :1]
            cells = "".join(f"{p:11.2f} {s:.3f}" for p, s in mean[:2])
            for of_db, of_ssim in gain.transpose(1, 2, 0):
                cells += f"{of_db.mean():+10.2f} ({of_db.min():+.2f}) {of_ssim.mean():+.3f}"
            print(f"{sigma:3d} {kind:10}{seen:6d}{cells}", flush=True)


def _nearness(truth: Picture, picture: Picture) -> tuple[float, float]:
    return psnr(truth, picture), float(structural_similarity(truth, picture, channel_axis=-1))


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="textures", description=__doc__)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[2] / "shared", help="holds data/")
    parser.add_argument("--tune", action="store_true", help="what constants were chosen on")
    parser.add_argument("--quick", action="store_true", help="with noise, every third picture of 128 pixels only")
    options = parser.parse_args(arguments)
    found = sizes(options.media / "data", options.tune)
    switched_on(found)
    for size, textures in found.items():
        if options.quick and size != "128":
            continue
        # The large ones take sixteen times as long: every fourth of them.
        gains(textures[:: 3 if options.quick else 4 if size == "512" else 1], size)
