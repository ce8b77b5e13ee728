"""The choice of the face parser, without loading torch where there is none."""

from __future__ import annotations

from fancam.errors import ModelMissingError, unknown_choice
from fancam.faces.detection import WeightStore
from fancam.results import FaceParser

PARSERS = ("parsenet", "bisenet")
"""Names in the registry."""


def create_parser(store: WeightStore, device: str = "cpu", *, name: str = "parsenet") -> FaceParser | None:
    """Return the face parser, or None where its weights are in none of the store's places.

    Args:
        store: Where the weights are.
        device: torch device (``cpu``, ``cuda``, ``cuda:N``, ``mps``).
        name: ``parsenet``, or ``bisenet``, whose training data do not allow commercial use.

    Raises:
        UsageError: The name is another.
        ModelDamagedError: The weights are not those of the architecture.
        DeviceError: The device is not there.
    """
    if name not in PARSERS:
        raise unknown_choice("face parser", name, PARSERS)
    try:
        weights = store.locate(name)
    except ModelMissingError:
        return None
    from fancam.faces.parsing_torch import TorchFaceParser  # torch: seconds that only this has to spend

    return TorchFaceParser(weights, name, device=device)
