"""The face prior: a network that draws faces, and all that keeps it honest.

``resolve_restorer`` says which one, ``Restorer`` runs it on aligned faces; ``skip_reason``, ``duplicates``,
``agreement_mask`` and ``occlusion_reason`` say where it must not speak. ``align`` finds the square a prior knows,
``cut_face`` cuts it out, ``blend_mask`` says where the prior is let in, ``paste_face`` lays its detail into the print,
and ``add_grain`` gives the face the texture of its surroundings.
"""

from fancam.enhance.prior.alignment import FACE_SIZE_PX, Alignment, FloatPicture, Matrix, align, cut_face, cut_square
from fancam.enhance.prior.blending import FloatMask, blend_face, blend_mask, face_ellipse, mask_share, match_face
from fancam.enhance.prior.gates import agreement_mask, duplicates, occlusion_reason, skip_reason
from fancam.enhance.prior.grain import add_grain
from fancam.enhance.prior.paste import PasteResult, paste_face, paste_square, seam
from fancam.enhance.prior.restorers import Restored, Restorer, RestorerChoice, resolve_restorer

__all__ = [
    "FACE_SIZE_PX",
    "Alignment",
    "FloatMask",
    "FloatPicture",
    "Matrix",
    "PasteResult",
    "Restored",
    "Restorer",
    "RestorerChoice",
    "add_grain",
    "agreement_mask",
    "align",
    "blend_face",
    "blend_mask",
    "cut_face",
    "cut_square",
    "duplicates",
    "face_ellipse",
    "mask_share",
    "match_face",
    "occlusion_reason",
    "paste_face",
    "paste_square",
    "resolve_restorer",
    "seam",
    "skip_reason",
]
