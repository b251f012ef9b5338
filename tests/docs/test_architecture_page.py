"""docs/architecture.md against the modules that there are."""

from __future__ import annotations

import re
from collections import Counter

from .pages import ROOT

ENGINE = ROOT / "core" / "antiphon" / "engine"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_engine_module_has_one_line_and_every_line_a_module() -> None:
    text = PAGE.partition("\n## Where to find what\n")[2].partition("\n## ")[0]
    listed = Counter(re.findall(r"^\| `(\w+)\.py` \| \S.* \|$", text, re.M))
    assert listed == Counter(path.stem for path in ENGINE.glob("*.py") if path.stem != "__init__")


def test_every_module_and_folder_that_the_page_names_exists() -> None:
    named = re.findall(r"`([\w/.]+(?:\.py|\.toml|/))`", PAGE)
    homes = (ROOT, ROOT / "core" / "antiphon", ENGINE, ROOT / "tests" / "core" / "engine")
    homes += (ROOT / "docs",)
    missing = [
        name
        for name in named
        if not name.startswith("providers/antiphon_providers/NAME")
        and not any((home / name).exists() for home in homes)
    ]
    assert missing == []
