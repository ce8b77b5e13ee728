"""Weight files: a registry with licences and hashes, a store that finds and verifies them, one loader per file format.

``fancam.nn.torchfile`` is imported where it is needed, so that looking for files does not load torch.
"""

from fancam.nn.ncnn import load_ncnn
from fancam.nn.registry import ModelEntry, Variant, WeightFile
from fancam.nn.store import ModelStatus, ModelStore, file_sha256

__all__ = ["ModelEntry", "ModelStatus", "ModelStore", "Variant", "WeightFile", "file_sha256", "load_ncnn"]
