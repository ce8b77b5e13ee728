"""Chooses, loads and runs a face prior: a network that draws the face it takes an aligned picture for."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from fancam.enhance.prior.facenets import (
    FaceNetwork,
    channels_last,
    face_network,
    require_codeformer_package,
    split_precision,
)
from fancam.errors import DeviceError, ModelMissingError
from fancam.media import Progress, no_progress
from fancam.nn import ModelStore, file_sha256
from fancam.nn.device import Compute, exact_algorithms, is_out_of_memory
from fancam.nn.networks import load_torch
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


@dataclass(frozen=True, slots=True)
class RestorerChoice:
    """Which face prior is used, and why; nothing is loaded yet."""

    name: str | None
    """Model of the registry, or the name of the user's file; None for no face prior."""
    reason: str
    """In one line, for ``--explain``."""
    file: Path | None = None
    """The user's own weight file; None for a model of the registry."""
    note: str = ""
    """What the user should be told once; empty where nothing is."""


def resolve_restorer(settings: RestoreSettings, store: ModelStore) -> RestorerChoice:
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
        return RestorerChoice(None, "none was asked for")
    if settings.strength == 0:
        return RestorerChoice(None, "the strength is 0")
    if wanted == "auto":
        return _resolve_auto(store)
    if wanted not in _MODELS:
        path = Path(wanted)
        if not path.is_file():
            raise ModelMissingError("there is no such weight file", item=path, remedy="check the path of --restore")
        return RestorerChoice(path.name, "the file was given", file=path)
    if wanted == "codeformer":
        require_codeformer_package(wanted)
    return _registered(wanted, store, "it was asked for")


def _resolve_auto(store: ModelStore) -> RestorerChoice:
    if store.status(AUTO_MODEL).state == "missing":
        reason = f"no face prior: its weights are not here; 'fancam models pull {AUTO_MODEL}' gets them"
        return RestorerChoice(None, reason, note=reason)
    return _registered(AUTO_MODEL, store, "its weights are here, and its licence allows commercial use")


def _registered(setting: str, store: ModelStore, reason: str) -> RestorerChoice:
    """Return the best model of a setting that is here."""
    states = {name: store.status(name).state for name in _MODELS[setting]}
    name = next((name for name, state in states.items() if state != "missing"), _MODELS[setting][0])
    if states[name] != "present":
        store.locate(name)  # raises: it knows what is wrong, and what to do
    entry = store.entry(name)
    note = "" if entry.commercial else f"{name} is not for commercial use: {entry.licence}"
    return RestorerChoice(name, reason, note=note)


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
    """A face prior on a device.

    The same faces in the same batches give the same bytes: noise is the stored one, algorithms are fixed, fp32 is not
    rounded to TF32.

    Args:
        network: Taken over: it may be moved to another layout.
        compute: Device and precision; fp32 is used where the network does not work in that one, and ``notes`` says so.
        batch: Faces per pass; 0 chooses by device.
    """

    def __init__(self, network: FaceNetwork, compute: Compute, *, batch: int = 0) -> None:
        notes = compute.notes
        if compute.precision not in network.precisions:
            notes = (*notes, f"{network.architecture} does not work in {compute.precision}; fp32 was used")
            compute = Compute(compute.device, torch.float32, "fp32", notes)
        self.network = network
        self.compute = compute
        self.notes = notes
        """What was asked for and could not be had."""
        self._batch = batch or _BATCH_FACES.get(compute.device.type, 1)
        self._fp32: torch.nn.Module | None = None
        if compute.dtype == torch.float32:
            self._module = self._fp32_module()
        else:
            module = split_precision(copy.deepcopy(network.module), network.recipe, compute.dtype)
            self._module = channels_last(module.to(compute.device), network.recipe)

    @classmethod
    def load(
        cls,
        choice: RestorerChoice,
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
        if choice.name is None:
            raise ValueError(f"no face prior was chosen: {choice.reason}")
        progress("load", 0, 1)
        path = choice.file if choice.file is not None else store.locate(choice.name)
        network = face_network(load_torch(path), path, choice.name, file_sha256(path))
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

    def _fp32_module(self) -> torch.nn.Module:
        if self._fp32 is None:
            on_cpu = self.compute.device.type == "cpu"
            module = self.network.module if on_cpu else copy.deepcopy(self.network.module).to(self.compute.device)
            self._fp32 = channels_last(module, self.network.recipe)
        return self._fp32

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
        results = np.empty(faces.shape, np.float32)
        given_up: dict[int, str] = {}
        notes: list[str] = []
        for part, values, finite in self._passes(faces, notes):
            results[part] = values
            for offset in np.flatnonzero(~finite):
                index = part.start + int(offset)
                again, failure = self._redone(faces[index])
                if again is None:
                    given_up[index] = failure
                    results[index] = _as_fractions(faces[index])
                else:
                    notes.append(f"face {index} was redone in fp32: {self.compute.precision} gave non-numbers")
                    results[index] = again
            progress("restore", part.stop, len(faces))
        return Restored(results, given_up, tuple(notes))

    def _passes(
        self, faces: Faces, notes: list[str]
    ) -> Iterator[tuple[slice, npt.NDArray[np.float32], npt.NDArray[np.bool_]]]:
        """Yield (which faces, their results, which of them are numbers), with fewer per pass after memory ran out."""
        start = 0
        while start < len(faces):
            part = slice(start, min(start + self._batch, len(faces)))
            found = None
            try:
                found = self._run(self._module, faces[part])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if part.stop - part.start == 1:
                    raise DeviceError(
                        "not enough memory for one face",
                        item=str(self.compute.device),
                        remedy="close other programs that use it, or use --device cpu or --restore none",
                    ) from error
            if found is None:  # outside of the block above: the error keeps alive what was allocated
                self._batch = (part.stop - part.start) // 2
                notes.append(f"memory ran out: {self._batch} face(s) per pass")
                self._release_memory()
                continue
            yield part, *found
            start = part.stop

    def _redone(self, face: Faces) -> tuple[npt.NDArray[np.float32] | None, str]:
        """Return (the face in fp32, "") or (None, why not)."""
        reason = "the network gives values that are not numbers"
        if self.compute.dtype == torch.float32:
            return None, reason
        try:
            values, finite = self._run(self._fp32_module(), face[None])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None, f"{reason} in {self.compute.precision}, and memory ran out in fp32"
        return (values[0], "") if finite[0] else (None, f"{reason}, in fp32 too")

    def _run(self, module: torch.nn.Module, faces: Faces) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return ((N, H, W, 3) float32 in [0, 1], (N,) which of them are numbers)."""
        with torch.inference_mode(), exact_algorithms():
            # HWC seen as NCHW is channels_last already. Networks for faces work in [-1, 1].
            given = torch.from_numpy(_as_fractions(faces)).to(self.compute.device).permute(0, 3, 1, 2)
            drawn = self.network.recipe.call(module, given.mul(2).sub_(1)).float()
            finite = drawn.isfinite().flatten(1).all(1)
            fractions = drawn.add(1).div_(2).clamp_(0, 1).permute(0, 2, 3, 1).contiguous()
            return fractions.cpu().numpy(), finite.cpu().numpy()

    def _release_memory(self) -> None:
        """Give unused blocks back, so that a smaller request is not refused for fragmentation."""
        if self.compute.device.type == "cuda":
            torch.cuda.empty_cache()


def _as_fractions(faces: Faces) -> npt.NDArray[np.float32]:
    """Return the faces as contiguous float32 in [0, 1]."""
    if faces.dtype == np.uint8:
        return faces.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(faces, np.float32)
