"""Descreening: the halftone of a printed page is detected in its scan and removed, and its paper lightened.

``screens.find_screens`` says with which screens a picture was printed, or that it was not; ``removal.descreen`` takes
them out; ``paper.lighten_paper`` lightens the texture of the paper and what shines through from its back.
"""
