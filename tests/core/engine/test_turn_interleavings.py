"""Whatever the order in which VAD and STT say things: each word is in one turn, once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon import Agent, AgentSession
from antiphon.chat import ChatMessage
from antiphon.registry import Registry
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD, run

HANDLING = (
    {},
    {"interruption": {"min_words": 2}},
    {"interruption": {"ignore_words": ("w1", "w4")}},
    {"interruption": {"enabled": False}},
    {"interruption": {"resume_false_interruption": False}},
    {"endpointing": {"mode": "adaptive", "max_delay": 1.5}},
    {"preemptive_generation": True},
    {"preemptive_generation": True, "endpointing": {"min_delay": 1.2}},
    {"user_turn_limit": {"max_words": 3}},
    {"user_turn_limit": {"max_duration": 1.0}, "turn_detection": "manual"},
    {"turn_detection": "stt"},
)


@dataclass(frozen=True)
class Plan:
    """What the caller says, how slow everything is, and what the program does."""

    said: tuple[tuple[float, int, float], ...]
    """Pause before it, words (0: a mumble), seconds per word."""
    vad: float | None
    """The VAD's silence; None: there is no VAD."""
    latency: float
    flush_latency: float
    endpoint_silence: float
    partials: bool
    times: bool
    end_of_turn: bool
    handling: int
    tokens: tuple[float, float]
    words_of_reply: int
    acts: tuple[tuple[float, str], ...]
    """When the program does something, and what."""
    warm_up: float | None = None


@dataclass
class Outcome:
    """What came of it."""

    words: list[str] = field(default_factory=list)
    """All that were spoken whole."""
    cut: list[str] = field(default_factory=list)
    """Words in which the program committed the turn: no recogniser can be sure of half a word."""
    turns: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


TIME = st.integers(0, 80).map(lambda n: n / 20)
PLANS = st.builds(
    Plan,
    said=st.lists(
        st.tuples(
            st.sampled_from([0.1, 0.25, 0.45, 0.55, 0.8, 1.3, 2.6, 4.5]),
            st.integers(0, 4),
            st.sampled_from([0.2, 0.4]),
        ),
        min_size=1,
        max_size=5,
    ).map(tuple),
    vad=st.sampled_from([None, 0.2, 0.5, 0.9]),
    latency=st.sampled_from([0.1, 0.2, 0.6, 1.5, 3.0]),
    flush_latency=st.sampled_from([0.0, 0.1, 0.5, 1.5, 2.5, 5.0]),
    endpoint_silence=st.sampled_from([0.1, 0.3, 0.6]),
    partials=st.booleans(),
    times=st.booleans(),
    end_of_turn=st.booleans(),
    handling=st.integers(0, len(HANDLING) - 1),
    tokens=st.sampled_from([(0.0, 0.0), (0.1, 0.3), (1.0, 1.5)]),
    words_of_reply=st.sampled_from([1, 3, 12]),
    acts=st.lists(
        st.tuples(TIME.map(lambda t: 3 * t), st.sampled_from(["commit", "say", "press", "type"])),
        max_size=3,
    ).map(tuple),
    warm_up=st.sampled_from([None, None, 2.0]),
)


async def converse(plan: Plan) -> Outcome:
    """Plays it, waits for everything that is late, and hangs up."""
    outcome = Outcome()
    caller = Caller()
    at, number = 0.5, 0
    commits = [when for when, act in plan.acts if act == "commit"]
    for pause, count, seconds in plan.said:
        at += pause
        if count:
            words = [f"w{number + each}" for each in range(count)]
            number += count
            for each, word in enumerate(words):
                begins, ends = at + each * seconds, at + (each + 1) * seconds
                cut = any(begins < when < ends + 0.02 for when in commits)
                (outcome.cut if cut else outcome.words).append(word)
            at = caller.speak_at(at, " ".join(words), seconds=seconds * count)
        else:
            at = caller.mumble_at(at, 2 * seconds)
    eager: Any = {"eager": True} if plan.end_of_turn else {}
    stt = ScriptedSTT(
        latency=plan.latency,
        flush_latency=plan.flush_latency,
        endpoint_silence=plan.endpoint_silence,
        partials=plan.partials,
        words=plan.times,
        end_of_turn=plan.end_of_turn,
        **eager,
    )
    reply = " ".join(f"r{each}" for each in range(plan.words_of_reply))
    session = AgentSession[None](
        stt=stt,
        llm=ScriptedLLM({"": reply}, first_token=plan.tokens[0], total=plan.tokens[1]),
        tts=ScriptedTTS(),
        vad=None if plan.vad is None else ScriptedVAD(min_silence=plan.vad),
        registry=Registry(entry_points=(), environ={}),
        turn_handling=HANDLING[plan.handling],
        aec_warmup_duration=plan.warm_up,
        user_away_timeout=None,
    )
    session.on("transcript_dropped", lambda event: outcome.dropped.append(event.transcript))
    session.on("error", lambda event: outcome.errors.append(f"{event.source}: {event.error}"))
    await session.start(Agent(instructions="x"), transport=caller)
    begin = asyncio.get_running_loop().time()
    for when, act in sorted(plan.acts):
        await caller.wait_until(begin + when)
        if act == "commit":
            session.commit_user_turn()
        elif act == "say":
            session.say("s0 s1 s2 s3 s4 s5")
        elif act == "press":
            caller.press("1#")
        else:
            caller.type("typed")
    await caller.wait_until(max(at, asyncio.get_running_loop().time()) + 25.0)
    caller.hang_up()
    await session.wait_closed()
    outcome.turns = [
        item.text_content
        for item in session.history
        if isinstance(item, ChatMessage) and item.role == "user"
    ]
    return outcome


