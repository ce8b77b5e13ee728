"""Runs a network on a device: precision, another try in fp32, lack of memory, batches, compiling."""

from __future__ import annotations

import copy
import importlib.util
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from fancam.errors import DeviceError
from fancam.nn.device import Compute, exact_algorithms, is_out_of_memory, keep_in_fp32
from fancam.nn.networks import Module, Network

# --- compiling ----------------------------------------------------------------------------------------------------

_EXAMPLE_PX = 64, 96
"""Sides of the batch that is compiled for. They differ, or the compiler would take all pictures to be square."""
_LARGEST_ERROR = 0.02
"""Root mean square of the difference from the plain network on the example, of 1.0. Half precision rounds differently
where operations are fused (x4plus in bf16: 0.0013); a network compiled wrongly differs by much more."""

_FAILURES = (RuntimeError, OSError, ImportError, AssertionError, LookupError, TypeError, subprocess.SubprocessError)
"""What a compiler raises where it finds no tool chain, or meets what it cannot translate."""


def has_triton() -> bool:
    """Whether the library is there by which torch compiles for CUDA."""
    return importlib.util.find_spec("triton") is not None


class CompiledNetwork:
    """Calls the compiled network, or the plain one after compiling failed; ``note`` says why.

    It is compiled once for all sizes, at the first call. Batches are filled up to ``tiles`` by repetition, because the
    compiler would start again for a batch of one. ``size_multiple`` and ``square`` are the rules for height and width.
    """

    def __init__(
        self, module: torch.nn.Module, entry: torch.dtype, tiles: int, size_multiple: int = 1, square: bool = False
    ) -> None:
        self.module = module
        self.tiles = tiles
        self.note: str | None = None
        self._entry = entry
        sides = tuple(-(-side // size_multiple) * size_multiple for side in _EXAMPLE_PX)
        self._example_sides = (sides[1], sides[1]) if square else sides
        self._compiled: Callable[[torch.Tensor], torch.Tensor] | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        """Return what the network makes of a batch, (N, 3, H, W) in ``channels_last``."""
        if self.note is None:
            try:
                if self._compiled is None:
                    self._compiled = self._prepared(batch.device)
                if self._compiled is not None:
                    return self._compiled(_filled(batch, self.tiles))[: batch.shape[0]]
            except _FAILURES as error:
                if is_out_of_memory(error):
                    raise
                self.note = f"the network runs as it is: compiling it failed ({_reason(error)})"
        return self.module(batch)

    def _prepared(self, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """Return the compiled network, or None with a note where it does not give what the plain one gives."""
        options: dict[str, Any] | None = {"freezing": True} if device.type == "cpu" else None
        compiled = torch.compile(self.module, dynamic=True, options=options)
        generator = torch.Generator().manual_seed(0)
        example = torch.rand((self.tiles, 3, *self._example_sides), generator=generator)
        example = example.to(device, self._entry).contiguous(memory_format=torch.channels_last)
        error = (compiled(example).float() - self.module(example).float()).square().mean().sqrt().item()
        if error <= _LARGEST_ERROR:
            return compiled
        self.note = f"the network runs as it is: compiled, it is wrong by {error:.3f}"
        return None


def _filled(batch: torch.Tensor, tiles: int) -> torch.Tensor:
    missing = tiles - batch.shape[0]
    return batch if missing <= 0 else torch.cat([batch, batch[-1:].expand(missing, -1, -1, -1)])


def _reason(error: BaseException) -> str:
    """Return the line of an error that says what went wrong: compilers put who raised it before that."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.endswith(":")), type(error).__name__)[:160]


# --- running ------------------------------------------------------------------------------------------------------

Item = TypeVar("Item")
Found = TypeVar("Found")

Prepare = Callable[[torch.Tensor], torch.Tensor]
"""(N, C, H, W) float32 of a batch on the device, to what the network is given."""
Finish = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(C, H, W) float32 of one item and what the network made of it, both on the device, to what is wanted on the host."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemResult:
    """What came of one item of a batch."""

    values: npt.NDArray
    """As ``Finish`` returned it; without meaning where there is a failure."""
    redone: bool = False
    """Whether half precision failed and fp32 was used."""
    failure: str = ""
    """Why there is no result; empty where there is one."""
    finite: bool = True
    """Whether all values are numbers; a result that is not may still be far outside of the range."""
    no_memory: BaseException | None = None
    """Set where another try in fp32 did not fit into memory."""


@dataclass(slots=True, eq=False)
class Pending:
    """A batch on its way: the work may still run on the device."""

    items: npt.NDArray
    """Kept until the results are known to be good."""
    finish: Sequence[Finish]
    prepare: Prepare | None
    results: list[torch.Tensor]
    """One per item, on the host; not valid before the event."""
    states: torch.Tensor
    """(2, N) bool on the host: which results are numbers, and which of them in the range; not valid before the event.
    """
    event: torch.cuda.Event | None


class Runtime:
    """A network on a device.

    Weights and activations are ``channels_last`` in the precision of ``compute``, but for the parts that the recipe of
    the network keeps in fp32. An item whose result is not usable is computed again in fp32. The same items in the same
    batches give the same bytes: algorithms are fixed, and fp32 is not rounded to TF32.

    Args:
        network: On the CPU in fp32 it is used as it is and not copied.
        compute: Device and precision; fp32 is used where the network does not work in that one, and ``notes`` says so.
        batch: Items per pass of ``run``; halved where memory runs out, and remembered.
        unit: What an item is, for notes and errors.
        remedy: What helps besides more memory where not even one item fits.
    """

    def __init__(
        self, network: Network, compute: Compute, *, batch: int = 1, unit: str = "tile", remedy: str = "--device cpu"
    ) -> None:
        if compute.precision not in network.precisions:
            note = f"{network.architecture} does not work in {compute.precision}; fp32 was used"
            compute = Compute(compute.device, torch.float32, "fp32", (*compute.notes, note))
        self.network = network
        self.compute = compute
        self.batch = batch
        self._unit, self._remedy = unit, remedy
        self._fp32: torch.nn.Module | None = None
        self._compiled: CompiledNetwork | None = None
        half = compute.dtype != torch.float32
        self._entry = compute.dtype if half and not network.recipe.fp32 else torch.float32
        self._module = self._moved(compute.dtype) if half else self._fp32_module()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was asked for and could not be had."""
        return self.compute.notes

    @property
    def module(self) -> torch.nn.Module:
        """The network on its device, in its precision."""
        return self._module

    # --- passes -------------------------------------------------------------------------------------------------

    def forward(self, batch: torch.Tensor, *, fp32: bool = False) -> Any:
        """Return what the network makes of a batch, in one pass; a tensor or several, as ``recipe.call`` returns it.

        Args:
            batch: (N, C, H, W) float32 on the device.
            fp32: Whether it is to be computed in fp32 whatever the precision of the runtime.
        """
        entry = torch.float32 if fp32 else self._entry
        module: Module = self._fp32_module() if fp32 else self._compiled or self._module
        with torch.inference_mode(), exact_algorithms():
            given = batch.to(self.compute.device, entry).contiguous(memory_format=torch.channels_last)
            return self.network.recipe.call(module, given)

    def to_device(self, items: npt.NDArray, *, as_levels: bool = False) -> torch.Tensor:
        """Return a batch on the device: (N, C, H, W) float32 for (N, H, W, C).

        Args:
            items: uint8, uint16 or float32.
            as_levels: Whether whole numbers stay what they are; else their range becomes [0, 1].
        """
        # Not every device knows 16-bit whole numbers without a sign; as floats they are as exact.
        host = torch.from_numpy(items if items.dtype == np.uint8 else np.ascontiguousarray(items, np.float32))
        host = host.pin_memory() if self.compute.device.type == "cuda" else host
        # HWC seen as NCHW is channels_last already: no copy is needed for the layout.
        batch = host.to(self.compute.device, non_blocking=True).permute(0, 3, 1, 2).float()
        whole = np.issubdtype(items.dtype, np.integer)
        return batch / np.iinfo(items.dtype).max if whole and not as_levels else batch

    def launch(self, items: npt.NDArray, finish: Sequence[Finish], prepare: Prepare | None = None) -> Pending:
        """Start one pass; on CUDA this returns before the work is done.

        Args:
            items: (N, H, W, C): uint8, uint16, or float32.
            finish: Makes of each item what is wanted.
            prepare: Makes of the batch what the network is given; None where that is the batch itself.

        Raises:
            RuntimeError: Also when the device has no memory left; see ``is_out_of_memory``.
        """
        return self._launch(items, finish, prepare, fp32=False)

    def collect(self, pending: Pending) -> list[ItemResult]:
        """Wait for a pass and return what came of each item; failures are redone in fp32."""
        if pending.event is not None:
            pending.event.synchronize()
        finite, usable = pending.states.numpy()
        return [
            ItemResult(values.numpy()) if usable[index] else self._redone(pending, index, bool(finite[index]))
            for index, values in enumerate(pending.results)
        ]

    def run(
        self,
        items: npt.NDArray,
        finish: Finish | Sequence[Finish],
        notes: list[str],
        prepare: Prepare | None = None,
    ) -> Iterator[list[ItemResult]]:
        """Yield the results of some items after the other, as many per pass as ``batch`` and memory allow.

        Args:
            items: As for ``launch``, any number of them.
            finish: One for each item, or one for all.
            notes: Gets a line for each time that the batch was halved.
            prepare: See ``launch``.

        Raises:
            DeviceError: The device has not enough memory for one item.
        """
        each = [finish] * len(items) if callable(finish) else finish

        def one_pass(numbers: Sequence[int]) -> list[ItemResult]:
            part = slice(numbers[0], numbers[-1] + 1)
            return self.collect(self.launch(items[part], each[part], prepare))

        return self._passes(one_pass, range(len(items)), self.batch, notes)

    def in_parts(self, function: Callable[[Sequence[Item]], list[Found]], items: Sequence[Item]) -> list[Found]:
        """Return ``function(items)``; where memory runs out, that of smaller parts one after the other.

        Raises:
            DeviceError: The device has not enough memory for one item.
        """
        return [found for part in self._passes(function, items, len(items), None) for found in part]

    def _passes(
        self,
        function: Callable[[Sequence[Item]], list[Found]],
        items: Sequence[Item],
        batch: int,
        notes: list[str] | None,
    ) -> Iterator[list[Found]]:
        """Yield the results of parts of the items; where there are notes, a smaller batch is remembered and noted."""
        start = 0
        while start < len(items):
            part, found = items[start : start + batch], None
            try:
                found = function(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise self.memory_error(f"one {self._unit}") from error.with_traceback(None)
            if found is None:  # outside of the block above: the error keeps alive what was allocated
                batch = len(part) // 2
                self.release_memory()
                if notes is not None:
                    notes.append(self.use_smaller_batches(len(part)))
                continue
            yield found
            start += len(part)

    def use_smaller_batches(self, tried: int) -> str:
        """Halve the batch after so many items did not fit, and return the note that says so."""
        self.batch = tried // 2
        if self._compiled is not None:
            self._compiled.tiles = self.batch
        self.release_memory()
        return f"memory ran out: {self.batch} {self._unit}(s) per pass"

    def release_memory(self) -> None:
        """Give unused blocks back, so that a smaller request is not refused for fragmentation."""
        if self.compute.device.type == "cuda":
            torch.cuda.empty_cache()

    def memory_error(self, wanted: str) -> DeviceError:
        """Return the error that the device has not enough memory for something."""
        return DeviceError(
            f"not enough memory for {wanted}",
            item=str(self.compute.device),
            remedy=f"close other programs that use it, or use {self._remedy}",
        )

    # --- compiling ----------------------------------------------------------------------------------------------

    @property
    def compiles_well(self) -> bool:
        """Whether compiling is known to pay on the device."""
        return self.compute.device.type == "cuda" and has_triton()

    @property
    def compile_note(self) -> str | None:
        """Why the network runs as it is although compiling was asked for; None where nothing failed."""
        return self._compiled.note if self._compiled is not None else None

    def use_compiled(self) -> None:
        """Compile the network at the next pass, unless it is compiled already."""
        if self._compiled is None:
            rules = self.network.size_multiple, self.network.square
            self._compiled = CompiledNetwork(self._module, self._entry, self.batch, *rules)

    # --- inside -------------------------------------------------------------------------------------------------

    def _launch(self, items: npt.NDArray, finish: Sequence[Finish], prepare: Prepare | None, *, fp32: bool) -> Pending:
        device = self.compute.device
        with torch.inference_mode(), exact_algorithms():
            given = self.to_device(items)
            output = self.forward(given if prepare is None else prepare(given), fp32=fp32).float()
            finite = output.isfinite().flatten(1).all(1)
            limits = self.network.recipe.answers_within
            usable = finite if limits is None else ((output >= limits[0]) & (output <= limits[1])).flatten(1).all(1)
            states = torch.stack([finite, usable])
            results = [of_one(given[index], output[index]) for index, of_one in enumerate(finish)]
            if device.type != "cuda":
                return Pending(items, finish, prepare, [each.cpu() for each in results], states.cpu(), None)
            event = torch.cuda.Event()
            hosts = [_to_pinned(each) for each in results]
            pending = Pending(items, finish, prepare, hosts, _to_pinned(states), event)
            event.record(torch.cuda.current_stream(device))
            return pending

    def _redone(self, pending: Pending, index: int, finite: bool) -> ItemResult:
        """Return the result of an item in fp32, or its failure."""
        cause = f"the network gives values that are {'far outside of the range' if finite else 'not numbers'}"
        failed = ItemResult(pending.results[index].numpy(), failure=cause, finite=finite)
        if self.compute.dtype == torch.float32:
            return failed
        one = slice(index, index + 1)
        try:
            again = self._launch(pending.items[one], pending.finish[one], pending.prepare, fp32=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            failure = f"{cause} in {self.compute.precision}, and memory ran out in fp32"
            return replace(failed, failure=failure, no_memory=error.with_traceback(None))
        if again.event is not None:
            again.event.synchronize()
        finite, usable = (bool(state) for state in again.states[:, 0])
        values = again.results[0].numpy()
        return ItemResult(values, redone=True, failure="" if usable else f"{cause}, in fp32 too", finite=finite)

    def _fp32_module(self) -> torch.nn.Module:
        if self._fp32 is None:
            self._fp32 = self._moved(torch.float32)
        return self._fp32

    def _moved(self, dtype: torch.dtype) -> torch.nn.Module:
        """Return the network on the device, in a precision and in the layout that convolutions are fastest in."""
        device, recipe = self.compute.device, self.network.recipe
        in_place = device.type == "cpu" and dtype == torch.float32
        module = self.network.module if in_place else copy.deepcopy(self.network.module)
        if dtype != torch.float32:
            if recipe.rounds_fp32_parts:
                module = module.to(dtype).float()
            module = keep_in_fp32(module, dtype, recipe.fp32, recipe.half)
        return module.to(device).to(memory_format=torch.channels_last)


def _to_pinned(tensor: torch.Tensor) -> torch.Tensor:
    """Start the copy of a tensor into page-locked memory, which does not stop the device."""
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)
