"""What holds in every conversation, whatever anybody does and whenever.

Each function takes the `Record` of one conversation and yields a sentence for everything that
contradicts its docstring. They read what anybody outside the engine can see: events, the history,
what the LLM was shown, what was pushed to the transport and what the caller heard.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from antiphon.chat import AgentHandoff, FunctionCall, FunctionCallOutput

from .record import Record
from .turn_invariants import (
    every_reply_says_something_or_why_not,
    every_turn_is_recorded_once,
    never_ending,
    no_turn_is_answered_twice,
    turns_are_heard_by_the_one_who_answers,
)


def broken(record: Record) -> list[str]:
    """Everything that does not hold in this conversation."""
    return [f"{rule.__name__}: {sentence}" for rule in RULES for sentence in rule(record)]


def nothing_unexpected(record: Record) -> Iterator[str]:
    """No error reaches the loop, none comes from the engine itself, and user code gets none that it
    has not asked for."""
    yield from record.faults
    for at, event in record.of("error"):
        if event.source == "engine":
            yield f"the engine failed at {at}: {event.error!r}"


def every_call_has_one_output(record: Record) -> Iterator[str]:
    """In the history at the end, and in whatever an LLM is shown."""
    calls = Counter(item.call_id for item in record.history if isinstance(item, FunctionCall))
    outputs = Counter(
        item.call_id for item in record.history if isinstance(item, FunctionCallOutput)
    )
    for call_id in calls | outputs:
        if calls[call_id] != 1 or outputs[call_id] != 1:
            yield (
                f"{call_id} is called {calls[call_id]} times and has {outputs[call_id]} outputs "
                "in the history"
            )
    for number, request in enumerate(record.requests):
        shown = Counter(item.call_id for item in request.items if isinstance(item, FunctionCall))
        given = Counter(
            item.call_id for item in request.items if isinstance(item, FunctionCallOutput)
        )
        for call_id in shown:
            if given[call_id] != 1:
                yield f"request {number + 1} was shown {given[call_id]} outputs of {call_id}"
        for call_id in given:
            if call_id not in shown:
                yield f"request {number + 1} was shown an output of {call_id} without its call"


def tools_run_for_their_calls(record: Record) -> Iterator[str]:
    """A tool is run once for a call that is in the history, and for no other."""
    called = Counter(
        json.loads(item.arguments).get("number")
        for item in record.history
        if isinstance(item, FunctionCall) and item.arguments.startswith('{"number": ')
        if item.arguments[11:-1].isdigit()
    )
    for number, times in Counter(record.ran).items():
        if times > called[number]:
            yield f"work {number} ran {times} times and was called {called[number]} times"


def history_is_told(record: Record) -> Iterator[str]:
    """Every item of the history is told of once, by `conversation_item_added`."""
    told = Counter(event.item.id for _, event in record.of("conversation_item_added"))
    for item in record.history:
        if told[item.id] != 1:
            yield f"{item} was told of {told[item.id]} times"
    for id in told:
        if all(item.id != id for item in record.history):
            yield f"{id} was told of and is not in the history"


def one_speaker_at_a_time(record: Record) -> Iterator[str]:
    """The audio of one segment is pushed to its end, or to its cut, before that of another."""
    seen: list[str] = []
    for at, part in record.pushes:
        segment = part.partition(".")[0]
        if seen and seen[-1] == segment:
            continue
        if segment in seen:
            yield f"{segment} was pushed again at {at:.2f}, after others"
        seen.append(segment)


def heard_text_is_what_was_played(record: Record) -> Iterator[str]:
    """What the history says of the agent is a slice of the generated text that ends at a word
    boundary, and the caller has heard all of it; where the position is exact, no more than it."""
    voiceless = {f"p{n}" for n, p in enumerate(record.plan.people) if p.voice == "none"}
    if voiceless:  # a task has the voice of whoever awaits it
        voiceless |= {f"t{n}" for n in range(1, 10)}
    world = record.plan.world
    heard = Counter(record.heard)
    recorded: list[str] = []
    estimates = False
    for message in record.messages:
        if message.role != "assistant":
            continue
        text, whole = message.text_content, message.generated_text or ""
        if not whole.startswith(text) or (whole[len(text) :][:1] or " ") != " ":
            yield f"{text!r} is no slice of {whole!r} that ends at a word"
        if not text.strip():
            yield "an assistant message without a word is in the history"
        recorded += text.split()
        if not world.audio or message.agent_id in voiceless:
            continue
        estimates = estimates or message.estimated
        unheard = [word for word in text.split() if not heard[word]]
        slack = 0
        if world.position == "estimated":
            # What an emulated pause goes on from is an estimate too: the word that it cut, and the
            # one that it goes on in, may both miss a part.
            slack += 2 if world.pause == "emulated" else 1
        if world.position == "reported" and record.closing_at < float("inf"):
            slack += 1  # the end does not wait for the report longer than its bound
        if message.estimated:
            slack += 2
        if len(unheard) > slack:
            yield f"{unheard} of {text!r} are in the history and were not heard"
    for word, count in Counter(recorded).items():
        if count > 1:
            yield f"{word!r} is in the history {count} times"
    exact = world.position == "exact" and not estimates and world.tts_words
    if exact and not any(trouble.fault for trouble in record.plan.tts):
        unrecorded = [w for w in record.heard if w not in recorded and not _off_record(record, w)]
        if unrecorded:
            yield f"{unrecorded} were heard and are not in the history"


def _off_record(record: Record, word: str) -> bool:
    """Whether it may belong to a `say(…, add_to_chat_ctx=False)`."""
    return word.startswith("s") and "recorded=False" in repr(record.plan)


def nothing_is_said_twice(record: Record) -> Iterator[str]:
    """No word reaches the caller twice, save for a TTS without word times that has failed."""
    if record.plan.tts and not record.plan.world.tts_words:
        return
    for word, count in Counter(record.heard).items():
        if count > 1:
            yield f"the caller heard {word!r} {count} times"


def handoffs_are_a_chain(record: Record) -> Iterator[str]:
    """Each hand-off begins where the one before it ended, at the first agent, and the last one led
    to the active agent; each is in the context of the agent it led to."""
    last: str | None = None
    for item in record.history:
        if not isinstance(item, AgentHandoff):
            continue
        if item.old_agent_id != last:
            yield f"a hand-off from {item.old_agent_id!r} follows one to {last!r}"
        last = item.new_agent_id
    if last != record.current:
        yield f"the last hand-off led to {last!r}, and {record.current!r} is active"


def hooks_run_as_often_as_agents_change(record: Record) -> Iterator[str]:
    """`on_enter` runs once per hand-off to an agent, `on_exit` once per hand-off away from it and
    once at the end; a task that begins and ends runs its own two only."""
    people = record.plan.people
    silent = {f"p{n} on_enter" for n, person in enumerate(people) if person.enter is None}
    silent |= {f"p{n} on_exit" for n, person in enumerate(people) if person.exit is None}
    enters, exits = _hooks_by_the_handoffs(record)
    enters = [agent for agent in enters if f"{agent} on_enter" not in silent]
    exits = [agent for agent in exits if f"{agent} on_exit" not in silent]
    entered = [agent for _, hook, agent in record.hooks if hook == "on_enter"]
    left = [agent for _, hook, agent in record.hooks if hook == "on_exit"]
    if any(agent.startswith("t") for agent in enters):  # an `on_exit` may await a task
        left, exits = sorted(left), sorted(exits)
    if entered != enters and not _entered_at_the_end(record, entered, enters):
        yield f"on_enter ran for {entered}; by the hand-offs it should for {enters}"
    if left != exits:
        yield f"on_exit ran for {left}; by the hand-offs, and the end, it should for {exits}"


def _hooks_by_the_handoffs(record: Record) -> tuple[list[str], list[str]]:
    """Whose `on_enter` and `on_exit` run: a task pauses the agent that awaits it, and gives the
    floor back to it; neither is a hook of that agent's."""
    enters: list[str] = []
    exits: list[str] = []
    stack: list[str] = []
    for item in record.history:
        if not isinstance(item, AgentHandoff):
            continue
        old, new = item.old_agent_id, item.new_agent_id
        if len(stack) > 1 and new == stack[-2] and old == stack[-1]:
            exits.append(stack.pop())
        elif new.startswith("t"):
            stack.append(new)
            enters.append(new)
        else:
            if stack:
                exits.append(stack.pop())
            stack.append(new)
            enters.append(new)
    return enters, [*exits, *reversed(stack)]


