"""The guard: what may change between what the camera saw and what is printed, and what nobody can promise.

``Guard`` measures faces (identity, landmarks) and lowers a prior's strength until both hold; ``print_warnings`` says
what no enhancement can promise.
"""

from fancam.enhance.guard.drift import landmark_drift
from fancam.enhance.guard.verdict import LADDER, FaceTrial, Guard, Measured, Verdict, network_warnings, objections
from fancam.enhance.guard.warnings import print_warnings

__all__ = [
    "LADDER",
    "FaceTrial",
    "Guard",
    "Measured",
    "Verdict",
    "landmark_drift",
    "network_warnings",
    "objections",
    "print_warnings",
]
