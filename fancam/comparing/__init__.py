"""Seeing what was done: a page with before/after sliders, a strip, a map of what was measured, the chain in words.

Pictures come in as stages of the same size (the plain filter, the network, the face prior); nothing here enhances.
"""

from __future__ import annotations

from fancam.comparing.chain import explain_lines
from fancam.comparing.comparison import Comparison, Stage
from fancam.comparing.facts import facts_of
from fancam.comparing.page import write_page
from fancam.comparing.provenance import write_provenance
from fancam.comparing.strip import write_strip

__all__ = ["Comparison", "Stage", "explain_lines", "facts_of", "write_page", "write_provenance", "write_strip"]
