from __future__ import annotations

import dataclasses
import json

import pytest

from fancam.errors import ExitCode, NotMediaError
from fancam.geometry import Box, CardGeometry
from fancam.jobs import manifest
from fancam.jobs.manifest import Failure, InputReport, PickResult, PictureResult, RunResult
from fancam.results import Crop, Decision, Face, Pick, RunnerUp, Score

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
        runners_up=(
            RunnerUp(
                123000, 41.0, Face(Box(201, 100, 301, 240), ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10)), 0.9, track=2),
                Score(0.9, {"sharpness": 0.9, "eyes": None}), "lost by sharpness: 0.90 to 0.97",
            ),
        ),
    )  # fmt: skip


def test_a_pick_written_and_read_renders_the_same_card():
    values = json.loads(json.dumps(manifest.pick_to_manifest(pick())))
    once = manifest.pick_from_manifest(values, GEOMETRY)
    again = manifest.pick_from_manifest(json.loads(json.dumps(manifest.pick_to_manifest(once))), GEOMETRY)
    assert once == again
    assert [one.reason for one in again.runners_up] == ["lost by sharpness: 0.90 to 0.97"]
    assert once.crop.box == pick().crop.box
    assert once.crop.effective_ppi == pytest.approx((514.1 - 50.5) / (85 / 25.4), abs=0.0501)


def test_a_card_beyond_its_frame_keeps_its_real_part_and_a_row_without_one_is_read_as_all_real():
    crop = dataclasses.replace(pick().crop, source=Box(94, 40.1234, 426, 530), real=Box(0, 12, 720, 1075))
    row = json.loads(json.dumps(manifest.pick_to_manifest(dataclasses.replace(pick(), crop=crop))))
    again = manifest.pick_from_manifest(row, GEOMETRY).crop
    assert (again.source, again.real) == (crop.source, crop.real)
    earlier = {name: value for name, value in row.items() if name not in ("source", "real")}
    assert manifest.pick_from_manifest(earlier, GEOMETRY).crop.real is None


def card() -> PictureResult:
    enhance = {"upscaler": "realesrgan-x4plus", "restorer": None, "fused_frames": 1, "identity": None, "scale": 2.1}
    chain = (Decision("upscale", "realesrgan-x4plus", "x2.10"),)
    return PictureResult("cards/x.png", "0", 720, 1075, 300.0, enhance, chain, ("soft",))


def test_the_row_has_every_field_of_the_contract():
    row = manifest.pick_row(PickResult(pick(), 0, card()))
    assert {"id", "input", "pts", "time_s", "score", "why", "face", "member", "crop", "effective_ppi", "scale",
            "enhance", "card"} <= row.keys()  # fmt: skip
    assert row["scale"] == 2.1
    assert row["chain"][0]["choice"] == "realesrgan-x4plus"
    assert row["warnings"][-1] == "soft"
    assert row["card"] == {"path": "cards/x.png", "sha256": "0", "width_px": 720, "height_px": 1075, "dpi": 300.0}
    assert row["face"]["landmarks"][4] == [9, 10.12]


def test_a_failed_card_is_null_and_not_missing():
    row = manifest.pick_row(PickResult(pick(), 1, None))
    assert row["card"] is None
    assert row["enhance"] is None
    assert row["input"] == 1


def test_pictures_and_inputs_come_back_as_they_were_written():
    whole = dataclasses.replace(card(), details={"effective_ppi": 120.0}, compare={"stages": []})
    assert manifest.picture_from_manifest(json.loads(json.dumps(manifest.picture_to_manifest(whole)))) == whole
    report = InputReport("a.mp4", "0", 640, 360, "video", 1.5, ("odd",), {"codec": "h264", "stream": 0})
    assert manifest.input_from_manifest(json.loads(json.dumps(manifest.input_to_manifest(report)))) == report


def test_the_document_has_the_keys_of_the_contract_in_their_order():
    failure = Failure(NotMediaError("no picture", item="x.jpg"), "input")
    report = InputReport("a.png", "0", 64, 36, "photo")
    result = RunResult(
        "run", {"pick": {}}, ExitCode.SOME_FAILED, (report,), (PickResult(pick(), 0, card()),), failures=(failure,),
        timings_s={"scan": 1.23456}, details={"comparison": []}, warnings=("a",),
    )  # fmt: skip
    document = result.to_manifest()
    assert list(document) == [
        "fancam", "verb", "settings", "inputs", "picks", "failures", "timings_s", "comparison", "warnings",
    ]  # fmt: skip
    assert document["failures"] == [{"item": "x.jpg", "stage": "input", "error": "x.jpg: no picture", "exit_code": 1}]
    assert document["timings_s"] == {"scan": 1.235}
    with pytest.raises(NotMediaError):
        result.raise_for_failures()
