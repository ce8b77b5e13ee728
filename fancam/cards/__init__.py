"""Finished cards: colours, text, frames and backs, the card as a file, and its preflight."""

from __future__ import annotations

from fancam.cards.back import make_back
from fancam.cards.front import Side, finish_front, write_card
from fancam.cards.painting import parse_colour
from fancam.cards.preflight import CardFacts, check_card
from fancam.cards.previews import cut_preview, mockup, safe_zone_overlay
