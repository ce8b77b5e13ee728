"""Scans of printed pages become photographs again: the dots of the screens go, and paper turns plain.

``find_screens`` says with which screens a picture was printed, or that it was not; ``descreen`` takes them out;
``lighten_paper`` lightens the texture of the paper and what shines through from its back.
"""

from fancam.enhance.descreen.notch import descreen
from fancam.enhance.descreen.paper import lighten_paper
from fancam.enhance.descreen.spectrum import Screen, find_screens

__all__ = ["Screen", "descreen", "find_screens", "lighten_paper"]