def _entered_at_the_end(record: Record, entered: list[str], enters: list[str]) -> bool:
    """The session may end, or be handed on, in the very instant of a hand-off."""
    handoffs = [item for item in record.history if isinstance(item, AgentHandoff)]
    times = [item.created_at or 0.0 for item in handoffs]
    instant = any(abs(b - a) < 1e-6 for a, b in pairwise(times))
    late = bool(times) and record.closing_at - times[-1] < 1e-6
    return (instant or late) and not (Counter(entered) - Counter(enters))


def states_are_a_chain(record: Record) -> Iterator[str]:
    """Each change of a state begins with the state that the one before it led to."""
    for name, first in (
        ("agent_state_changed", "initializing"),
        ("user_state_changed", "listening"),
    ):
        state = first
        for at, event in record.of(name):
            if event.old_state != state or event.new_state == state:
                yield f"{name} at {at:.2f}: {event.old_state} -> {event.new_state} after {state}"
            state = event.new_state


def all_comes_to_rest(record: Record) -> Iterator[str]:
    """When nobody does anything any more, the agent listens, every speech is done and nobody waits;
    a tool that never ends may keep its own reply waiting."""
    quiet = record.quiet
    if quiet is None or never_ending(record):
        return
    if not quiet.idle or quiet.agent_state != "listening":
        yield f"the agent is still {quiet.agent_state} at rest (idle: {quiet.idle})"
    if quiet.undone:
        yield f"{quiet.undone} are not done at rest"
    if quiet.waits:
        yield f"{quiet.waits} still wait at rest"
    world = record.plan.world
    # Without a VAD, an STT that gives no interim words has 10 s for those of any sound.
    patient = world.detection == "stt only" and not world.partials
    if quiet.user_state == "speaking" and not patient:
        yield "the user is still 'speaking' at rest"


