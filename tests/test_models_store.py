from __future__ import annotations

import hashlib
import io
import os
import shutil
import urllib.error
import urllib.request

import pytest

from fancam.errors import ExitCode, ModelDamagedError, ModelMissingError, OutputError, UsageError
from fancam.nn import ModelStore, file_sha256
from fancam.nn import store as store_module
from fancam.nn.registry import FORMATS, TASKS, ModelEntry, Variant, WeightFile, registry
from fancam.nn.store import HttpsOnly, open_https

CONTENT = b"weights" * 1000
URL = "https://example.org/toy.pth"


def toy_entry(**file) -> ModelEntry:
    known = Variant(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    weight_file = WeightFile(**{"file": "toy.pth", "variants": (known,), "url": URL, **file})
    return ModelEntry("toy", "upscale", "Toy", "MIT", True, "torch", "", (weight_file,))


@pytest.fixture
def toy(monkeypatch):
    entry = toy_entry()
    monkeypatch.setattr(store_module, "registry", lambda: {"toy": entry})
    monkeypatch.setattr(store_module, "registry_entry", lambda name: entry)
    return entry


def serving(content: bytes):
    return lambda url: io.BytesIO(content)


def without_network(url):
    raise urllib.error.URLError("Name or service not known")


def test_every_row_of_the_registry_is_complete():
    assert len(registry()) >= 10
    for entry in registry().values():
        assert entry.task in TASKS and entry.format in FORMATS and entry.licence and entry.architecture
        for file in entry.files:
            assert file.url is not None or file.distribution is not None, entry.name
            assert file.url is None or file.url.startswith("https://")
            assert all(len(v.sha256) == 64 and int(v.sha256, 16) for v in file.variants)
        assert entry.format != "ncnn" or [f.file.rpartition(".")[2] for f in entry.files] == ["bin", "param"]


def test_non_commercial_weights_are_marked():
    marked = {entry.name for entry in registry().values() if not entry.commercial}
    assert {"codeformer", "gfpgan-1.4", "bisenet", "arcface-ir-se50"} <= marked
    assert "realesrgan-x4plus" not in marked and "centerface" not in marked


@pytest.mark.parametrize(
    "name", ["realesrgan-x4plus", "realesr-animevideov3", "centerface", "face-landmarker", "sface-int8"]
)
def test_models_that_come_with_the_installation_are_here_and_whole(name):
    status = ModelStore().status(name, verify=True)
    assert (status.state, status.source) == ("verified", "package"), status.detail


def test_the_released_mobilenet_and_its_conversion_are_both_accepted(shared):
    store = ModelStore(models_dir=shared("models"))
    assert store.has("retinaface-mobilenet")
    assert store.locate("retinaface-mobilenet").stat().st_size == 1832807
    assert 1789735 in [v.bytes for v in store.entry("retinaface-mobilenet").files[0].variants]


def test_an_unknown_model_names_the_nearest_one():
    with pytest.raises(UsageError, match="did you mean 'realesrgan-x4plus'"):
        ModelStore().locate("realesrgan-x4")


def test_a_missing_model_says_file_url_size_hash_and_folder(tmp_path):
    with pytest.raises(ModelMissingError) as caught:
        ModelStore(models_dir=tmp_path).locate("retinaface-resnet50")
    line = caught.value.line()
    entry = registry()["retinaface-resnet50"].files[0]
    for part in (entry.file, entry.url, "109,497,761", entry.variants[0].sha256, str(tmp_path), "models pull"):
        assert part in line
    assert caught.value.exit_code == ExitCode.MODEL_MISSING


def test_a_model_whose_package_is_not_installed_names_the_package(monkeypatch):
    entry = toy_entry(url=None, distribution="no-such-distribution-at-all", path_in_distribution="a/b.bin")
    monkeypatch.setattr(store_module, "registry_entry", lambda name: entry)
    with pytest.raises(ModelMissingError, match="install the package no-such-distribution-at-all"):
        ModelStore().locate("toy")
    assert not ModelStore().has("toy")


def test_the_users_folder_comes_before_the_cache(toy, tmp_path):
    for folder in ("mine", "cache"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "toy.pth").write_bytes(CONTENT)
    store = ModelStore(tmp_path / "mine", tmp_path / "cache")
    assert store.locate("toy") == tmp_path / "mine" / "toy.pth"
    (tmp_path / "mine" / "toy.pth").unlink()
    assert store.locate("toy") == tmp_path / "cache" / "toy.pth"
    assert store.status("toy").source == "cache"


def test_one_flipped_bit_is_refused_and_both_hashes_are_named(toy, tmp_path):
    damaged = bytearray(CONTENT)
    damaged[3000] ^= 1
    (tmp_path / "toy.pth").write_bytes(damaged)
    store = ModelStore(models_dir=tmp_path)
    assert store.has("toy"), "the size alone fits"
    with pytest.raises(ModelDamagedError) as caught:
        store.locate("toy")
    assert hashlib.sha256(damaged).hexdigest() in caught.value.line()
    assert toy.files[0].variants[0].sha256 in caught.value.line()
    assert store.status("toy", verify=True).state == "damaged"


def test_a_damaged_file_of_the_users_is_not_passed_over_for_a_good_one_in_the_cache(toy, tmp_path):
    for folder, content in (("mine", CONTENT[:-1]), ("cache", CONTENT)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "toy.pth").write_bytes(content)
    store = ModelStore(tmp_path / "mine", tmp_path / "cache")
    assert not store.has("toy")
    with pytest.raises(ModelDamagedError, match="6,999 bytes, expected 7,000"):
        store.locate("toy")


def test_a_file_changed_after_it_was_verified_is_hashed_again(toy, tmp_path):
    path = tmp_path / "toy.pth"
    path.write_bytes(CONTENT)
    store = ModelStore(models_dir=tmp_path)
    store.locate("toy")
    path.write_bytes(b"X" + CONTENT[1:])
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelDamagedError):
        store.locate("toy")


