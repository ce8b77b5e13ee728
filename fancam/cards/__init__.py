"""Finished cards: colours, text, frames and backs, the card as a file, and its preflight."""

from __future__ import annotations

from fancam.cards.back import make_back
from fancam.cards.card import write_card
from fancam.cards.colours import parse_colour
from fancam.cards.front import Side, finish_front
from fancam.cards.mockups import cut_preview, mockup
from fancam.cards.overlay import safe_zone_overlay
from fancam.cards.preflight import CardFacts, check_card
