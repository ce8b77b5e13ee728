"""ICC profiles of presses and printers that do not exist, made from a model of ink on paper; none has to be shipped.

The model is Neugebauer's with the correction of Yule and Nielsen (H. R. Kang, "Color Technology for Electronic Imaging
Devices", 1997, chapters 2 and 3): paper, the inks and their overprints in shares by Demichel, their tristimulus values
averaged to the power of 1/n. The solids are what ISO 12647-2:2004/Amd 1:2007 aims at on coated paper, rounded.
"""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

D50 = np.array([0.9642, 1.0, 0.8249])
N = 1.9
PAPER = (95.0, 0.0, -2.0)
# C M Y to L*a*b* of the solids and overprints, without black.
SOLIDS = {
    (0, 0, 0): PAPER, (1, 0, 0): (55, -37, -50), (0, 1, 0): (48, 74, -3), (0, 0, 1): (89, -5, 93),
    (0, 1, 1): (47, 68, 48), (1, 0, 1): (50, -66, 28), (1, 1, 0): (24, 20, -46), (1, 1, 1): (23, 0, 0),
}  # fmt: skip
BLACK = (16.0, 0.0, 0.0)
INK_LIMIT = 3.0
Forward = Callable[[np.ndarray], np.ndarray]


def xyz_of(lab: npt.ArrayLike) -> np.ndarray:
    lab = np.asarray(lab, float)
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    return D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))


def lab_of(xyz: npt.ArrayLike) -> np.ndarray:
    ratio = np.asarray(xyz) / D50
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def _primaries() -> np.ndarray:
    """(16, 3) XYZ, index C + 2 M + 4 Y + 8 K; black over colours darkens them as a grey filter would."""
    paper, black = xyz_of(PAPER), xyz_of(BLACK)
    found = np.empty((16, 3))
    for c, m, y in itertools.product((0, 1), repeat=3):
        solid = xyz_of(SOLIDS[c, m, y])
        found[c + 2 * m + 4 * y] = solid
        found[c + 2 * m + 4 * y + 8] = black * (solid / paper) ** 0.4
    return found


_ROOTS = _primaries() ** (1 / N)
_ON = np.array([[(i >> bit) & 1 for bit in range(4)] for i in range(16)], bool)


def press_xyz(cmyk: np.ndarray) -> np.ndarray:
    """XYZ (absolute, Y of a perfect white = 1) of (n, 4) inks in [0, 1]."""
    shares = np.prod(np.where(_ON, cmyk[:, None, :], 1 - cmyk[:, None, :]), axis=2)
    return np.asarray((shares @ _ROOTS) ** N)


def relative_lab(xyz: np.ndarray, paper: np.ndarray) -> np.ndarray:
    return lab_of(xyz / paper * D50)


def press_lab(cmyk: np.ndarray) -> np.ndarray:
    return relative_lab(press_xyz(cmyk), xyz_of(PAPER))


def _printer_lab(rgb: np.ndarray) -> np.ndarray:
    """An inkjet printer that is told RGB: no black of its own, deeper and more vivid than the press."""
    lab = press_lab(np.concatenate([1 - rgb, np.zeros((len(rgb), 1))], 1))
    return np.stack([(lab[:, 0] - 24) / 76 * 92 + 8, lab[:, 1] * 1.15, lab[:, 2] * 1.15], -1)


def _solved(forward: Forward, wanted: np.ndarray, start: np.ndarray, black: np.ndarray | None) -> np.ndarray:
    """Device values in [0, 1] whose colour is nearest to the wanted one: damped Gauss and Newton, kept in the box."""
    weight = np.array([1.3, 1.0, 1.0])  # lightness is kept rather than chroma
    x, damping = start.copy(), np.full((len(start), 1, 1), 20.0)

    def look(values: np.ndarray) -> np.ndarray:
        full = values if black is None else np.concatenate([values, black[:, None]], 1)
        return (forward(full) - wanted) * weight

    residual = look(x)
    for _ in range(14):
        jacobian = np.stack([(look(np.where(np.arange(3) == i, x + 1e-3, x)) - residual) / 1e-3 for i in range(3)], 2)
        normal = jacobian.transpose(0, 2, 1) @ jacobian
        step = np.linalg.solve(normal + damping * np.eye(3), -(jacobian.transpose(0, 2, 1) @ residual[..., None]))
        tried = np.clip(x + step[..., 0], 0, 1)
        new = look(tried)
        better = (new**2).sum(1) < (residual**2).sum(1)
        x[better], residual[better] = tried[better], new[better]
        damping = np.where(better[:, None, None], damping / 4, damping * 6)
    return x


def separated(wanted: np.ndarray) -> np.ndarray:
    """(n, 4) inks for (n, 3) L*a*b* relative to the paper: grey component replaced by black, 300 % of ink at most."""
    none = np.zeros(len(wanted))
    first = _solved(press_lab, wanted, np.full((len(wanted), 3), 0.4), none)
    grey = first.min(1)
    black = np.clip((grey - 0.25) / 0.75, 0, 1) ** 1.6 * 0.95
    deep = np.clip((30 - wanted[:, 0]) / 24, 0, 0.97) * (grey > 0.5)
    black = np.maximum(black, deep)
    inks = _solved(press_lab, wanted, first * (1 - 0.5 * black[:, None]), black)
    room = (INK_LIMIT - black) / np.maximum(inks.sum(1), 1e-9)
    return np.concatenate([inks * np.minimum(room, 1)[:, None], black[:, None]], 1)


