"""The face prior: a network that draws faces, and all that keeps it honest.

``resolve_restorer`` says which one, ``Restorer`` runs it on aligned faces; ``skip_reason``, ``duplicates``,
``agreement_mask`` and ``occlusion_reason`` say where it must not speak.
"""

from fancam.enhance.prior.gates import agreement_mask, duplicates, occlusion_reason, skip_reason
from fancam.enhance.prior.restorers import Restored, Restorer, RestorerChoice, resolve_restorer

__all__ = [
    "Restored",
    "Restorer",
    "RestorerChoice",
    "agreement_mask",
    "duplicates",
    "occlusion_reason",
    "resolve_restorer",
    "skip_reason",
]
