"""Concert videos and group photos in, print-ready photocards out."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
