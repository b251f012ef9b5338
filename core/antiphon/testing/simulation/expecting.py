"""Expectations: what of a scenario did not come true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from ...chat import FunctionCall
from .line import Done, Line
from .record import Record
from .scenario import Expected, ExpectedCall, Scenario
from .words import contains, words_of

_SLACK = 1e-9


def failures(scenario: Scenario, record: Record, line: Line) -> Iterator[str]:
    """A sentence for everything that did not come true."""
    yield from line.problems
    for done in line.done:
        yield from _of_step(done, record)
    undone = scenario.steps[len(line.done) :]
    if undone and not line.problems:
        yield f"the call ended before {undone[0]}"
    yield from _of_call(scenario.expect, record, line)


def _of_step(done: Done, record: Record) -> Iterator[str]:
    step = done.step
    if step.hears or step.hears_not or step.hears_match is not None:
        heard = record.heard_in(done)
        yield from _texts(f"after {step}", heard, step.hears, step.hears_not, step.hears_match)
    if step.calls:
        begin, end = record.during(done)
        made = [call for at, call in record.calls() if begin <= at < end]
        yield from _calls(f"after {step}", made, step.calls)
    if step.agent is not None:
        _, end = record.during(done)
        agent = record.agent_at(end)
        if agent != step.agent:
            yield f"after {step} the agent was {agent!r}, not {step.agent!r}"
    if step.within is not None:
        latency = record.latency(done)
        if latency is None:
            yield f"after {step} there was no answer; one was to come within {step.within:g} s"
        elif latency > step.within + _SLACK:
            yield _late(done, latency, step.within)


def _texts(
    where: str,
    heard: str,
    wanted: Sequence[str],
    unwanted: Sequence[str],
    pattern: str | None,
) -> Iterator[str]:
    for text in wanted:
        if not contains(heard, text):
            yield f"{where} the caller did not hear {text!r}, but {heard!r}"
    for text in unwanted:
        if contains(heard, text):
            yield f"{where} the caller heard {text!r}: {heard!r}"
    if pattern is not None and not re.search(pattern, heard):
        yield f"{where} what the caller heard does not match {pattern!r}: {heard!r}"


def _calls(
    where: str, made: Sequence[FunctionCall], wanted: Sequence[ExpectedCall]
) -> Iterator[str]:
    """The wanted calls have to come in their order; others may come between."""
    rest = list(made)
    for call in wanted:
        while rest and not _matches(rest[0], call):
            del rest[0]
        if not rest:
            shown = ", ".join(f"{each.name}{each.arguments}" for each in made) or "none"
            yield f"{where} there was no call of {call} in its place (calls: {shown})"
            return
        del rest[0]


def _matches(made: FunctionCall, wanted: ExpectedCall) -> bool:
    if made.name != wanted.name:
        return False
    try:
        arguments = json.loads(made.arguments or "{}")
    except ValueError:
        return not wanted.arguments
    return isinstance(arguments, dict) and all(
        name in arguments and arguments[name] == value for name, value in wanted.arguments.items()
    )


def _of_call(expect: Expected, record: Record, line: Line) -> Iterator[str]:
    heard = " ".join(text for _, text in record.spoken())
    yield from _texts("in all", heard, expect.heard, expect.heard_not, expect.heard_match)
    chain = record.handoffs
    if expect.agent is not None and (not chain or chain[-1] != expect.agent):
        yield f"the last agent was {chain[-1] if chain else None!r}, not {expect.agent!r}"
    if expect.handoffs is not None and tuple(chain) != expect.handoffs:
        yield f"the agents were {_arrows(chain)}, not {_arrows(expect.handoffs)}"
    made = [call for _, call in record.calls()]
    yield from _calls("in all", made, expect.calls)
    for name in expect.calls_not:
        called = next((call for call in made if call.name == name), None)
        if called is not None:
            yield f"{called.name}{called.arguments} was called"
    turns = len(record.messages("user"))
    if expect.turns is not None and turns != expect.turns:
        yield f"the history has {turns} turns of the caller's, not {expect.turns}"
    interrupted = sum(message.interrupted for message in record.messages("assistant"))
    if expect.interruptions is not None and interrupted != expect.interruptions:
        yield f"the agent was interrupted {_times(interrupted)}, not {_times(expect.interruptions)}"
    yield from _latencies(expect, record, line)
    yield from _errors(expect, record)
    if expect.close is not None and record.close != expect.close:
        yield f"the call ended by {record.close!r}, not {expect.close!r}"
    if not expect.lost_turns:
        yield from _lost(record, line)


def _latencies(expect: Expected, record: Record, line: Line) -> Iterator[str]:
    if expect.latency is None:
        return
    for done in line.done:
        latency = latency_of(done, record)
        if latency is not None and latency > expect.latency + _SLACK:
            yield _late(done, latency, expect.latency)


def _late(done: Done, latency: float, bound: float) -> str:
    return f"after {done.step} the answer took {latency:.2f} s, more than {bound:g} s"


def latency_of(done: Done, record: Record) -> float | None:
    """How long an answer took; None where none is to be expected, or none came."""
    return record.latency(done) if done.step.action in ("say", "type", "press") else None


def _errors(expect: Expected, record: Record) -> Iterator[str]:
    lasting = [failed.text for failed in record.failed if not failed.recoverable]
    if len(lasting) > expect.errors:
        yield f"there {_were(len(lasting), 'error')}: {'; '.join(lasting)}"
    recovered = [failed.text for failed in record.failed if failed.recoverable]
    if expect.recovered is not None and len(recovered) > expect.recovered:
        yield (
            f"there {_were(len(recovered), 'error')} that core recovered from, more than "
            f"{expect.recovered}: {'; '.join(recovered)}"
        )


def _lost(record: Record, line: Line) -> Iterator[str]:
    """What the caller has said must be in the history, in its order.

    Backchannels need not be. Where the words are recognised by a real model, only what was typed is
    looked for.
    """
    messages = record.messages("user")
    recorded = [word for message in messages for word in words_of(message.text_content)]
    at = 0
    for done in line.done:
        step = done.step
        if step.action != "type" and not (step.action == "say" and line.words_are_exact):
            continue
        found = at
        for word in words_of(line.said_whole(done)):
            if word not in recorded[found:]:
                shown = [message.text_content for message in messages]
                late = next(
                    (why for text, why in record.dropped if contains(text, step.text)), None
                )
                why = "" if late is None else f"; its transcript was dropped: {late}"
                yield f"{step} is not in the history, which has {shown!r}{why}"
                break
            found = recorded.index(word, found) + 1
        else:
            at = found


def _arrows(chain: Sequence[str]) -> str:
    return " -> ".join(chain) or "none"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _were(number: int, noun: str) -> str:
    return f"was 1 {noun}" if number == 1 else f"were {number} {noun}s"
