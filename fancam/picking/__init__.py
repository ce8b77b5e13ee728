"""Which moments are worth a card: a shortlist while the video is scanned, then scores with reasons, then the choice.

``Shortlist`` sees the luma of every frame once and names the moments worth an exact look. ``score_face`` judges a face
in true colour, ``select`` chooses different moments among the scored faces, ``explain`` and ``reject_reasons`` say why.
Nothing here knows how a video is decoded or how a face is found: the scan's face search is a callable it is given.
"""

from __future__ import annotations

from fancam.picking.frames import explain_frame, score_frame, whole_frame
from fancam.picking.moments import runners_up, select, stretch
from fancam.picking.nearby import sharpest_near
from fancam.picking.occlusion import Patch, face_patch
from fancam.picking.persons import judge_persons
from fancam.picking.reasons import explain, lost_by, reject_reasons
from fancam.picking.scoring import BYSTANDER, score_face, tell_bystanders, term_weights
from fancam.picking.sharpness import face_sharpness
from fancam.picking.shortlist import Shortlist