def test_an_unchanged_file_is_hashed_once(toy, tmp_path, monkeypatch):
    (tmp_path / "toy.pth").write_bytes(CONTENT)
    reads = []
    real = store_module.sha256_of_file
    monkeypatch.setattr(store_module, "sha256_of_file", lambda path: reads.append(path) or real(path))
    for _ in range(3):
        ModelStore(models_dir=tmp_path).locate("toy")
    assert len(reads) == 1


def test_a_companion_file_is_verified_too(tmp_path):
    weights, param = ModelStore().locate_files("realesr-animevideov3")
    shutil.copy(weights, tmp_path)
    (tmp_path / param.name).write_bytes(param.read_bytes().replace(b"0=64", b"0=65"))
    with pytest.raises(ModelDamagedError, match=r"UP4X\.param: sha256"):
        ModelStore(models_dir=tmp_path).locate("realesr-animevideov3")


# --- pull ---------------------------------------------------------------------------------------------------------


def test_pull_brings_the_file_into_the_cache_and_reports_bytes(toy, tmp_path):
    seen = []
    store = ModelStore(cache_dir=tmp_path / "cache", open_url=serving(CONTENT))
    path = store.pull("toy", lambda *step: seen.append(step))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("download", len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["toy.pth"]


def test_pull_does_not_download_what_is_here(toy, tmp_path):
    (tmp_path / "toy.pth").write_bytes(CONTENT)
    store = ModelStore(cache_dir=tmp_path, open_url=without_network)
    assert store.pull("toy") == tmp_path / "toy.pth"


def test_pull_replaces_a_damaged_file_in_the_cache(toy, tmp_path):
    (tmp_path / "toy.pth").write_bytes(CONTENT[:100])
    path = ModelStore(cache_dir=tmp_path, open_url=serving(CONTENT)).pull("toy")
    assert file_sha256(path) == toy.files[0].variants[0].sha256


def test_pull_without_network_names_the_remedy_and_leaves_nothing(toy, tmp_path):
    with pytest.raises(ModelMissingError, match=r"Name or service not known.*https://example\.org/toy\.pth"):
        ModelStore(cache_dir=tmp_path, open_url=without_network).pull("toy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"Y" + CONTENT[1:], "has sha256"), (CONTENT[:-5], "has sha256"), (CONTENT + b"more", "larger than the 7,000")],
)
def test_a_wrong_download_is_not_kept(toy, tmp_path, content, cause):
    with pytest.raises(ModelDamagedError, match=cause):
        ModelStore(cache_dir=tmp_path, open_url=serving(content)).pull("toy")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_download_is_cut_off(toy, tmp_path):
    class Endless(io.RawIOBase):
        served = 0

        def read(self, size=-1):
            Endless.served += size
            return b"0" * size

    with pytest.raises(ModelDamagedError):
        ModelStore(cache_dir=tmp_path, open_url=lambda url: Endless()).pull("toy")
    assert Endless.served < 10_000_000


def test_a_connection_that_breaks_off_leaves_nothing(toy, tmp_path):
    class Breaking(io.BytesIO):
        def read(self, size=-1):
            part = super().read(1000)
            if self.tell() > 3000:
                raise ConnectionResetError("connection reset by peer")
            return part

    with pytest.raises(ModelMissingError, match="connection reset"):
        ModelStore(cache_dir=tmp_path, open_url=lambda url: Breaking(CONTENT)).pull("toy")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_an_output_error(toy, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        ModelStore(cache_dir=tmp_path / "file" / "cache", open_url=serving(CONTENT)).pull("toy")


def test_a_packaged_model_is_pulled_from_no_address(tmp_path, monkeypatch):
    entry = toy_entry(url=None, distribution="no-such-distribution-at-all", path_in_distribution="x")
    monkeypatch.setattr(store_module, "registry_entry", lambda name: entry)
    with pytest.raises(ModelMissingError, match="install the package"):
        ModelStore(cache_dir=tmp_path, open_url=serving(CONTENT)).pull("toy")


@pytest.mark.parametrize("url", ["http://example.org/toy.pth", "file:///etc/hostname", "ftp://example.org/x"])
def test_only_https_is_opened(url):
    with pytest.raises(OSError, match="not an https address"):
        open_https(url)


@pytest.mark.parametrize("url", ["http://example.org/toy.pth", "file:///etc/hostname"])
def test_a_redirect_away_from_https_is_not_followed(url):
    request = urllib.request.Request(URL)
    with pytest.raises(OSError, match="refused to follow"):
        HttpsOnly().redirect_request(request, None, 302, "Found", {}, url)
    followed = HttpsOnly().redirect_request(request, None, 302, "Found", {}, "https://example.net/toy.pth")
    assert followed.full_url == "https://example.net/toy.pth"
