"""Seeing what was done: a page with before/after sliders, a strip, a map of what was measured, the chain in words.

Pictures come in as stages of the same size (the plain filter, the network, the face prior); nothing here enhances.
"""

from __future__ import annotations

from fancam.report.captions import explain_lines, write_screen_picture
from fancam.report.comparison import Comparison, Stage, facts_of, write_strip
from fancam.report.contact import ContactEntry, contact_sheet, ppi_colour, ppi_grade, write_contact_sheet
from fancam.report.evidence_map import write_evidence_map
from fancam.report.page import write_page
from fancam.report.pick_sheet import Looked, beaten_strip, pick_strip, write_pick_sheet
