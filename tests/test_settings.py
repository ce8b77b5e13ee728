from __future__ import annotations

import dataclasses

import pytest

from fancam import settings as s
from fancam.errors import ExitCode, InputNotFoundError, UsageError


def test_every_preset_loads_and_changes_something_or_is_the_default():
    names = s.preset_names()
    assert {"fancam", "close-up", "wide-stage"} <= set(names)
    loaded = {name: s.load_settings(name) for name in names}
    assert loaded["fancam"] == s.Settings()
    assert all(loaded[name] != s.Settings() for name in names if name != "fancam")


def test_unknown_preset_names_the_nearest_and_all_valid_ones():
    with pytest.raises(UsageError) as caught:
        s.load_settings("closeup")
    assert "did you mean 'close-up'?" in str(caught.value)
    assert "wide-stage" in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("[pick]\ntopp = 3", "did you mean 'top'?"),
        ("[pikc]\ntop = 3", "did you mean 'pick'?"),
        ("pick = 3", "write it as [pick]"),
        ("[pick]\ntop = 0", "top is 0"),
        ("[pick]\ntop = 2.5", "must be of type int"),
        ("[pick]\ntop = true", "must be of type int"),
        ("[card]\nsize = 55", "must be of type str"),
        ("[crop]\nframing = 'bsut'", "did you mean 'bust'?"),
        ("[pick\ntop = 3", "not valid TOML"),
    ],
)
def test_a_wrong_config_is_refused_with_what_is_right(tmp_path, toml, expected):
    config = tmp_path / "mine.toml"
    config.write_text(toml)
    with pytest.raises(UsageError) as caught:
        s.load_settings(config=config)
    assert expected in str(caught.value)


def test_a_number_is_taken_where_a_word_or_a_number_is_meant(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("[clean]\ndenoise = 1\nlift = 0.5\n")
    clean = s.load_settings(config=config).clean
    assert (clean.denoise, clean.lift, clean.denoise_strength) == ("1", "0.5", 1.0)
    config.write_text("[clean]\nlift = 3\n")
    with pytest.raises(UsageError, match="between 0 and 2"):
        s.load_settings(config=config)


def test_config_lies_over_preset_and_flags_over_config(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("[crop]\nframing = 'half'\nmin_ppi = 90\n")
    merged = s.load_settings("close-up", config, {"crop": {"framing": "bust", "min_ppi": None}})
    assert merged.crop.framing == "bust"  # the flag
    assert merged.crop.min_ppi == 90.0  # the file; a flag that was not given changes nothing
    assert isinstance(merged.crop.min_ppi, float)
    assert merged.pick.min_face_px == s.load_settings("close-up").pick.min_face_px  # the preset


def test_missing_config_is_an_input_error(tmp_path):
    with pytest.raises(InputNotFoundError):
        s.load_settings(config=tmp_path / "no.toml")


def test_an_upscaler_may_be_a_file_but_not_a_misspelt_name():
    assert s.EnhanceSettings(upscaler="my/net.safetensors").upscaler.endswith(".safetensors")
    with pytest.raises(UsageError, match="did you mean 'lanczos'"):
        s.EnhanceSettings(upscaler="lancos")


def test_settings_are_plain_values_for_the_manifest():
    values = s.Settings().as_dict()
    assert values["card"]["size"] == "kpop"
    assert set(values) == {field.name for field in dataclasses.fields(s.Settings)}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: s.FuseSettings(fuse="many"), "auto, off or a number"),
        (lambda: s.FuseSettings(fuse="2.5"), "whole number"),
        (lambda: s.FuseSettings(fuse="0"), "from 1"),
        (lambda: s.FuseSettings(fuse="nan"), "whole number"),
        (lambda: s.CleanSettings(denoise="much"), "a strength"),
        (lambda: s.CleanSettings(denoise="-1"), "between 0 and 3"),
        (lambda: s.CleanSettings(descreen="5"), "20 and 600 lpi"),
        (lambda: s.CleanSettings(descreen="inf"), "20 and 600 lpi"),
        (lambda: s.CleanSettings(grain="auto"), "a strength"),
        (lambda: s.CleanSettings(deblock="on"), "valid: auto, off"),
        (lambda: s.CleanSettings(denoiser="scunett"), "did you mean 'scunet'"),
    ],
)
def test_what_is_neither_a_word_nor_a_number_in_range_is_refused_with_the_rule(make, said):
    with pytest.raises(UsageError) as caught:
        make()
    assert said in str(caught.value)


def test_words_and_numbers_become_what_the_stages_count_with():
    assert s.FuseSettings().frames == s.FuseSettings().auto_frames
    assert [s.FuseSettings(fuse=text).frames for text in ("off", "1", "31")] == [1, 1, 31]
    assert s.FuseSettings(min_gain_db=0.3).least_gain_db == 0.3
    assert s.FuseSettings(fuse="9", min_gain_db=0.3).least_gain_db == 0.0
    assert [s.CleanSettings(denoise=text).denoise_strength for text in ("auto", "off", "0.5")] == [1.0, 0.0, 0.5]
    assert [s.CleanSettings(grain=text).grain_strength for text in ("keep", "off", "1.5")] == [1.0, 0.0, 1.5]
    assert [s.CleanSettings(descreen=text).lpi for text in ("auto", "off", "150")] == [None, None, 150.0]


@pytest.mark.parametrize(("written", "enabled"), [("guard = 'on'", True), ("guard = 'off'", False)])
def test_the_guards_older_switch_is_still_read(tmp_path, written, enabled):
    config = tmp_path / "mine.toml"
    config.write_text(f"[guard]\n{written}\n")
    assert s.load_settings(config=config).guard.enabled is enabled
    assert s.load_settings(overrides={"guard": {"guard": "off"}}).guard.enabled is False


def test_the_older_name_of_the_designs_table_is_still_read(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[art]\nborder_mm = 2\n")
    assert s.load_settings(config=config).design.border_mm == 2.0


def test_a_guard_that_is_neither_on_nor_off_is_refused(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("[guard]\nguard = 'of'\n")
    with pytest.raises(UsageError, match="did you mean 'off'"):
        s.load_settings(config=config)
