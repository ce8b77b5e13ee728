"""Crops of frames become cards at print size: enlarged by a network, faces restored under guard.

A crop is cut out before it is enlarged, goes through the network in batches of overlapping tiles (``Engine``), and is
resampled once to the exact size. ``Enhancer`` is the whole chain: the enlargement, its colours held to the source's, a
face prior where one is wanted and the guard allows it. What was invented is said in ``Enhanced.invented``, what was
done to each face in ``Enhanced.faces``, what went wrong on the way in ``notes``.
"""

from fancam.enhance.crops import CropRequest
from fancam.enhance.device import (
    Compute,
    DeviceInfo,
    choose_compute,
    cpu_has_fast_bf16,
    describe_devices,
    resolve_device,
)
from fancam.enhance.engine import Engine
from fancam.enhance.enhancer import EnhanceJob, Enhancer, Instruments, Made
from fancam.enhance.prior import RestorerChoice, resolve_restorer
from fancam.enhance.upscalers import Network, load_upscaler

__all__ = [
    "Compute",
    "CropRequest",
    "DeviceInfo",
    "Engine",
    "EnhanceJob",
    "Enhancer",
    "Instruments",
    "Made",
    "Network",
    "RestorerChoice",
    "choose_compute",
    "cpu_has_fast_bf16",
    "describe_devices",
    "load_upscaler",
    "resolve_device",
    "resolve_restorer",
]
