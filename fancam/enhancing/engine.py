"""The super-resolution engine: any number of pictures through one network, in batches of equal tiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import numpy as np

from fancam.enhancing.batches import Batches, Enlargement
from fancam.enhancing.colour import diagonal_noise
from fancam.enhancing.joining import join_bands
from fancam.enhancing.tiling import TilePlan, plan_tiles
from fancam.enhancing.work import (
    BEYOND,
    ENOUGH_PIXELS,
    SOFT_UP_TO,
    CropRequest,
    check_picture,
    plain_print,
    reduced,
)
from fancam.errors import DeviceError, FancamError, UsageError
from fancam.geometry import Box
from fancam.media import Progress, Samples, middle_of, no_progress
from fancam.nn import ModelStore
from fancam.nn.device import choose_compute
from fancam.nn.networks import PLAIN_FILTERS, Network, load_upscaler
from fancam.nn.planner import BatchPlanner
from fancam.nn.runtime import Runtime
from fancam.results import Enhanced
from fancam.settings import EnhanceSettings

_PICTURES_AT_ONCE = 8


class Engine:
    """Super-resolution with one network on one device.

    The network is loaded and the device checked here, so that what is missing is said before the long work begins.

    Args:
        settings: Upscaler, device, precision, tiles and batch.
        store: Where the weights are.

    Raises:
        UsageError: A setting names nothing known, or the user's file holds no network that upscales.
        ModelMissingError: The weights are not here.
        ModelDamagedError: The weights are not the known ones, or cannot be loaded safely.
        DeviceError: The device is not there, or cannot compute in the precision that was asked for.
    """

    def __init__(self, settings: EnhanceSettings, store: ModelStore) -> None:
        network = load_upscaler(settings, store)
        self._setup(settings, network)

    @classmethod
    def with_network(cls, settings: EnhanceSettings, network: Network) -> Self:
        """Return an engine around a network that is loaded already."""
        engine = cls.__new__(cls)
        engine._setup(settings, network)
        return engine

    def _setup(self, settings: EnhanceSettings, network: Network | None) -> None:
        self.settings = settings
        self.network = network
        compute = choose_compute(settings.device, settings.precision)
        self.runtime = Runtime(network, compute) if network is not None else None
        """The network on its device; None for a plain filter."""
        self.compute = self.runtime.compute if self.runtime is not None else compute
        self._planner = BatchPlanner(self.runtime, settings) if self.runtime is not None else None

    @property
    def scale(self) -> int:
        """Output pixels per source pixel of the network; 1 for a plain filter."""
        return self.network.scale if self.network is not None else 1

    @property
    def pictures_at_once(self) -> int:
        """How many crops are worth handing over together: a CPU gains nothing, and a stop would lose them all."""
        return 1 if self.compute.device.type == "cpu" else _PICTURES_AT_ONCE

    def plan(self, height: int, width: int) -> TilePlan:
        """Return the tiles that a picture of this size is cut into.

        Raises:
            UsageError: The upscaler is a plain filter.
        """
        _, planner = self._needed()
        tile_px, overlap_px = planner.largest_tile(height, width), self.settings.tile_overlap_px
        return plan_tiles(height, width, tile_px, overlap_px, multiple=planner.side_multiple)

    def _needed(self) -> tuple[Runtime, BatchPlanner]:
        if self.runtime is None or self._planner is None:
            raise UsageError(f"{self.settings.upscaler} is no network", remedy="choose an upscaler that is one")
        return self.runtime, self._planner

    # --- what is asked for -------------------------------------------------------------------------------------

    def upscale(self, pictures: Sequence[Samples], progress: Progress = no_progress) -> list[Samples]:
        """Return the pictures larger by the scale of the network, each (scale × H, scale × W, 3) RGB.

        Args:
            pictures: (H, W, 3) RGB each, uint8 (0 to 255) or uint16 (0 to 65535), of any sizes; one or many take the
                same way. The results have the type of their pictures.
            progress: Called as ``("enhance", tiles done, tiles in all)``.

        Raises:
            UsageError: The upscaler is a plain filter.
            DeviceError: The device has not enough memory for one small tile, or the host for a result.
            ModelDamagedError: The network gives values that are not numbers.
            CropError: One of them is no RGB picture; also a ValueError.
        """
        self._needed()
        for picture in pictures:
            check_picture(picture)
        whole = [
            CropRequest(picture, Box(0, 0, width, height), width * self.scale, height * self.scale)
            for picture in pictures
            for height, width in [picture.shape[:2]]
        ]
        jobs = [Enlargement(index, crop, share=1.0) for index, crop in enumerate(whole)]
        return [enhanced.pixels for enhanced in self._all(jobs, progress)]

    def enhance(self, requests: Sequence[CropRequest], progress: Progress = no_progress) -> list[Enhanced]:
        """Return the crops at their print size, in the order of the requests; see ``stream``.

        Args:
            requests: What to show and how large.
            progress: Called as ``("enhance", tiles done, tiles in all)``.

        Raises:
            DeviceError: The device has not enough memory for one small tile, or the host for a result.
            ModelDamagedError: The network gives values that are not numbers.
            CropError: A frame is no RGB picture, or a box is empty or has no pixel of the frame in it; also a
                ValueError. Nothing is computed then.
        """
        return self._all([self._job(index, request) for index, request in enumerate(requests)], progress)

    def stream(
        self, requests: Iterable[CropRequest], progress: Progress = no_progress
    ) -> Iterator[tuple[int, Enhanced | FancamError]]:
        """Yield (number of the request, crop at its print size) as each is complete, not always in order.

        Each crop is cut out first, with some pixels around it for context; it goes through the network only where it
        has fewer pixels than the print, or holds far less than its pixels could; its tiles are resampled to the exact
        size as they come, so that the picture at the network's size never exists. A sharp crop's tiles are mixed with
        the plain picture by the share of ``settings.detail``. One that is known to be soft is made as small as what it
        holds for the network, and what comes out is joined with the plain picture by frequency, see ``join_bands``.

        Requests are taken only a few ahead of what is yielded, so that a long list of pictures needs not be in memory;
        tiles of different pictures share batches. A request that fails yields its error and does not harm the others.

        Args:
            requests: What to show and how large. An error that it raises ends the stream.
            progress: Called as ``("enhance", tiles done, tiles in all)``; None until the last request was taken.

        Raises:
            DeviceError: The device has not enough memory for one small tile.
        """
        return self._run((self._job(index, request) for index, request in enumerate(requests)), progress, None)

    # --- one way for all ---------------------------------------------------------------------------------------

    def _all(self, jobs: Sequence[Enlargement], progress: Progress) -> list[Enhanced]:
        """Return the prints of all jobs in order; raises the first error there is."""
        for job in jobs:
            if isinstance(job.outcome, FancamError):
                raise job.outcome
        total = sum(len(self.plan(*job.crop.region.pixels.shape[:2])) for job in jobs if job.outcome is None)
        results: dict[int, Enhanced] = {}
        for index, outcome in self._run(jobs, progress, total):
            if isinstance(outcome, FancamError):
                raise outcome
            results[index] = outcome
        return [results[index] for index in range(len(jobs))]

    def _run(
        self, jobs: Iterable[Enlargement], progress: Progress, total: int | None
    ) -> Iterator[tuple[int, Enhanced | FancamError]]:
        if self.runtime is not None and self._planner is not None:
            jobs = Batches(self.runtime, self._planner, self.plan, progress, total).run(jobs)
        for job in jobs:
            yield job.index, job.outcome or self._by_network(job)

    def _job(self, index: int, crop: CropRequest) -> Enlargement:
        """Return what is to be done for a request; done already where it needs no network, or failed."""
        job = Enlargement(index, crop)
        try:
            job.share = self._share(crop)
            if job.share == 0:
                job.outcome = self._by_filter(crop)
            elif crop.is_soft:
                job.measured, job.crop = crop, reduced(crop)
        except FancamError as error:
            job.outcome = error
        except MemoryError as error:
            job.outcome = DeviceError(
                f"not enough memory for a print of {crop.width_px}x{crop.height_px}",
                remedy="ask for a smaller print, or close other programs",
            )
            job.outcome.__cause__ = error
        return job

    def _share(self, crop: CropRequest) -> float:
        """Return the share of the network's picture; 0 where it is not needed."""
        pixels = crop.region.pixels  # raises what is wrong with the crop
        enough = crop.scale <= ENOUGH_PIXELS and crop.true_enlargement <= SOFT_UP_TO
        if self.network is None or enough:
            return 0.0
        if self.settings.detail is not None:
            return self.settings.detail
        if crop.is_soft:
            return soft_share(crop.true_scale)
        fine = 1.0 if crop.finer is None else crop.finer.box.width / crop.box.width
        return auto_share(crop.scale / fine, source_noise(pixels))

    def _by_network(self, job: Enlargement) -> Enhanced:
        assert self.network is not None and job.tiled is not None
        scale, pixels = job.crop.scale, job.tiled.pixels()
        notes = (*job.crop.region.notes, *self.compute.notes, *job.notes)
        if scale > self.scale * BEYOND:
            of = "" if job.measured is None else " of what the picture holds"
            more = f"the print needs x{scale:.2f}{of} and the network gives x{self.scale}; the rest is Lanczos"
            notes = (*notes, more)
        if job.measured is not None:
            crop, true_scale = job.measured, job.measured.true_scale
            assert true_scale is not None
            pixels = join_bands(crop, pixels, true_scale, job.share)
            scale = crop.scale
            notes = notes if job.crop is crop else (*crop.region.notes, *notes)
        return Enhanced(
            pixels=pixels,
            upscaler=self.network.name,
            upscaler_sha256=self.network.sha256,
            scale=scale,
            invented=True,
            notes=notes,
            detail=job.share,
            true_scale=(job.measured or job.crop).true_scale,
        )

    def _by_filter(self, crop: CropRequest) -> Enhanced:
        chosen = self.settings.upscaler
        name = chosen if chosen in PLAIN_FILTERS else "lanczos"
        return Enhanced(
            pixels=plain_print(crop, name),
            upscaler=name,
            upscaler_sha256=None,
            scale=crop.scale,
            invented=False,
            notes=crop.region.notes,
            detail=0.0,
            true_scale=crop.true_scale,
        )


