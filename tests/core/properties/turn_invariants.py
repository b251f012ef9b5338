"""What holds of every user turn: it is recorded, and it is answered, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from antiphon.chat import AgentHandoff, ChatMessage, FunctionCall

from .record import Record, Request, Said

ANSWER_BOUND = 45.0
"""Seconds within which a turn has its reply, or is known to get none: three tries of a stalled LLM
take 32."""
FINAL_BOUND = 10.0
"""Seconds after which words that were recognised are part of a turn, where turns end by
themselves."""


def every_turn_is_recorded_once(record: Record) -> Iterator[str]:
    """What is typed before the end, or recognised, is in the history, and no word of it twice."""
    counted = Counter(
        word
        for message in record.messages
        if message.role == "user"
        for word in message.text_content.split()
    )
    for word, count in counted.items():
        if count > 1:
            yield f"the user's word {word!r} is in the history {count} times"
    for said in record.said:
        missing = [w for w in said.words if w not in counted]
        if missing and not _may_be_missing(record, said, missing):
            yield f"{missing} of {said.words}, said until {said.ends[-1]:.2f}, is not recorded"


def _may_be_missing(record: Record, said: Said, missing: list[str]) -> bool:
    ends = [end for word, end in zip(said.words, said.ends, strict=True) if word in missing]
    if said.typed:
        if said.handle is not None and said.handle.interrupted:
            return True  # it was never begun, and is told of by `speech_discarded`
        return min(ends) >= record.closing_at
    if min(ends) > record.closing_at - 0.1:
        return True
    if any(event.source == "stt" and not event.recoverable for _, event in record.of("error")):
        return True
    if any(trouble.fault == "stall" for trouble in record.plan.stt):
        return True
    if any(set(missing) & set(e.transcript.split()) for _, e in record.of("transcript_dropped")):
        return True
    paces = [b - a for a, b in zip(said.ends, said.ends[1:], strict=False)] or [0.6]
    if any(min(ends) - paces[0] <= at <= max(ends) + 0.05 for at in record.commits):
        return True  # a word cut in two by `commit_user_turn`
    # A user who is cut off by `clear_user_turn` has not said what came before.
    manual = record.plan.world.detection == "manual"
    bound = float("inf") if manual else FINAL_BOUND + said.ends[-1] - said.ends[0]
    return any(min(ends) - 1.0 <= at <= max(ends) + bound for at in record.clears)


def turns_are_heard_by_the_one_who_answers(record: Record) -> Iterator[str]:
    """After every user turn, within the bound, an LLM is asked that is shown it, or the silence is
    declared, or an error is told of, or the session ends."""
    users = [m for m in record.messages if m.role == "user"]
    for message in users:
        at = message.created_at or 0.0
        if record.closing_at <= at + ANSWER_BOUND:
            if record.quiet is None:
                continue
        # An answer that was begun before the turn had ended was shown its words, all the same.
        asked = any(
            (record.plan.world.preemptive or request.at >= at - 1e-6)
            and _shown(request, message.text_content)
            for request in record.requests
        )
        told = any(
            when >= at - 1e-6
            for name in ("reply_skipped", "error")
            for when, event in record.of(name)
            if name == "reply_skipped" or not event.recoverable
        )
        if not asked and not told and not never_ending(record) and not _gave_way(record, at):
            yield f"nobody was asked to answer {message.text_content!r} of {at:.2f}"


def _shown(request: Request, text: str) -> bool:
    return any(isinstance(i, ChatMessage) and i.text_content == text for i in request.items)


def no_turn_is_answered_twice(record: Record) -> Iterator[str]:
    """No reply to a user turn is begun after all turns have been answered, by an LLM that was shown
    the last of them and whose words were heard to their end; only another agent answers a turn of
    the window before it, whatever the old one had said by then."""
    moved = [item.created_at or 0.0 for item in record.history if isinstance(item, AgentHandoff)]
    told = {event.item.id: at for at, event in record.of("conversation_item_added")}
    users = [m for m in record.messages if m.role == "user"]
    for at, event in record.of("speech_created"):
        before = [m for m in users if told.get(m.id, at) <= at]
        if event.source != "user_turn" or not before:
            continue
        last = before[-1]
        for request in record.requests:
            if all(item.id != last.id for item in request.items):
                continue
            if any(request.at <= move <= at for move in moved):
                continue
            said = [m for m in record.messages if _is_of(m, request.answer)]
            if any(not m.interrupted and told.get(m.id, at) < at for m in said):
                yield f"{last.text_content!r} is answered again at {at:.2f}"
                break


def _is_of(message: ChatMessage, words: list[str]) -> bool:
    return message.role == "assistant" and any(w in message.text_content for w in words)


def _gave_way(record: Record, at: float) -> bool:
    """Whether another turn came before the reply to this one, and another agent with it: that agent
    answers the later turn."""
    later = [m.created_at or 0.0 for m in record.messages if m.role == "user"]
    moved = [i.created_at or 0.0 for i in record.history if isinstance(i, AgentHandoff)]
    return any(turn > at or later.count(at) > 1 for turn in later) and any(m >= at for m in moved)


def every_reply_says_something_or_why_not(record: Record) -> Iterator[str]:
    """A reply to a user turn ends with words, a hand-off, an error, or a declared silence; it gives
    way only to another turn, to user code, or to the end."""
    users = [m.created_at or 0.0 for m in record.messages if m.role == "user"]
    for created, event in record.of("speech_created"):
        handle = event.speech_handle
        if handle.source != "user_turn" or not handle.done() or handle.exception() is not None:
            continue
        if any(isinstance(item, ChatMessage | FunctionCall) for item in handle.chat_items):
            continue
        since = created - 1e-6
        if any(at >= since for at, _ in record.of("reply_skipped")):
            continue
        if any(at >= since for at, event in record.of("error")):
            continue
        again = [at for at, e in record.of("speech_created") if e.source == "user_turn"]
        if handle.interrupted and any(at > created for at in again):
            continue  # it gave way to the user, and was begun anew
        if handle.interrupted and (
            any(at > created - 1e-6 for at in users[1:])
            or any(at >= since for at in record.stops)
            or (record.closing_at < float("inf") and record.quiet is None)
        ):
            continue
        yield f"the reply of {created:.2f} ended without a word and without a reason"


def never_ending(record: Record) -> bool:
    """Whether a tool or a task that never ends was begun."""
    return any(wait.endless for wait in record.waits) or any(
        work.gives == "never"
        for answer in record.plan.answers[: len(record.requests)]
        for work in answer.work
    )
