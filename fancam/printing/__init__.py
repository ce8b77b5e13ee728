"""Card sizes as data, the card as a file, the contact sheet."""

from __future__ import annotations

from fancam.printing.art import (
    Finished,
    cut_preview,
    finish_front,
    make_back,
    mockup,
    parse_colour,
    safe_zone_overlay,
)
from fancam.printing.card import CardFile, Provenance, card_metadata, face_boxes_mm, write_card
from fancam.printing.composing import (
    Composition,
    bleed_seam_step,
    compose,
    render_composition,
    synthesise_bleed,
)
from fancam.printing.contact import ContactEntry, contact_sheet, format_time, ppi_colour, ppi_grade, write_contact_sheet
from fancam.printing.cutting import cut_dxf, cut_svg, rounded_rectangle
from fancam.printing.layout import (
    calibration_distance_mm,
    offset_from_readings,
    paper_size,
    papers,
    plan_calibration,
    plan_sheet,
    plan_single,
)
from fancam.printing.pdf import PdfFile, preview_cut, preview_printed, render_page, write_pdf
from fancam.printing.preflight import CardFacts, check_card, require_passed, verdict
from fancam.printing.printers import Printer, printer, printers
from fancam.printing.sheet_preflight import check_sheet
from fancam.printing.sizes import CardSize, Length, card_geometry, card_size, card_sizes, parse_length

__all__ = [
    "CardFacts",
    "CardFile",
    "CardSize",
    "Composition",
    "ContactEntry",
    "Finished",
    "Length",
    "PdfFile",
    "Printer",
    "Provenance",
    "bleed_seam_step",
    "calibration_distance_mm",
    "card_geometry",
    "card_metadata",
    "card_size",
    "card_sizes",
    "check_card",
    "check_sheet",
    "compose",
    "contact_sheet",
    "cut_dxf",
    "cut_preview",
    "cut_svg",
    "face_boxes_mm",
    "finish_front",
    "format_time",
    "make_back",
    "mockup",
    "offset_from_readings",
    "paper_size",
    "papers",
    "parse_colour",
    "parse_length",
    "plan_calibration",
    "plan_sheet",
    "plan_single",
    "ppi_colour",
    "ppi_grade",
    "preview_cut",
    "preview_printed",
    "printer",
    "printers",
    "render_composition",
    "render_page",
    "require_passed",
    "rounded_rectangle",
    "safe_zone_overlay",
    "synthesise_bleed",
    "verdict",
    "write_card",
    "write_contact_sheet",
    "write_pdf",
]