SOFT_DETAIL = 0.9
"""Share of what the network draws that is finer than what a soft picture holds. With all of it some hair becomes ink
strokes: on ``benchmarks._reuploads.TUNE`` all of it had 0.91 of the truth's fine contrast, from 0.69 to 1.08, and 0.9
of it 0.85, with 0.2 dB more PSNR; edges are as smooth with either."""

_UNSURE = 0.62, 0.72
"""Share of its pixels up to which a picture was enlarged before, and from which on it may as well be a sharp one that
was coded hard. Of seven such ones in ``TUNE``, with shares from 0.68 to 0.8, half of what is drawn had 0.1 dB more than
the way of sharp pictures, nine tenths had 0.2 dB less, and either of them two thirds of its staircase."""

_LEAST_SHARE, _LEAST_UP_TO = 0.5, 2.0
_MOST_SHARE, _MOST_FROM = 0.8, 4.0
_NOISY_SHARE = 0.75
_QUIET, _NOISY = 3.0, 6.0
"""In levels of 255, see ``source_noise``: sources of the truth pairs for x2 had up to 4.5 from texture, and from 4.7
with noise of 8 levels."""

_PROBE_PX = 512


def soft_share(true_scale: float | None) -> float:
    """Return the share of what the network draws of a soft picture, less where it may be a sharp one coded hard."""
    return float(np.interp(true_scale or 1.0, _UNSURE, (SOFT_DETAIL, _LEAST_SHARE)))


