"""What is bought and fed: card sizes, papers, printers, one data row each; lengths; what preflight found."""

from __future__ import annotations

from fancam.paper.printers import DEFAULT_LIMITS, Check, Printer, Status, limits, printer, printers, require_passed
from fancam.paper.sizes import (
    CardSize,
    Paper,
    card_geometry,
    card_size,
    card_sizes,
    paper_size,
    papers,
    parse_length,
    size_name,
)
