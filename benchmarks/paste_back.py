"""Paste-back of restored faces into a print: time, place and memory against facexlib's, on one picture of 1080p x4.

The picture is a formula, so the truth is known at every place; facexlib's own method runs without its networks. Times
are processor time, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from facexlib.utils.face_restoration_helper import FaceRestoreHelper

from fancam.enhancing.grain.matching import match_grain
from fancam.enhancing.prior.alignment import (
    FACE_SIZE_PX,
    TEMPLATE,
    FloatPicture,
    Matrix,
    bounds,
    composed,
    inverted,
    mapped,
    moved,
    warp,
)
from fancam.enhancing.prior.gates import FloatMask, blend_mask, face_ellipse
from fancam.enhancing.prior.paste import paste_face

Print = npt.NDArray[np.uint8]
Paste = Callable[[Print, Matrix], object]

CENTRES = ((0.3, 0.45), (0.72, 0.5), (0.5, 0.3), (0.86, 0.28), (0.12, 0.3), (0.6, 0.75))
"""Of the faces, in parts of the picture."""


class Scene(NamedTuple):
    """A frame, its enlargement and the faces in it."""

    frame: Print
    printed: Print
    to_frame: list[Matrix]
    """Face space to frame, edge based, per face."""
    faces: list[Print]
    """(512, 512, 3) uint8 per face: what a perfect prior would draw."""
    upscale: int


def main(arguments: list[str]) -> None:
    """Print one table of times and one of distances."""
    parser = argparse.ArgumentParser(prog="paste_back", description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080), metavar=("W", "H"), help="of the frame")
    parser.add_argument("--upscale", type=int, default=4)
    parser.add_argument("--face", type=int, default=300, help="side of the aligned square in the frame, in pixels")
    parser.add_argument("--faces", type=int, default=4, choices=range(2, len(CENTRES) + 1), help="for the second table")
    parser.add_argument("--png", type=Path, help="write the faces of the fidelity table here, side by side")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(max(cv2.getNumThreads(), 1))
    for count in (1, options.faces):
        scene = make_scene(options.size, options.upscale, options.face, count)
        _speed_table(scene)
    _fidelity_table(make_scene(options.size, options.upscale, options.face, 1), options.png)


# --- speed ----------------------------------------------------------------------------------------------------------


def _speed_table(scene: Scene) -> None:
    height, width = scene.printed.shape[:2]
    side = FACE_SIZE_PX * scene.upscale * np.sqrt(abs(np.linalg.det(scene.to_frame[0][:, :2])))
    print(f"\n{len(scene.faces)} face(s) of {side:.0f} px in a print of {width}x{height}")
    print(f"{'':44}{'CPU ms':>9}{'ratio':>8}{'MB more':>9}")
    rows: list[tuple[str, Callable[[Print], object], int]] = [
        ("facexlib, square mask", lambda printed: facexlib_paste(scene, printed), 1),
        (
            "facexlib, parser's mask (network not counted)",
            lambda printed: facexlib_paste(scene, printed, parse=True),
            1,
        ),
        ("a plain cover (the same job: all the square)", lambda printed: _ours(scene, printed, _covered), 5),
        ("paste_face (light and colour matched)", lambda printed: _ours(scene, printed, _matched), 5),
        ("paste_face and grain", lambda printed: _ours(scene, printed, _grained(scene.printed)), 5),
    ]
    slowest = 0.0
    for name, run, repeats in rows:
        times, peak = [], None
        for _ in range(repeats):
            printed = scene.printed.copy()
            _reset_peak()
            before = _memory("VmRSS")
            start = time.process_time()
            run(printed)
            times.append(time.process_time() - start)
            after = _memory("VmHWM")
            peak = None if before is None or after is None else after - before
        best = min(times)
        slowest = slowest or best
        print(
            f"{name:44}{best * 1e3:9.1f}{slowest / best:7.1f}x{'-' if peak is None else f'{peak:.0f}':>9}", flush=True
        )


def _ours(scene: Scene, printed: Print, paste: Callable[[Print, Print, Matrix], object]) -> None:
    for face, to_frame in zip(scene.faces, scene.to_frame, strict=True):
        paste(printed, face, to_print(scene, to_frame))


def _covered(printed: Print, face: Print, matrix: Matrix) -> None:
    cover(printed, as_float(face), SQUARE, matrix)


def cover(printed: Print, face: FloatPicture, mask: FloatMask, matrix: Matrix, *, cubic: bool = True) -> None:
    """Cover a print with a face square by its mask, as it is: what other programs do."""
    side = FACE_SIZE_PX
    roi = bounds(matrix, [(0, 0), (side, 0), (side, side), (0, side)]).clipped(printed.shape[1], printed.shape[0])
    part, there = printed[roi.as_slices()], moved(matrix, -roi.x0, -roi.y0)
    height, width = part.shape[:2]
    values = warp(face, there, width, height, cubic=cubic) * np.float32(255)
    values -= part
    values *= warp(mask, there, width, height, cubic=False)[..., None]
    values += part
    part[...] = np.clip(np.rint(values), 0, 255)


def _matched(printed: Print, face: Print, matrix: Matrix) -> object:
    return paste_face(printed, as_float(face), MASK, matrix, 1.0)


def _grained(before: Print) -> Callable[[Print, Print, Matrix], object]:
    def paste(printed: Print, face: Print, matrix: Matrix) -> object:
        pasted = paste_face(printed, as_float(face), MASK, matrix, 1.0)
        return match_grain(printed, before, pasted.roi, pasted.alpha)

    return paste


# --- fidelity -------------------------------------------------------------------------------------------------------


def _fidelity_table(scene: Scene, png: Path | None) -> None:
    """Where a perfect face lands: facexlib's place against the right one, and both programs at facexlib's place."""
    right = to_print(scene, scene.to_frame[0])
    theirs = composed(np.array([[1, 0, 0.5], [0, 1, 0.5]]), right)
    whole = np.ones((FACE_SIZE_PX, FACE_SIZE_PX), np.float32)
    face = as_float(scene.faces[0])
    inside = _inside(right, scene.printed.shape)
    their_print = facexlib_paste(scene, scene.printed.copy())
    shown = [scene.printed[inside], their_print[inside]]
    print(
        "\nfacexlib puts a face 0.5 * (upscale - 1) + 0.5 print pixels from its place, instead of 0.5 * (upscale - 1)"
    )
    print(f"{'inside the face, levels of 255':52}{'largest':>9}{'rms':>8}{'shift px':>10}")

    def row(name: str, result: Print, truth: Print) -> None:
        difference = result[inside].astype(np.float32) - truth[inside]
        rms = float(np.sqrt((difference**2).mean()))
        shift = float(np.hypot(*shift_px(result[inside], truth[inside])))
        print(f"{name:52}{np.abs(difference).max():9.1f}{rms:8.3f}{shift:10.3f}", flush=True)

    row("facexlib against the picture beneath", their_print, scene.printed)
    for name, cubic in (
        ("ours (bilinear) against the picture beneath", False),
        ("ours against the picture beneath", True),
    ):
        printed = scene.printed.copy()
        cover(printed, face, whole, right, cubic=cubic)
        row(name, printed, scene.printed)
    shown.append(printed[inside])
    for name, cubic in (
        ("ours (bilinear) at facexlib's place, against it", False),
        ("ours at facexlib's place, against it", True),
    ):
        printed = scene.printed.copy()
        cover(printed, face, whole, theirs, cubic=cubic)
        row(name, printed, their_print)
    if png is not None:
        cv2.imwrite(str(png), np.hstack(shown)[..., ::-1])


def _inside(matrix: Matrix, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the middle of a face, where every mask is 1."""
    low, high = mapped(matrix, [(170, 170), (342, 342)])
    (x0, y0), (x1, y1) = np.sort(np.stack([low, high]), axis=0).astype(int)
    return slice(max(y0, 0), min(y1, shape[0])), slice(max(x0, 0), min(x1, shape[1]))


