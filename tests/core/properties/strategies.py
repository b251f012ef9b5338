"""Draws plans. Everything shrinks towards nothing happening at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .plan import (
    Aclose,
    Answer,
    Ask,
    Await,
    CancelHandoff,
    CancelReply,
    Clear,
    Commit,
    Ear,
    Errand,
    HangUp,
    Move,
    Mumble,
    Person,
    Plan,
    Raise,
    Say,
    Shutdown,
    Sleep,
    Speak,
    Stop,
    StopOne,
    Trouble,
    Type,
    Work,
    World,
)

Strategy = st.SearchStrategy[Any]

flags = st.sampled_from([False, True])
few = st.sampled_from(range(1, 6))
agents = st.sampled_from(range(3))
pauses = st.sampled_from([0.1, 0.3, 1.0, 2.5])
backs = st.sampled_from(range(4))


def _rarely(strategy: Strategy, otherwise: Any, *, one_in: int = 6) -> Strategy:
    # `sampled_from` is fair where `integers` and `one_of` lean towards what is simple.
    return st.sampled_from(range(one_in)).flatmap(
        lambda n: strategy if n == one_in - 1 else st.just(otherwise)
    )


def _either(*strategies: Strategy) -> Strategy:
    return st.sampled_from(range(len(strategies))).flatmap(lambda n: strategies[n])


def _some(strategy: Strategy, least: int, most: int) -> Strategy:
    """A tuple whose every length is as likely as another."""
    return st.sampled_from(range(least, most + 1)).flatmap(lambda n: st.tuples(*[strategy] * n))


says = st.builds(
    Say,
    words=few,
    wait=flags,
    interruptible=_rarely(st.just(False), True),
    pieces=_rarely(st.just(True), False),
    recorded=_rarely(st.just(False), True),
)
asks = st.builds(
    Ask, wait=flags, user_input=flags, interruptible=_rarely(st.just(False), True), tools=flags
)
moves = st.builds(Move, to=agents, wait=flags)
stops = st.builds(Stop, force=flags)
stop_ones = st.builds(StopOne, back=backs, force=flags)
awaits = st.builds(Await, back=backs)
sleeps = st.builds(Sleep, seconds=pauses)
raises = st.builds(Raise, what=st.sampled_from(["error", "stop"]))

spoken = _either(says, asks, sleeps, moves, stops)
errands = st.builds(
    Errand,
    ends=st.sampled_from(
        ["enter", "later", "tool", "turn", "error", "cancel", "dropped", "later", "tool"]
    ),
    enter=_rarely(
        _some(
            _rarely(st.builds(Errand, ends=st.sampled_from(["later", "tool"])), None).flatmap(
                lambda nested: spoken if nested is None else st.just(nested)
            ),
            1,
            2,
        ),
        (),
        one_in=2,
    ),
    exit=_rarely(_some(spoken, 1, 2), (), one_in=4),
    kept=flags,
)
inside = _either(
    errands, says, says, sleeps, sleeps, asks, asks, moves, stops, stop_ones, awaits,
    st.just(Commit()), st.just(Clear()), raises, st.builds(Shutdown, drain=flags),
)  # fmt: skip
deeds = _some(inside, 1, 3)
short = _rarely(deeds, (), one_in=2)

works = st.builds(
    Work,
    gives=st.sampled_from(
        ["text", "agent", "agent and text", "nothing", "full", "last:3", "heard", "fresh",
         "function", "broken function", "two agents", "falsy", "tool error", "stop", "raises"]
    ),
    kind=st.sampled_from(
        ["plain", "plain", "plain", "fragile", "single", "replaced", "limited", "unknown",
         "garbled"]
    ),
    to=agents,
    deeds=_rarely(_either(deeds, st.tuples(sleeps), st.tuples(errands)), (), one_in=2),
)  # fmt: skip
never = st.builds(
    Work, gives=st.just("never"), kind=st.sampled_from(["plain", "fragile", "limited"])
)
sync = st.builds(
    Work,
    gives=st.sampled_from(["text", "agent", "nothing", "raises"]),
    kind=st.just("sync"),
    to=agents,
    deeds=_some(_either(says, moves), 0, 1),
)
faults = st.sampled_from(["refused", "broken", "cut", "stall"])

answers = st.builds(
    Answer,
    words=st.sampled_from([3, 1, 2, 5, 8, 0, 4]),
    work=_rarely(
        _some(_rarely(_either(never, sync), None, one_in=12).flatmap(
            lambda rare: works if rare is None else st.just(rare)
        ), 1, 3),
        (),
        one_in=2,
    ),
    tail=_rarely(st.sampled_from([0, 1, 2]), 0, one_in=3),
    fault=_rarely(faults, None, one_in=8),
    after=st.sampled_from(range(5)),
    slow=_rarely(st.sampled_from([0.5, 1.5]), 0.0),
)  # fmt: skip
troubles = _some(
    st.builds(
        Trouble,
        call=st.sampled_from(range(1, 6)),
        fault=st.sampled_from(["broken", "refused", "stall"]),
        after=st.sampled_from([0.0, 0.4, 1.0, 1.9]),
    ),
    1,
    2,
)

people = st.builds(
    Person,
    enter=_rarely(deeds, None, one_in=2),
    exit=_rarely(deeds, None, one_in=3),
    turn=_rarely(deeds, None, one_in=4),
    voice=st.sampled_from(["shared", "shared", "shared", "own", "own", "none"]),
    ears=st.sampled_from(["shared", "shared", "own"]),
    node=_rarely(st.just(True), False),
)

worlds = st.builds(
    World,
    audio=_rarely(st.just(False), True, one_in=4),
    pause=st.sampled_from(["native", "emulated"]),
    position=st.sampled_from(["exact", "reported", "estimated"]),
    detection=st.sampled_from(["vad", "vad", "stt", "stt only", "turn_detector", "manual"]),
    stt_latency=st.sampled_from([0.2, 0.1, 0.7, 1.5]),
    flush_latency=st.sampled_from([0.0, 0.1, 0.4]),
    partials=st.sampled_from([True, False]),
    stt_words=st.sampled_from([True, False]),
    tts_words=st.sampled_from([True, True, False]),
    first_byte=st.sampled_from([0.2, 0.0, 0.6]),
    first_token=st.sampled_from([0.1, 0.0, 0.5]),
    total=st.sampled_from([0.3, 0.0, 1.0]),
    min_words=st.sampled_from([0, 0, 2]),
    resume=st.sampled_from([True, True, False]),
    interruptions=_rarely(st.just(False), True),
    preemptive=_rarely(st.just(True), False, one_in=4),
    max_tool_steps=st.sampled_from([3, 1, 0]),
)

speaks = st.builds(
    Speak, words=st.sampled_from(range(1, 5)), pace=st.sampled_from([0.3, 0.15, 0.6])
)
callers = _either(
    speaks, speaks, speaks, st.just(Type()), st.just(Type()),
    st.builds(Mumble, seconds=st.sampled_from([0.3, 0.7, 1.5])),
)  # fmt: skip
others = _either(
    says, says, asks, asks, moves, moves, stops, stop_ones, awaits, st.just(Commit()),
    st.just(Commit()), st.just(Clear()),
)  # fmt: skip
outside = _either(callers, callers, others)
gaps = st.sampled_from(
    [0.5, 0.0, 0.05, 0.1, 0.15, 0.25, 0.37, 0.6, 0.8, 1.0, 1.2, 1.43, 1.7, 2.0, 2.2, 2.6, 3.1]
)
"""Seconds between what happens: replies, pauses and utterances are about as long."""
ends = _either(st.just(Aclose()), st.just(HangUp()), st.builds(Shutdown, drain=flags))

listeners = _either(
    st.builds(
        Ear,
        event=st.just("function_tools_executed"),
        nth=st.sampled_from([1, 2]),
        deeds=_some(_either(st.just(CancelReply()), st.just(CancelHandoff()), inside), 1, 2),
    ),
    st.builds(
        Ear,
        event=st.sampled_from(
            ["agent_state_changed", "user_state_changed", "conversation_item_added",
             "speech_created", "turn_decision", "error", "reply_skipped",
             "user_input_transcribed"]
        ),
        nth=st.sampled_from(range(1, 7)),
        deeds=_some(inside, 1, 2),
    ),
)  # fmt: skip


@st.composite
def plans(draw: Any) -> Plan:
    """A conversation of a dozen seconds, in which about eight things happen."""
    actions = draw(st.lists(st.tuples(gaps, outside), min_size=6, max_size=14))
    end = draw(_rarely(st.tuples(gaps, ends), None, one_in=3))
    if end is not None:
        actions.append(end)
    when, planned = 0.0, []
    for gap, action in actions:
        when = round(when + gap, 2)
        planned.append((when, action))
    return Plan(
        world=draw(worlds),
        people=draw(_some(people, 3, 3)),
        actions=tuple(planned),
        answers=draw(_some(answers, 4, 10)),
        tts=draw(_rarely(troubles, (), one_in=4)),
        stt=draw(_rarely(troubles, (), one_in=5)),
        ears=draw(_rarely(_some(listeners, 1, 2), (), one_in=3)),
    )
