"""A sheet as a PDF and back as pictures: pages drawn, pictures put in byte for byte, boxes, profiles, previews."""

from __future__ import annotations

from fancam.printing.pdf.preview import preview_cut, preview_printed, render_page
from fancam.printing.pdf.shapes import RULER_DEPTH_MM
from fancam.printing.pdf.writer import PDF_VERSION, PdfFile, write_pdf

__all__ = ["PDF_VERSION", "RULER_DEPTH_MM", "PdfFile", "preview_cut", "preview_printed", "render_page", "write_pdf"]
