"""The generated parts of the pages are what the sources say."""

from __future__ import annotations

import pytest

from .generated import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert PAGES[name](text) == text, "run: python tests/docs/generated.py"