def check(plan: Plan) -> None:
    outcome = run(lambda: converse(plan), until=1000)
    heard = " ".join(outcome.turns).split()
    for word in outcome.words + outcome.cut:
        assert heard.count(word) <= 1, f"{word} is there twice: {outcome.turns}"
        if heard.count(word) == 0 and word in outcome.words:
            assert any(word in text.split() for text in outcome.dropped), (
                f"{word} is lost: {outcome.turns}, dropped {outcome.dropped}"
            )
    spoken = [word for word in heard if word in outcome.words]
    if plan.flush_latency <= plan.latency:  # else the STT itself gives them in another order
        in_order = sorted(spoken, key=lambda word: int(word[1:]))
        assert spoken == in_order, f"out of order: {outcome.turns}"
    assert outcome.errors == []


@given(PLANS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@pytest.mark.timeout(120)
def test_every_word_is_in_one_turn_once_or_told_to_be_dropped(plan: Plan) -> None:
    check(plan)


QUICK = Plan(
    said=(),
    vad=None,
    latency=0.1,
    flush_latency=0.0,
    endpoint_silence=0.1,
    partials=True,
    times=False,
    end_of_turn=False,
    handling=0,
    tokens=(0.0, 0.0),
    words_of_reply=1,
    acts=(),
)
MUMBLE, GO_ON = (0.1, 0, 0.2), (2.6, 0, 0.2)
FOUND = {
    "the answer to an earlier flush comes after the commit": {
        "said": (MUMBLE, (0.25, 1, 0.2)),
        "vad": 0.2,
        "flush_latency": 5.0,
        "endpoint_silence": 0.3,
    },
    "a final at the instant of the deadline, without a vad": {
        "said": ((2.6, 1, 0.2), MUMBLE),
        "latency": 1.5,
        "flush_latency": 2.5,
        "acts": ((0.0, "commit"),),
    },
    "the user goes on after a commit with interim words, without a vad": {
        "said": (GO_ON, (1.3, 2, 0.2)),
        "latency": 1.5,
        "flush_latency": 2.5,
        "acts": ((2.7, "commit"),),
    },
    "a commit by hand with interim words just before their final": {
        "said": ((0.1, 1, 0.2),),
        "latency": 3.0,
        "acts": ((2.85, "commit"),),
    },
    "a turn by hand whose final takes more than 2 s": {
        "said": ((0.1, 1, 0.2),),
        "latency": 3.0,
        "handling": 9,
    },
    "a commit by hand in mid-speech, finalised late": {
        "said": (MUMBLE, GO_ON, MUMBLE, MUMBLE, (0.1, 3, 0.4)),
        "vad": 0.2,
        "flush_latency": 2.5,
        "acts": ((3.75, "commit"),),
    },
    "finals of a turn that come one by one after its commit": {
        "said": ((0.1, 1, 0.2), (0.8, 0, 0.2), (0.25, 1, 0.2)),
        "vad": 0.5,
        "flush_latency": 5.0,
        "endpoint_silence": 0.6,
        "times": True,
        "tokens": (1.0, 1.5),
    },
    "a final behind one that is late, in turns of the stt": {
        "said": (MUMBLE, (0.1, 3, 0.2), (0.25, 0, 0.2)),
        "vad": 0.2,
        "flush_latency": 5.0,
        "times": True,
        "end_of_turn": True,
        "acts": ((1.35, "commit"),),
    },
    "a commit by hand behind a word, finalised late": {
        "said": (MUMBLE, (2.6, 1, 0.2), MUMBLE, MUMBLE, (0.1, 3, 0.4)),
        "vad": 0.2,
        "flush_latency": 2.5,
        "endpoint_silence": 0.3,
        "acts": ((3.9, "commit"),),
    },
}


@pytest.mark.parametrize("name", FOUND)
def test_what_once_lost_or_doubled_a_word(name: str) -> None:
    check(replace(QUICK, **FOUND[name]))  # type: ignore[arg-type]