def every_speech_ends(record: Record) -> Iterator[str]:
    """Every handle that was given out is done when the session has been closed, and whoever waited
    for it has been woken."""
    for handle in record.handles:
        if not handle.done():
            yield f"{handle} is not done after the end"
    for wait in record.waits:
        if wait.until is None:
            yield f"{wait} was never woken"


def the_end_comes_once_and_last(record: Record) -> Iterator[str]:
    """`close` comes exactly once, and nothing after it."""
    names = [event.name for _, event in record.events]
    if names.count("close") != 1:
        yield f"`close` came {names.count('close')} times"
    elif names[-1] != "close":
        yield f"after `close` came {names[names.index('close') + 1 :]}"


def nothing_is_left(record: Record) -> Iterator[str]:
    """No task, timer or thread outlives the session, and every stream of a provider is closed once,
    by the one who reads it."""
    yield from record.left
    for stream in record.streams:
        for problem in stream.problems:
            yield f"a stream of the {stream.name} {problem}"
        if stream.closes != 1:
            yield f"a stream of the {stream.name} was closed {stream.closes} times"


RULES = (
    nothing_unexpected,
    every_turn_is_recorded_once,
    turns_are_heard_by_the_one_who_answers,
    no_turn_is_answered_twice,
    every_reply_says_something_or_why_not,
    every_call_has_one_output,
    tools_run_for_their_calls,
    history_is_told,
    one_speaker_at_a_time,
    heard_text_is_what_was_played,
    nothing_is_said_twice,
    handoffs_are_a_chain,
    hooks_run_as_often_as_agents_change,
    states_are_a_chain,
    all_comes_to_rest,
    every_speech_ends,
    the_end_comes_once_and_last,
    nothing_is_left,
)
