"""Crops of frames become cards at print size: fused, cleaned, enlarged by a network, faces restored under guard.

``Enhancer.prepare`` fuses neighbouring frames with a picture (``fusion``), takes out a printer's screen (``descreen``),
blocks and noise (``cleaning``), and measures the grain that is put back at the end (``grain``). A crop is cut out
before it is enlarged, goes through the network in batches of overlapping tiles (``Engine``), and is resampled once to
the exact size. ``Enhancer`` is the whole chain: that enlargement, its colours held to the source's, a face prior where
one is wanted and the guard allows it. What was invented is said in ``Enhanced.invented`` and mapped in
``Enhanced.evidence``, what was done to each face stands in ``Enhanced.faces``, what went wrong on the way in ``notes``.
"""

from fancam.enhancing.cleaning.learned import resolve_denoiser
from fancam.enhancing.cleaning.noise import measure_noise
from fancam.enhancing.descreen.screens import find_screens
from fancam.enhancing.engine import Engine
from fancam.enhancing.enhancer import Enhancer, Instruments
from fancam.enhancing.evidence import evidence_figures
from fancam.enhancing.prior.restorers import resolve_restorer
from fancam.enhancing.work import PX_PER_PRINT_PX, CropRequest, EnhanceJob, Work
