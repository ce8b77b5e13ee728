from __future__ import annotations

import json

import pytest

from fancam.geometry import Box
from fancam.jobs import manifest
from fancam.results import CardGeometry, Crop, Face, Pick, Score

GEOMETRY = CardGeometry(55, 85, 3, 300)


def pick() -> Pick:
    trim = Box(110.12345678, 50.5, 410.2, 514.1)
    return Pick(
        id="clip-000123456",
        pts=123456,
        time_s=41.152,
        face=Face(Box(200, 100, 300, 240), ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10.123)), 0.987654, track=2),
        score=Score(0.93123, {"sharpness": 0.97, "eyes": None}),
        crop=Crop(Box(94, 34, 426, 530), trim, 138.5, "bust", 1.0, ("tight",)),
        reason="sharper than 28 of 30",
        warnings=("a warning",),
    )


def test_a_pick_written_and_read_renders_the_same_card():
    values = json.loads(json.dumps(manifest.pick_values(pick())))
    once = manifest.pick_from_values(values, GEOMETRY)
    again = manifest.pick_from_values(json.loads(json.dumps(manifest.pick_values(once))), GEOMETRY)
    assert once == again
    assert once.crop.box == pick().crop.box
    assert once.crop.effective_ppi == pytest.approx((514.1 - 50.5) / (85 / 25.4), abs=1e-3)


def test_the_row_has_every_field_of_the_contract():
    card = {
        "path": "cards/x.png",
        "sha256": "0",
        "width_px": 720,
        "height_px": 1075,
        "dpi": 300.0,
        "enhance": {
            "upscaler": "realesrgan-x4plus",
            "restorer": None,
            "fused_frames": 1,
            "identity": None,
            "scale": 2.1,
        },
        "chain": [{"step": "upscale", "choice": "realesrgan-x4plus", "reason": "x2.10"}],
        "warnings": ["soft"],
    }
    row = manifest.pick_row(pick(), 0, card)
    assert {"id", "input", "pts", "time_s", "score", "why", "face", "member", "crop", "effective_ppi", "scale",
            "enhance", "card"} <= row.keys()  # fmt: skip
    assert row["scale"] == 2.1
    assert row["chain"][0]["choice"] == "realesrgan-x4plus"
    assert row["warnings"][-1] == "soft"
    assert row["card"] == {"path": "cards/x.png", "sha256": "0", "width_px": 720, "height_px": 1075, "dpi": 300.0}
    assert row["face"]["landmarks"][4] == [9, 10.12]


def test_a_failed_card_is_null_and_not_missing():
    row = manifest.pick_row(pick(), 1, None)
    assert row["card"] is None
    assert row["enhance"] is None
    assert row["input"] == 1
