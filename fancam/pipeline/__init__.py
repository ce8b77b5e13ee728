"""The order of the stages: inputs to picks, picks to cards. No image arithmetic, no printing.

``Run`` does the main job, ``plan`` says what it would do, ``find_sources`` lists the media among the inputs.
"""

from __future__ import annotations

from fancam.pipeline.run import Run, RunResult
from fancam.pipeline.sources import Source, find_sources, plan

__all__ = ["Run", "RunResult", "Source", "find_sources", "plan"]
