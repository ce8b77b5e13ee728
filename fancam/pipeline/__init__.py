"""The order of the stages: inputs to picks, picks to cards, pictures to larger ones. No image arithmetic, no printing.

``run`` does the main job, ``enhance`` whole pictures; ``plan`` and ``plan_enhance`` say what they would do.
"""

from __future__ import annotations

from fancam.pipeline.jobs import enhance, run
from fancam.pipeline.result import RunResult
from fancam.pipeline.sources import Source, find_pictures, find_sources, plan, plan_enhance

__all__ = ["RunResult", "Source", "enhance", "find_pictures", "find_sources", "plan", "plan_enhance", "run"]