# --- the files ----------------------------------------------------------------------------------------------------


def _packed(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """ICC.1:2001-04: header, tag table, elements; equal elements are stored once."""
    start = 132 + 12 * len(tags)
    body, table, places = b"", b"", {}
    for name, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", places[data], len(data))
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02400000, kind, space, pcs)
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(v * 65536) for v in D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _described(text: str) -> dict[bytes, bytes]:
    raw = text.encode() + b"\0"
    return {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(raw)) + raw + bytes(78),
        b"cprt": b"text" + bytes(4) + b"No copyright\0",
    }


def _xyz_element(xyz: Sequence[float] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in xyz))


def _lut16(curves: np.ndarray, grid: int, nodes: np.ndarray) -> bytes:
    """lut16Type: (inputs, 256) curves in [0, 1], then (grid ** inputs, outputs) nodes as uint16, plain output."""
    inputs, outputs = len(curves), nodes.shape[1]
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    head = b"mft2" + bytes(4) + struct.pack(">4B", inputs, outputs, grid, 0) + identity
    head += struct.pack(">2H", curves.shape[1], 2)
    plain = np.tile(np.array([0, 65535]), outputs)
    return head + b"".join(np.rint(v).astype(">u2").tobytes() for v in (curves * 65535, nodes, plain))


def _encoded_lab(lab: np.ndarray) -> np.ndarray:
    """The 16-bit L*a*b* of version 2 profiles: 0xff00 is L* 100, 0x8000 is a* 0."""
    low = np.array([0, -128, -128])
    return np.clip((lab - low) * np.array([652.8, 256, 256]), 0, 65535)


_AXIS = np.linspace(0, 1, 256)
_DENSER = 0.5 + np.arctan((_AXIS - 32768 / 65535) * 5) / (2 * np.arctan(2.5))
"""Most of the grid where the colours are: half of a* and b* is beyond any ink."""
_LAB_CURVES = np.stack([_AXIS, _DENSER, _DENSER])


def _lab_nodes(grid: int) -> np.ndarray:
    places = np.linspace(0, 1, grid)
    lightness = places * 65535 / 652.8
    chroma = np.interp(places, _DENSER, _AXIS) * 65535 / 256 - 128
    return np.stack(np.meshgrid(lightness, chroma, chroma, indexing="ij"), -1).reshape(-1, 3)


def _device_nodes(grid: int, channels: int) -> np.ndarray:
    axes = [np.linspace(0, 1, grid)] * channels
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, channels)


def _lut_profile(
    text: str, space: bytes, channels: int, forward: Forward, backward: Forward, black: float, paper: np.ndarray
) -> bytes:
    plain = np.tile(_AXIS, (channels, 1))
    device = _device_nodes(9 if channels == 4 else 17, channels)
    there = _lut16(plain, 9 if channels == 4 else 17, _encoded_lab(forward(device)))
    nodes = _lab_nodes(21)
    exact = backward(nodes)
    # Perceptual: all of the lightness into what the press has, and less chroma.
    squeezed = np.stack([black + nodes[:, 0] * (100 - black) / 100, nodes[:, 1] * 0.85, nodes[:, 2] * 0.85], -1)
    apart = np.linalg.norm(forward(exact) - nodes, axis=1)
    colorimetric = _lut16(_LAB_CURVES, 21, exact * 65535)
    perceptual = _lut16(_LAB_CURVES, 21, backward(squeezed) * 65535)
    gamut = _lut16(_LAB_CURVES, 21, np.where(apart > 3, 65535, 0)[:, None])
    return _packed(b"prtr", space, b"Lab ", {
        **_described(text), b"wtpt": _xyz_element(paper),
        b"A2B0": there, b"A2B1": there, b"A2B2": there,
        b"B2A0": perceptual, b"B2A1": colorimetric, b"B2A2": perceptual, b"gamt": gamut,
    })  # fmt: skip


@functools.cache
def cmyk_press() -> bytes:
    """A sheetfed press on coated paper: CMYK, 300 % of ink at most."""
    black = float(press_lab(np.array([[0.7, 0.65, 0.65, 0.97]]))[0, 0])
    return _lut_profile("Test press, coated", b"CMYK", 4, press_lab, separated, black, xyz_of(PAPER))


@functools.cache
def rgb_printer() -> bytes:
    """A printer that takes RGB, by tables."""

    def backward(lab: np.ndarray) -> np.ndarray:
        return _solved(_printer_lab, lab, np.full((len(lab), 3), 0.5), None)

    return _lut_profile("Test printer", b"RGB ", 3, _printer_lab, backward, 8.0, xyz_of((96, 0, -4)))


def grey_printer() -> bytes:
    """A laser printer with black toner only."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.8 * 256))
    tags = {**_described("Test laser"), b"wtpt": _xyz_element(xyz_of(PAPER)), b"kTRC": curve}
    return _packed(b"prtr", b"GRAY", b"XYZ ", tags)


def with_class(profile: bytes, kind: bytes) -> bytes:
    return profile[:12] + kind + profile[16:]


def real_cmyk_profile(folder: Path = Path("/usr/share/color/icc")) -> Path | None:
    """A CMYK output profile that the system has, if any."""
    for path in sorted(folder.rglob("*.ic[cm]")):
        head = path.read_bytes()[:40]
        if head[12:20] == b"prtrCMYK" and path.stat().st_size > 50_000:
            return path
    return None
