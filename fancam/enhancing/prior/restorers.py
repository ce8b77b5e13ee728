"""Chooses, loads and runs a face prior: a network that draws the face it takes an aligned picture for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhancing.prior.facenets import FaceNetwork, face_network, require_codeformer_package
from fancam.media import Progress, no_progress
from fancam.nn import ModelStore, NetworkChoice
from fancam.nn.device import Compute
from fancam.nn.networks import load_weights
from fancam.nn.runtime import Runtime
from fancam.nn.store import find_weight_file
from fancam.settings import RestoreSettings

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
    def load(
        cls,
        choice: NetworkChoice,
        store: ModelStore,
        compute: Compute,
        *,
        batch: int = 0,
        progress: Progress = no_progress,
    ) -> Self:
        """Return the chosen face prior, ready to run.

        Args:
            choice: From ``resolve_restorer``; it names a prior.
            store: Where the weights of the registry are; they are hashed before they are opened.
            compute: Device and precision.
            batch: Faces per pass; 0 chooses by device.
            progress: Called as ``("load", 0 or 1, 1)``.

        Raises:
            ModelMissingError: The weights are not here any more, or the architecture of CodeFormer is not.
            ModelDamagedError: The weights are not the known ones, cannot be loaded safely, or fit no network.
            UsageError: The user's file holds no face prior that is known.
            ValueError: The choice is no prior at all.
        """
        if choice.source is None:
            raise ValueError(f"no face prior was chosen: {choice.reason}")
        progress("load", 0, 1)
        network = face_network(load_weights(choice.source, store, task="restore", option="--restore"))
        restorer = cls(network, compute, batch=batch)
        progress("load", 1, 1)
        return restorer

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
