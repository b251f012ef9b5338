"""Every page is run once; its blocks are looked at one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .pages import ROOT, Page


@pytest.fixture(scope="session")
def run_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Page]:
    """Runs a page, named from the root of the repository, unless it has been run before."""
    done: dict[str, Page] = {}

    def run(name: str) -> Page:
        if name not in done:
            done[name] = Page(ROOT / Path(name), tmp_path_factory.mktemp("page"))
            done[name].run()
        return done[name]

    return run
