"""Files keep to the house: sizes, names, and nothing that must not be committed."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_MODULE_LINES = 500
SHUNNED_MODULES = {"utils", "helpers", "common", "core", "manager", "base", "misc"}
# An index option, or the address of an index. Written so that it does not match itself: this file is looked at, too.
REGISTRY = re.compile(r"(extra-)?index[-]url|https?[:]//[^ \"]*/(simple|packages)/")


def tracked(suffix: str = "") -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return [ROOT / name for name in listing.split("\0") if name.endswith(suffix) and (ROOT / name).is_file()]


def written_by_hand() -> list[Path]:
    return [path for path in tracked(".py") if "libs/protos/src" not in path.as_posix()]


def test_no_module_is_over_500_lines() -> None:
    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in written_by_hand()}
    assert {path: lines for path, lines in sizes.items() if lines > MAX_MODULE_LINES} == {}


def test_modules_are_named_by_a_noun_of_the_field() -> None:
    assert [path for path in written_by_hand() if path.stem in SHUNNED_MODULES] == []


def test_no_file_names_a_package_registry() -> None:
    wrong = [
        path.relative_to(ROOT)
        for path in tracked()
        if path.suffix in {".toml", ".lock", ".yml", ".yaml", ".md", ".py", ".sh", ".txt", ""}
        and REGISTRY.search(path.read_text(errors="ignore"))
    ]
    assert wrong == []
    assert "uv.lock" not in {path.name for path in tracked()}


def test_what_names_a_package_registry_is_recognised() -> None:
    for option in ("index", "extra-index"):
        assert REGISTRY.search(f"--{option}" + "-url somewhere")
    for scheme in ("http", "https"):
        for folder in ("simple", "packages"):
            assert REGISTRY.search(f"{scheme}:" + f"//host/{folder}/")


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    pages = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert pages
    assert [page.name for page in pages if page.name not in index] == []
