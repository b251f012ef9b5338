"""Every file of docs/examples is imported, its `main()` is run, and what it prints is compared."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

PRINTED = {
    "front_desk": """\
[None -> front_desk]
front_desk: Good morning, this is the front desk.
user: I have a question about my bill.
front_desk: I transfer you to billing, one moment.
[front_desk -> billing]
billing: Billing here. You asked about your bill.
""",
    "userdata": """\
[None -> intake]
user: My name is Ann.
intake: And how old are you?
user: I am forty two.
[intake -> customer_service]
customer_service: Welcome Ann. What can I do for you?
MyInfo(name='Ann', age=42)
""",
    "update_agent": """\
[None -> day]
user: Are you open?
day: We are open, come in.
[day -> night]
night: The shop is closing now.
user: Are you still open?
night: Come back tomorrow.
""",
    "spoken_reply_then_handoff": """\
the caller heard: A technician will be with you. What colour is the light on your router? \
I put you through to sales.
[None -> sales]
user: My router is broken.
(needs_technical_help)
sales: A technician will be with you.
[sales -> technical]
technical: What colour is the light on your router?
user: I would rather buy a new one.
(back_to_sales)
technical: I put you through to sales.
[technical -> sales]
""",
}


def load(name: str) -> ModuleType:
    """Imports an example from its file."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_an_example_prints_what_is_expected(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(name).main()
    assert capsys.readouterr().out == PRINTED[name]


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_an_example_says_at_its_top_what_it_shows(name: str) -> None:
    assert (load(name).__doc__ or "").endswith(".")
