"""Cards on paper: which places they take, marks and rulers, cut paths, the PDF, and its preflight."""

from __future__ import annotations

from fancam.sheets.calibration import calibration_distance_mm, offset_from_readings, plan_calibration
from fancam.sheets.cutting import cut_dxf, cut_svg, rounded_rectangle, write_cut
from fancam.sheets.layout import plan_sheet, plan_single
from fancam.sheets.pdf import PdfFile, write_pdf
from fancam.sheets.preflight import check_sheet
from fancam.sheets.preview import preview_cut, preview_printed
