from __future__ import annotations

import dataclasses

import pytest

from fancam.errors import UsageError
from fancam.paper import printer, printers
from fancam.settings import PressSettings


def test_the_presets_are_there_and_the_default_is_one_of_them():
    assert list(printers()) == ["home", "cutter", "rgb-shop", "cmyk-shop", "pvc-id1"]
    assert printer(PressSettings().printer).name == "home"


@pytest.mark.parametrize("name", ["home", "cutter", "rgb-shop", "cmyk-shop", "pvc-id1"])
def test_every_preset_makes_sense_and_names_its_source(name):
    found = printer(name)
    assert found.fail_ppi <= found.min_ppi <= found.dpi
    assert found.fail_dpi <= found.dpi
    assert found.colour in ("rgb", "cmyk")
    assert found.layout in ("sheet", "single")
    assert (found.most_ink_percent is None) == (found.colour == "rgb")
    assert 0 < found.cut_error_mm <= found.safe_mm
    assert found.safe_mm >= found.bleed_mm or found.bleed_mm <= 3
    assert set(found.formats) <= {"PNG", "JPEG", "TIFF", "WEBP"}
    assert len(found.source) > 20
    if found.colour == "cmyk":
        assert not {"PNG", "WEBP"} & set(found.formats)  # they cannot hold it


def test_limits_are_those_of_the_shops_they_name():
    assert (printer("pvc-id1").bleed_mm, printer("pvc-id1").corner_radius_mm) == (1.5, 3.18)
    assert (printer("cmyk-shop").most_ink_percent, printer("cmyk-shop").min_text_pt) == (300, 6)
    assert (printer("rgb-shop").layout, printer("home").layout) == ("single", "sheet")


def test_unknown_printer_is_refused_and_the_nearest_named():
    with pytest.raises(UsageError, match="did you mean 'cmyk-shop'"):
        printer("cmykshop")
    assert printer(" CMYK-Shop ").name == "cmyk-shop"


def test_presets_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        printers()["mine"] = printer("home")  # type: ignore[index]  # what is tested
    with pytest.raises(dataclasses.FrozenInstanceError):
        printer("home").dpi = 72  # type: ignore[misc]  # what is tested
