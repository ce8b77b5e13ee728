"""Tells a lack of memory from other errors."""

from __future__ import annotations

import torch

_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How allocators say so that raise a plain RuntimeError (CPU, MPS)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the host, has no memory left."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
