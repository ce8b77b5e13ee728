"""Networks: weight files with their licences, and what runs them.

A registry with licences and hashes, a store that finds and verifies weight files (this is loaded here), ``networks``
loads a network by name or from a file, and ``runtime`` runs it on a device. Those two are imported where they are
needed, so that looking for files does not load torch.
"""

from fancam.nn.registry import NetworkChoice, Variant
from fancam.nn.store import ModelStatus, ModelStore, file_sha256
