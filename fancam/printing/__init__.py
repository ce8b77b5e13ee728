"""Card sizes as data, the card as a file, the contact sheet."""

from __future__ import annotations

from fancam.printing.card import CardFile, Provenance, card_metadata, write_card
from fancam.printing.contact import ContactEntry, contact_sheet, format_time, ppi_colour, ppi_grade, write_contact_sheet
from fancam.printing.sizes import CardSize, Length, card_geometry, card_size, card_sizes, parse_length

__all__ = [
    "CardFile",
    "CardSize",
    "ContactEntry",
    "Length",
    "Provenance",
    "card_geometry",
    "card_metadata",
    "card_size",
    "card_sizes",
    "contact_sheet",
    "format_time",
    "parse_length",
    "ppi_colour",
    "ppi_grade",
    "write_card",
    "write_contact_sheet",
]
