"""Read TIFF with several 16-bit samples per pixel, in any layout and compression that its grey form can have.

Pillow decodes 16-bit samples of one channel only. A row of W pixels with N interleaved samples is also a row of W * N
grey samples: the file is opened again with a directory that says so, and the channels are told apart afterwards.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fancam.pictures.ifd import LONG, ORIENTATION, SHORT, Fields, directories, read_fields

_WIDTH, _BITS, _PHOTOMETRIC, _STRIPS, _SAMPLES, _STRIP_BYTES = 256, 258, 262, 273, 277, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 284, 317, 322, 324, 325, 338, 339
_KEPT = (_WIDTH, 257, 259, 266, 278, _TILE_WIDTH, 323)
"""Width, height, compression, fill order, rows per strip, and the tiles' size."""
_RGB, _WHITE_IS_ZERO, _BLACK_IS_ZERO = 2, 0, 1
_ASSOCIATED, _UNASSOCIATED = 1, 2
"""ExtraSamples: colour multiplied with alpha already, or not (TIFF 6.0, section 18)."""


@dataclass(frozen=True, slots=True)
class _Layout:
    fields: Fields
    samples: int
    separate_planes: bool
    predictor: int
    tile_width: int | None


def deep_tiff_samples(path: Path) -> npt.NDArray[np.uint16] | None:
    """Return the first picture of a TIFF with 16-bit RGB, as stored and not turned upright.

    Returns:
        (height, width, 3), or (height, width, 4) with straight alpha where there is some; None when the file is not
        RGB with 16 unsigned bits per sample.

    Raises:
        OSError, ValueError: It is damaged.
    """
    with path.open("rb") as file:
        fields = read_fields(file)
    layout = _layout(fields) if fields is not None else None
    if layout is None:
        return None
    data = path.read_bytes()
    if layout.separate_planes:
        planes = [_grey(data, layout, plane) for plane in range(layout.samples)]
        samples = np.stack(planes, axis=2)
    else:
        wide = _grey(data, layout, None)
        samples = wide.reshape(wide.shape[0], -1, layout.samples)
        if layout.predictor == 2:
            _undo_differences(samples, layout.tile_width)
    extra = layout.fields.integers(_EXTRA)
    if layout.samples == 3 or not extra or extra[0] not in (_ASSOCIATED, _UNASSOCIATED):
        return samples[..., :3] if extra else samples
    return _straight(samples[..., :4]) if extra[0] == _ASSOCIATED else samples[..., :4]


def _layout(fields: Fields) -> _Layout | None:
    bits = fields.integers(_BITS)
    samples = next(iter(fields.integers(_SAMPLES)), 1)
    known = set(bits) == {16} and set(fields.integers(_FORMAT)) <= {1} and samples in (3, 4, 5)
    if not known or fields.integers(_PHOTOMETRIC) != (_RGB,):
        return None
    tile_width = next(iter(fields.integers(_TILE_WIDTH)), None)
    predictor = next(iter(fields.integers(_PREDICTOR)), 1)
    return _Layout(fields, samples, fields.integers(_PLANAR) == (2,), predictor, tile_width)


def _grey(data: bytes, layout: _Layout, plane: int | None) -> npt.NDArray[np.uint16]:
    """Return one plane, or all samples of a row beside each other, as Pillow reads them as grey."""
    fields = layout.fields
    main = {tag: fields.main[tag] for tag in _KEPT if tag in fields.main}
    for tag in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES):
        pieces = fields.integers(tag)
        if plane is not None:
            each = len(pieces) // layout.samples
            pieces = pieces[plane * each : (plane + 1) * each]
        if pieces:
            main[tag] = fields.entry(LONG, pieces)
    across = 1 if plane is not None else layout.samples
    for tag in (_WIDTH, _TILE_WIDTH):
        if tag in main:
            main[tag] = fields.entry(LONG, [fields.integers(tag)[0] * across])
    predictor = layout.predictor if plane is not None else 1  # across several channels it is undone here
    for tag, value in ((_BITS, 16), (_SAMPLES, 1), (_PHOTOMETRIC, _BLACK_IS_ZERO), (_PREDICTOR, predictor)):
        main[tag] = fields.entry(SHORT, [value])
    main.pop(ORIENTATION, None)
    with Image.open(io.BytesIO(_with_directory(data, replace(fields, main=main))), formats=["TIFF"]) as image:
        image.load()
        return np.array(image).astype(np.uint16, copy=False)


def _with_directory(data: bytes, fields: Fields) -> bytes:
    """Return a classic TIFF with the old bytes where they were and a new directory at the end."""
    position = len(data) + len(data) % 2
    head = (b"II" if fields.order == "<" else b"MM") + struct.pack(f"{fields.order}HI", 42, position)
    alone = Fields(fields.order, fields.main)
    return head + data[8:] + bytes(len(data) % 2) + directories(alone, position)


def _undo_differences(samples: npt.NDArray[np.uint16], tile_width: int | None) -> None:
    """Undo horizontal differencing (TIFF 6.0, section 14) in place; it begins anew in each tile."""
    width = samples.shape[1]
    step = tile_width or width
    for x in range(0, width, step):
        part = samples[:, x : x + step]
        np.cumsum(part, axis=1, dtype=np.uint16, out=part)  # modulo 65536, as it was made


def _straight(samples: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return colour that is no longer multiplied with its alpha."""
    alpha = samples[..., 3:].astype(np.uint32)
    divided = (samples[..., :3] * np.uint32(65535) + alpha // 2) // np.maximum(alpha, 1)
    result = samples.copy()
    result[..., :3] = np.minimum(divided, 65535)
    return result