def shift_px(result: Print, truth: Print) -> npt.NDArray[np.float64]:
    """Return the displacement (x, y) that explains the difference of two pictures best, by least squares."""
    one, other = (picture.astype(np.float64).mean(axis=2) for picture in (result, truth))
    down, right = np.gradient(other)
    gradient = np.stack([right.ravel(), down.ravel()], axis=1)
    solution: npt.NDArray[np.float64] = np.linalg.lstsq(gradient, (other - one).ravel(), rcond=None)[0]
    return solution


# --- the scene ------------------------------------------------------------------------------------------------------


def picture(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> FloatPicture:
    """Return a smooth picture with detail down to 18 pixels of the frame, in levels of 255, at edge-based places."""
    x, y = x.astype(np.float32), y.astype(np.float32)
    detail = 18 * np.sin(x / 3 + np.sin(y / 11)) * np.cos(y / 4) + 12 * np.cos((x + y) / 7)
    light = 120 + 40 * np.sin(x / 240) * np.cos(y / 190)
    return np.stack([light * 1.1 + detail, light * 0.9 + detail, light * 0.75 + detail], axis=-1)


def make_scene(size: tuple[int, int], upscale: int, face_px: int, count: int) -> Scene:
    """Return a frame, its true enlargement, and true faces of it at several angles."""
    width, height = size
    frame, printed = sampled(width, height, 1.0), sampled(width * upscale, height * upscale, 1 / upscale)
    to_frame, faces = [], []
    for number, (x, y) in enumerate(CENTRES[:count]):
        turn, scale = np.deg2rad((7, -12, 21, 0, 4, -5)[number]), face_px / FACE_SIZE_PX
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = np.array([x * width + 0.37, y * height - 0.21])
        matrix = np.column_stack([linear, middle - linear @ np.full(2, FACE_SIZE_PX / 2)])
        along = np.arange(FACE_SIZE_PX) + 0.5
        places = mapped(matrix, np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2))
        drawn = picture(places[:, 0], places[:, 1]).reshape(FACE_SIZE_PX, FACE_SIZE_PX, 3)
        to_frame.append(matrix)
        faces.append(np.rint(drawn).clip(0, 255).astype(np.uint8))
    return Scene(frame, printed, to_frame, faces, upscale)


