"""Card sizes, cards and contact sheets."""

from __future__ import annotations

from fancam.printing.sizes import CardSize, Length, card_geometry, card_size, card_sizes, parse_length

__all__ = ["CardSize", "Length", "card_geometry", "card_size", "card_sizes", "parse_length"]
