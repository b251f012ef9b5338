"""The scenarios of docs/examples: those of the page on simulation, and each does what it says."""

from __future__ import annotations

import pytest

from antiphon.registry import Registry
from antiphon.testing import read_scenarios, simulate
from antiphon_providers import chaos

from .pages import ROOT, blocks

SCENARIOS = ROOT / "docs" / "examples" / "scenarios"
PAGE = {
    block.directives["file"]: block.code
    for block in blocks(ROOT / "docs" / "simulation.md")
    if "file" in block.directives
}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.syspath_prepend(str(SCENARIOS))  # careless.py imports the file beside it
    found = Registry(entry_points=(), environ={})
    found.add(chaos, "chaos")
    return found


def test_the_files_are_those_of_the_page() -> None:
    files = {
        path.name: path.read_text(encoding="utf-8")
        for path in SCENARIOS.iterdir()
        if path.suffix in (".py", ".toml")
    }
    assert files == {name: code for name, code in PAGE.items() if name != "wrong.toml"}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("name", sorted(path.stem for path in SCENARIOS.glob("*.toml")))
def test_a_scenario_of_the_page_passes(name: str, seed: int, registry: Registry) -> None:
    (scenario,) = read_scenarios(SCENARIOS / f"{name}.toml")
    assert (
        simulate(SCENARIOS / "pizzeria.py", scenario, seed=seed, registry=registry).failures == []
    )


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_bug_of_the_page_is_found(seed: int, registry: Registry) -> None:
    (scenario,) = read_scenarios(SCENARIOS / "impatient.toml")
    outcome = simulate(SCENARIOS / "careless.py", scenario, seed=seed, registry=registry)
    assert outcome.failures == [
        "in all the caller heard 'two pizzas': 'Pizzeria Vesuvio, what would you like? "
        "A margherita is on its Two pizzas are on their way to you.'"
    ]
