"""Super-resolution: crops of frames become cards at print size, through a real network where pixels are missing.

A crop is cut out before it is enlarged, goes through the network in batches of overlapping tiles, and is resampled once
to the exact size. What the network added is said in ``Enhanced.invented``, what went wrong on the way in ``notes``.
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
from fancam.enhance.upscalers import Network, load_upscaler

__all__ = [
    "Compute",
    "CropRequest",
    "DeviceInfo",
    "Engine",
    "Network",
    "choose_compute",
    "cpu_has_fast_bf16",
    "describe_devices",
    "load_upscaler",
    "resolve_device",
]
