"""Multi-frame fusion: the same face from neighbouring frames, aligned, merged and deblurred into one picture.

``fuse.fuse`` takes a region of the picked frame and the same region of its neighbours. What the neighbours measured is
used where it agrees with the picked frame; where nothing is to be gained the picked frame comes back as it is.
"""
