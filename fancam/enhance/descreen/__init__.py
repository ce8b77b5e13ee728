"""Descreening: the halftone of a printed page is detected in its scan and removed, and its paper lightened.

``find_screens`` says with which screens a picture was printed, or that it was not; ``descreen`` takes them out;
``lighten_paper`` lightens the texture of the paper and what shines through from its back.
"""

from fancam.enhance.descreen.paper import lighten_paper
from fancam.enhance.descreen.removal import descreen
from fancam.enhance.descreen.screens import HalftoneScreen, find_screens

__all__ = ["HalftoneScreen", "descreen", "find_screens", "lighten_paper"]
