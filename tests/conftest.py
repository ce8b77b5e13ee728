"""Shared fixtures: real media beside the project, made clips, and the rule for GPU tests."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# How long one example takes says how busy the machine is, not whether the code is right. In CI the examples follow from
# the test alone: the same commit, the same result. Elsewhere every run looks at others.
hypothesis.settings.register_profile("fancam", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "fancam")

SHARED = Path(os.environ.get("FANCAM_TEST_MEDIA", Path(__file__).parents[2] / "shared"))


def shared_path(relative: str) -> Path:
    """The file or folder under the shared media; skips the test with the reason where it is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(
            f"real media not here: {relative}; set FANCAM_TEST_MEDIA to the folder that holds data/ and models/"
        )
    return path


@pytest.fixture(scope="session")
def shared():
    """Call it with a relative path: shared("data/video/dance.mp4")."""
    return shared_path


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).parents[1] / "samples"


@pytest.fixture(autouse=True)
def _gpu_tests_do_not_pass_by_skipping(request):
    if request.node.get_closest_marker("gpu") is None:
        return
    import torch  # three seconds that only GPU tests have to spend

    if torch.cuda.is_available():
        return
    if os.environ.get("FANCAM_REQUIRE_GPU"):
        pytest.fail("this machine was said to have a GPU (FANCAM_REQUIRE_GPU), and torch sees none")
    pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """Tests, and what they share, neither read nor fill the user's model cache; those of one process share one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.delenv("FANCAM_MODELS", raising=False)
        yield
