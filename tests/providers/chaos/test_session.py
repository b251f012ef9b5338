"""Conversations with faults: what core does about each of them, as the caller hears it."""

from __future__ import annotations

import tomllib

import pytest

from antiphon import Agent, Registry, function_tool
from antiphon.testing import simulate
from antiphon.testing.simulation.reading import scenario_of
from antiphon_providers import chaos

STORY = "Once there was a king, who had three daughters and a very old and very tired horse."


class _Billing(Agent):
    def __init__(self):
        super().__init__(id="billing")

    async def on_enter(self):
        self.session.say("Billing here, which invoice?")

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks an invoice up."""
        return f"invoice {number} is paid"


class Desk(Agent):
    def __init__(self):
        super().__init__(id="desk")

    async def on_enter(self):
        self.session.say("Good morning.")

    @function_tool
    async def to_billing(self) -> Agent:
        """Hands over."""
        return _Billing()


SCENARIO = f"""
[caller]
patience = 30
[[reply]]
to = "bill"
call = "to_billing"
[[reply]]
to = "seven"
call = {{ name = "look_up", arguments = {{ number = 7 }} }}
[[reply]]
to = "is paid"
say = "It is paid."
[[reply]]
to = "story"
say = "{STORY}"
[[reply]]
say = "I see what you mean."
[[step]]
say = "I have a question about my bill"
[[step]]
say = "number seven please"
[[step]]
say = "tell me a story"
[expect]
handoffs = ["desk", "billing"]
turns = 3
"""


@pytest.fixture
def registry():
    found = Registry(entry_points=(), environ={})
    found.add(chaos, "chaos")
    return found


@pytest.fixture
def call(registry):
    """`call("llm", drop=0.1)`: what comes of a call whose LLM has these faults."""

    def make(slot, *, seed=0, more="", **faults):
        given = ", ".join(f"{name} = {_toml(value)}" for name, value in faults.items())
        slots = f'[slots]\n{slot} = {{ model = "chaos/scripted", {given} }}\n'
        values = tomllib.loads(slots + SCENARIO + more)
        scenario = scenario_of(values, name="call")
        return simulate(Desk, scenario, seed=seed, registry=registry)

    return make


def _toml(value):
    return str(list(value)) if isinstance(value, tuple) else str(value)


def heard(outcome):
    return " ".join(line.text for line in outcome.transcript if line.who in ("desk", "billing"))


ALL = f"Good morning. Billing here, which invoice? It is paid. {STORY}"


@pytest.mark.parametrize(
    ("slot", "faults", "recovered"),
    [
        ("llm", {"garble": 1.0}, 0),
        ("llm", {"slow": 1.0, "slow_by": 4.0}, 0),
        ("llm", {"stall": 1.0, "stall_for": 4.0}, 0),
        ("llm", {"script": ("rate_limit", "ok", "rate_limit", "rate_limit")}, 3),
        ("llm", {"script": ("drop",), "after": 0}, 1),
        ("tts", {"garble": 1.0}, 0),
        ("tts", {"slow": 1.0, "slow_by": 2.0}, 0),
        ("tts", {"script": ("rate_limit", "ok", "drop", "rate_limit", "drop")}, 4),
        ("stt", {"script": ("rate_limit", "drop", "drop", "truncate", "drop")}, 5),
        ("stt", {"garble": 1.0}, 0),
        ("stt", {"slow": 1.0, "slow_by": 1.0}, 0),
        ("vad", {"script": ("drop",), "after": 3}, 1),
        ("vad", {"slow": 1.0, "slow_by": 0.3}, 0),
    ],
    ids=str,
)
def test_the_caller_hears_everything_in_spite_of_a_fault(call, slot, faults, recovered):
    outcome = call(slot, **faults)
    assert outcome.failures == []
    assert heard(outcome) == ALL
    assert (outcome.errors, len(outcome.recovered)) == ([], recovered)


def test_an_llm_that_rejects_costs_the_turn_and_keeps_the_message(call):
    outcome = call("llm", script=("ok", "reject"))
    assert outcome.turns == 2
    assert outcome.errors == ["llm: chaos: 'scripted' (call 2) was rejected"]
    assert outcome.failures[0].startswith("the agent did not answer: before step 3")


def test_an_answer_that_breaks_off_is_an_error_and_what_was_said_stays(call):
    more = "errors = 1\n"
    outcome = call("llm", script=("ok", "ok", "ok", "drop"), after=8, more=more)
    assert outcome.failures == []
    assert outcome.errors == [
        "llm: chaos: the connection of 'scripted' (call 4) broke after 8 outputs"
    ]
    said = outcome.transcript[-1].text
    assert said and STORY.startswith(said)


def test_half_a_sample_is_an_error_of_the_voice(call):
    outcome = call("tts", script=("corrupt",), more="errors = 1\n")
    assert len(outcome.errors) == 1
    assert "16-bit audio has an even number of bytes" in outcome.errors[0]
    assert "Good" not in heard(outcome)


@pytest.mark.parametrize("seed", range(6))
def test_every_call_of_a_damaged_tool_has_an_output(call, seed):
    outcome = call("llm", seed=seed, corrupt=1.0, more="errors = 9\n")
    kinds = [item["type"] for item in outcome.report["history"]]
    assert kinds.count("function_call") == kinds.count("function_call_output") >= 2
    assert not any("left a" in failure for failure in outcome.failures)


@pytest.mark.parametrize("seed", range(8))
def test_with_faults_in_every_slot_nothing_is_left_and_no_turn_is_lost_unsaid(registry, seed):
    slots = """
[slots.llm]
model = "chaos/scripted"
drop = 0.1
stall = 0.2
rate_limit = 0.2
slow = 0.3
garble = 0.5
corrupt = 0.1
[slots.tts]
model = "chaos/scripted"
drop = 0.2
stall = 0.2
rate_limit = 0.1
garble = 0.5
truncate = 0.1
[slots.stt]
model = "chaos/scripted"
drop = 0.5
truncate = 0.3
rate_limit = 0.2
garble = 0.5
[slots.vad]
model = "chaos/scripted"
drop = 0.3
slow = 0.2
[slots.turn_detector]
model = "chaos/scripted"
rate_limit = 0.3
drop = 0.3
corrupt = 0.3
"""
    # An error may end a call, or keep an agent from answering; nothing else may go wrong.
    values = tomllib.loads(slots + SCENARIO)
    values["expect"] = {"errors": 99}
    for step in values["step"]:
        step["after_silence"] = 4.0
    outcome = simulate(Desk, scenario_of(values, name="call"), seed=seed, registry=registry)
    allowed = ("the agent did not answer", "the call ended before")
    unexpected = [
        failure
        for failure in outcome.failures
        if not (outcome.errors and failure.startswith(allowed))
        and "its transcript was dropped" not in failure
    ]
    assert unexpected == []
    assert outcome.errors or outcome.recovered
    assert outcome.close in ("hung_up", "error")
