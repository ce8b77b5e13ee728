"""``python -m fancam`` is the same as ``fancam``."""

from __future__ import annotations

from fancam.cli import main

if __name__ == "__main__":
    main()
