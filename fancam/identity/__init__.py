"""Who is who: looks at one person become a tracklet, tracklets become people, people get the names of a roster."""

from __future__ import annotations

from fancam.identity.corrections import MERGE, NAME, SPLIT, Correction, corrected
from fancam.identity.grouping import apart_by_frames, group
from fancam.identity.naming import are_others, name_people
from fancam.identity.roster import Member, Roster, plain_name
from fancam.identity.tracklets import Tracklet, look_weight, merged, runs, tracklet

__all__ = [
    "MERGE",
    "NAME",
    "SPLIT",
    "Correction",
    "Member",
    "Roster",
    "Tracklet",
    "apart_by_frames",
    "are_others",
    "corrected",
    "group",
    "look_weight",
    "merged",
    "name_people",
    "plain_name",
    "runs",
    "tracklet",
]
