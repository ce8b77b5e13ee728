"""Card sizes as data, the card as a file, the contact sheet."""

from __future__ import annotations

from fancam.printing.card import CardFile, Provenance, card_metadata, write_card
from fancam.printing.composing import (
    Composition,
    bleed_seam_step,
    compose,
    render_composition,
    synthesise_bleed,
)
from fancam.printing.contact import ContactEntry, contact_sheet, format_time, ppi_colour, ppi_grade, write_contact_sheet
from fancam.printing.sizes import CardSize, Length, card_geometry, card_size, card_sizes, parse_length

__all__ = [
    "CardFile",
    "CardSize",
    "Composition",
    "ContactEntry",
    "Length",
    "Provenance",
    "bleed_seam_step",
    "card_geometry",
    "card_metadata",
    "card_size",
    "card_sizes",
    "compose",
    "contact_sheet",
    "format_time",
    "parse_length",
    "ppi_colour",
    "ppi_grade",
    "render_composition",
    "synthesise_bleed",
    "write_card",
    "write_contact_sheet",
]
