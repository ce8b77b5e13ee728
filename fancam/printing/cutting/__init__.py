"""Cut paths for cutting machines, as SVG and as DXF. Text only; who calls writes it."""

from __future__ import annotations

from fancam.printing.cutting.dxf import cut_dxf
from fancam.printing.cutting.outline import OutlinePoint, rounded_rectangle
from fancam.printing.cutting.svg import cut_svg

__all__ = ["OutlinePoint", "cut_dxf", "cut_svg", "rounded_rectangle"]