def sampled(width: int, height: int, step: float) -> Print:
    """Return the picture at the centres of pixels of this size, in strips."""
    result = np.empty((height, width, 3), np.uint8)
    x = (np.arange(width) + 0.5) * step
    for top in range(0, height, 256):
        y = (np.arange(top, min(top + 256, height)) + 0.5) * step
        result[top : top + len(y)] = np.rint(picture(*np.meshgrid(x, y))).clip(0, 255)
    return result


def to_print(scene: Scene, to_frame: Matrix) -> Matrix:
    """Return the map from face space to the print."""
    return to_frame * scene.upscale


def as_float(face: Print) -> FloatPicture:
    """Return (H, W, 3) float32 in [0, 1]."""
    return face.astype(np.float32) / np.float32(255)


MASK = blend_mask(face_ellipse(TEMPLATE))
SQUARE = blend_mask(np.ones_like(MASK))


# --- the rival ------------------------------------------------------------------------------------------------------


def facexlib_paste(scene: Scene, printed: Print, *, parse: bool = False) -> Print:
    """Return facexlib's result: its method on an instance that was given what its constructor would have downloaded."""
    helper: Any = object.__new__(FaceRestoreHelper)
    helper.upscale_factor = scene.upscale
    helper.face_size = (FACE_SIZE_PX, FACE_SIZE_PX)
    helper.use_parse = parse
    helper.input_img = scene.frame
    helper.restored_faces = scene.faces
    if parse:
        import torch

        logits = torch.zeros(1, 19, FACE_SIZE_PX, FACE_SIZE_PX)
        logits[0, 0], logits[0, 1] = 1.0, torch.from_numpy(2 * (MASK > 0))
        helper.device = "cpu"
        helper.face_parse = lambda _face: (logits,)
    # It takes the frame to the face with indices of pixel centres, and back the same way.
    helper.affine_matrices = [_by_centres(inverted(matrix)) for matrix in scene.to_frame]
    helper.inverse_affine_matrices = []
    helper.get_inverse_affine()
    result: Print = helper.paste_faces_to_input_image(upsample_img=printed)
    return result


def _by_centres(matrix: Matrix) -> Matrix:
    result = matrix.copy()
    result[:, 2] += matrix[:, :2] @ np.full(2, 0.5) - 0.5
    return result


def _memory(field: str) -> float | None:
    """Return MB of this process, as Linux counts them; None elsewhere."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return float(lines[field].split()[0]) / 1024


def _reset_peak() -> None:
    """Let Linux count the peak from here on, where it may be told to."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