def auto_share(scale: float, noise: float = 0.0) -> float:
    """Return the share of the network's picture in the result, in [0, 1]; the rest is plain Lanczos.

    0.5 up to x2, rising evenly to 0.8 at x4 and beyond: as much as leaves edges as steep as they truly are. With more,
    hair becomes ink strokes and lashes and the corners of a mouth turn hard; with less, the picture is soft.

    Measured with realesrgan-x4plus on eight sharp crops (``benchmarks._pairs.TUNE``) that were made smaller, given
    noise 2 and JPEG 85 or blur, noise 4 and JPEG 70, enlarged again with shares from 0 to 1, and corrected by
    ``match_low_band``. The 98th percentile of the gradient equalled that of the truth at

    ========  =======  =======  =======  =======  =======
    scale     1.25     1.5      2        3        4
    light     0.6      0.6      0.5      0.7      0.8
    heavy     0.75     0.75     0.8      0.85     0.9
    ========  =======  =======  =======  =======  =======

    PSNR and SSIM are best at 0.4 to 0.6 at every scale. At the law's share PSNR is above that of Lanczos by 1.0 to 1.4
    dB on average up to x3 and by 0.4 (light) and 0.8 dB (heavy) at x4, where the whole network is 0.1 dB below to 0.3
    dB above it; up to x2 no crop fell below Lanczos, at x4 the worst by 0.4 dB. The similarity of the face to the true
    one fell by 0.001 at most up to x2, and by up to 0.05 at x4 from a heavily damaged source.

    Lanczos hands noise on that the network takes out, so that a noisy source gets up to 0.75: with noise of 8 levels at
    x2, PSNR was best at 0.7 and SSIM at 0.9.

    Where several frames were fused into a finer picture, the plain filter starts from that, and the share is that of
    the scale that is left: at x4 with noise 8 and CRF 18 that was 0.12 dB and 0.04 of likeness better than the share of
    the whole scale, at x3 with x4plus 0.19 dB (benchmark ``fusion_sr``).

    Args:
        scale: Print pixels per source pixel; per pixel of the finer picture where there is one.
        noise: Of the source, in levels of 255; see ``source_noise``.
    """
    rise = (_MOST_SHARE - _LEAST_SHARE) / (_MOST_FROM - _LEAST_UP_TO)
    by_scale = min(max(_LEAST_SHARE + (scale - _LEAST_UP_TO) * rise, _LEAST_SHARE), _MOST_SHARE)
    noisy = min(max((noise - _QUIET) / (_NOISY - _QUIET), 0.0), 1.0)
    return max(by_scale, _LEAST_SHARE + (_NOISY_SHARE - _LEAST_SHARE) * noisy)


def source_noise(picture: Samples) -> float:
    """Return an estimate of the noise of the luma in levels of 255; what is coded finely enough to be seen only.

    Measured in the middle of the picture (``diagonal_noise``). Fine texture counts as well, and compression takes noise
    out. Noise of s levels in each channel, independent, is 0.67 s here.

    Args:
        picture: (H, W, 3) RGB, uint8 or uint16.

    Returns:
        0 or more; 0 for a picture with a side of one pixel.
    """
    part = middle_of(picture, _PROBE_PX).astype(np.float32)
    luma = part @ np.array([0.299, 0.587, 0.114], np.float32) * np.float32(255 / np.iinfo(picture.dtype).max)
    return diagonal_noise(luma) if min(luma.shape) >= 2 else 0.0
