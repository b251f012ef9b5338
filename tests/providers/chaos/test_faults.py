"""Each fault, in each slot that can have it."""

from __future__ import annotations

import asyncio
import json
import math
import unicodedata

import pytest

from antiphon.audio import AudioFrame
from antiphon.chat import ChatContext
from antiphon.errors import ProviderConnectionError, ProviderRateLimited, ProviderRejected
from antiphon.llm import Finish, TextDelta, ToolCall
from antiphon.stt import Final, Partial
from antiphon.testing import Listener, render, run
from antiphon.tools.arguments import parse_arguments
from antiphon.tts import Audio
from antiphon.vad import VADEvent

from .conftest import ANSWER, chat, listen, speak

pytestmark = pytest.mark.virtual_time


def now():
    return round(asyncio.get_running_loop().time(), 6)


def audio(events):
    return b"".join(event.data for event in events if isinstance(event, Audio))


def words(events):
    listener = Listener()
    listener.feed(audio(events))
    return [word.text for word in listener.words]


def text(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


# No fault


async def test_without_a_fault_everything_comes_as_it_is(build, acme):
    llm, tts, stt = build("llm"), build("tts"), build("stt")
    events = await chat(llm)
    assert text(events) == ANSWER
    assert events[-1] == Finish("tool_calls")
    assert events[-3] == ToolCall("call_1", "look_up", '{"number": 3, "name": "Ann"}')
    assert await speak(tts) == await speak(tts.unwrap)
    assert await listen(stt, "hello there") == await listen(stt.unwrap, "hello there")


async def test_wrapped_batch_models_come_as_streams(build):
    assert words(await speak(build("tts", "chaos/whole"), "One two. Three four.")) == [
        "One",
        "two.",
        "Three",
        "four.",
    ]
    events = await listen(build("stt", "chaos/whole"), "hello there")
    assert [event.text for event in events if isinstance(event, Final)] == ["hello there"]


# Refusals


@pytest.mark.parametrize("slot", ["llm", "tts", "stt", "turn_detector"])
async def test_a_rate_limit_is_retryable_and_says_so_before_anything_is_called(build, slot):
    outer = build(slot, script=("rate_limit",))
    error = await refused(outer, slot)
    assert type(error) is ProviderRateLimited
    assert str(error) == "chaos: 'acme/one' (call 1) met a rate limit"
    assert (error.status, error.retryable) == (429, True)
    assert getattr(outer.unwrap, "calls", 0) == 0
    assert await refused(outer, slot) is None


@pytest.mark.parametrize("slot", ["llm", "tts", "stt", "turn_detector"])
async def test_a_rejected_request_is_not_worth_a_second_try(build, slot):
    error = await refused(build(slot, script=("reject",)), slot)
    assert type(error) is ProviderRejected
    assert str(error) == "chaos: 'acme/one' (call 1) was rejected"
    assert (error.status, error.retryable) == (400, False)


async def refused(outer, slot):
    """The error of a call, if that was all that came of it."""
    if slot == "turn_detector":
        try:
            await outer.end_of_turn(ChatContext.empty(), None)
        except Exception as error:
            return error
        return None
    call = {"llm": chat, "tts": speak, "stt": lambda stt: listen(stt, "hello")}[slot]
    events = await call(outer)
    return events[0] if isinstance(events[0], Exception) else None


# Drops


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_drop_breaks_the_stream_after_so_many_outputs(build, after):
    for slot, call in (("llm", chat), ("tts", speak)):
        events = await call(build(slot, drop=1.0, after=after))
        error = events[-1]
        assert type(error) is ProviderConnectionError
        assert error.retryable
        outputs = "1 output" if after == 1 else f"{after} outputs"
        assert str(error) == f"chaos: the connection of 'acme/one' (call 1) broke after {outputs}"
        given = [each for each in events if isinstance(each, TextDelta | ToolCall | Audio)]
        assert len(given) == after


async def test_a_drop_comes_before_the_end_of_an_answer_that_is_too_short(build):
    events = await chat(build("llm", drop=1.0, after=50))
    assert text(events) == ANSWER
    assert not any(isinstance(event, Finish) for event in events)
    assert type(events[-1]) is ProviderConnectionError


async def test_a_drop_breaks_a_transcription_in_mid_utterance(build):
    events = await listen(build("stt", drop=1.0, after=2), "one two three four", "five")
    assert [event.text for event in events if isinstance(event, Partial)] == ["one", "one two"]
    assert type(events[-1]) is ProviderConnectionError


# Truncation


async def test_a_truncated_answer_has_no_end_marker(build):
    events = await chat(build("llm", truncate=1.0, after=2))
    assert [type(event) for event in events] == [TextDelta, TextDelta]
    assert not any(isinstance(event, Finish) for event in await chat(build("llm", truncate=1.0)))


async def test_truncated_audio_ends_early_even_if_it_is_short(build):
    assert words(await speak(build("tts", truncate=1.0, after=3))) == ["one", "two", "three"]
    assert words(await speak(build("tts", truncate=1.0, after=9), "one two three")) == [
        "one",
        "two",
    ]


async def test_a_truncated_transcription_ends_while_audio_is_left(build):
    events = await listen(build("stt", truncate=1.0, after=1), "one two three", "four")
    assert [event.text for event in events if isinstance(event, Partial | Final)] == ["one"]


# Time


async def test_a_slow_call_gives_its_first_output_late(build):
    began = now()
    await chat(build("llm"))
    took = now() - began
    began = now()
    events = await chat(build("llm", slow=1.0, slow_by=2.5))
    assert now() - began == pytest.approx(took + 2.5)
    assert text(events) == ANSWER


async def test_a_stall_is_a_silence_in_mid_stream_of_so_many_seconds(build):
    llm, times = build("llm", stall=1.0, stall_for=4.0, after=2), []
    context = ChatContext.empty()
    context.add_message(role="user", content="hello")
    async for event in llm.chat(context):
        if isinstance(event, TextDelta):
            times.append(now())
    assert [round(time - times[0], 6) for time in times[:4]] == [0.0, 0.0, 4.0, 4.0]


async def test_a_turn_detector_may_be_late(build):
    began = now()
    detector = build("turn_detector", slow=1.0, slow_by=0.5, stall=1.0, stall_for=2.0)
    assert await detector.end_of_turn(ChatContext.empty(), None) == 0.9
    assert now() - began == 2.5


# Garbled and corrupt


async def test_garbled_text_is_split_in_the_middle_of_letters_and_loses_nothing(build):
    events = await chat(build("llm", garble=1.0))
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(pieces) == ANSWER
    assert max(map(len, pieces)) <= 3
    joiners = {unicodedata.lookup("COMBINING ACUTE ACCENT"), "\u200d"}
    assert any(piece[0] in joiners for piece in pieces) or any(
        piece[-1] in joiners for piece in pieces
    )


async def test_garbled_audio_comes_in_odd_sizes_and_every_sample_is_whole(build):
    plain, garbled = await speak(build("tts")), await speak(build("tts", garble=1.0))
    sizes = {len(event.data) // 2 for event in garbled if isinstance(event, Audio)}
    assert all(len(event.data) % 2 == 0 for event in garbled if isinstance(event, Audio))
    assert len(sizes) > 5
    assert audio(garbled) == audio(plain)


async def test_garbled_partials_end_anywhere_and_finals_are_true(build):
    events = await listen(build("stt", garble=1.0), "hello there everybody")
    partials = [event.text for event in events if isinstance(event, Partial)]
    assert any(
        partial and not "hello there everybody ".startswith(partial + " ") for partial in partials
    )
    assert all("hello there everybody".startswith(partial) for partial in partials)
    assert [event.text for event in events if isinstance(event, Final)][-1] == (
        "hello there everybody"
    )


async def test_corrupt_arguments_are_damaged_in_several_ways(build):
    llm = build("llm", corrupt=1.0)
    found = set()
    for _ in range(40):
        (call,) = [event for event in await chat(llm) if isinstance(event, ToolCall)]
        assert call.arguments != json.dumps({"number": 3, "name": "Ann"})
        found.add(call.arguments)
    assert len(found) == 5
    repaired = 0
    for arguments in found:
        try:
            repaired += parse_arguments(arguments, "look_up")[0] == {"number": 3, "name": "Ann"}
        except Exception:
            continue
    assert 2 <= repaired < 5


async def test_corrupt_audio_ends_in_the_middle_of_a_sample(build):
    events = await speak(build("tts", corrupt=1.0))
    assert len(audio(events)) % 2 == 1


async def test_a_corrupt_probability_is_none(build):
    detector = build("turn_detector", corrupt=1.0)
    for _ in range(10):
        probability = await detector.end_of_turn(ChatContext.empty(), None)
        assert math.isnan(probability) or not 0.0 <= probability <= 1.0


# VAD


def hear(vad, *, until=None):
    """The events of a VAD that hears 1 s of speech and 1 s of silence, twice."""
    events = []
    stream = vad.stream(lambda event: events.append((now(), event)))

    async def push():
        data = (render("one two", seconds=1.0) + bytes(32000)) * 2
        for number in range(len(data) // 640):
            frame = data[640 * number : 640 * (number + 1)]
            stream.push(AudioFrame(frame, 16000, 1, now()))
            await asyncio.sleep(0.02)
        if until is not None:
            await asyncio.sleep(until - now())
        stream.close()

    return events, push(), stream


def kinds(events):
    return [event.type for _, event in events]


async def test_events_of_a_vad_come_late_in_order_and_tell_the_true_time(build):
    events, push, _ = hear(build("vad", stall=1.0, stall_for=1.2, after=0), until=8.0)
    await push
    assert kinds(events) == ["speech_started", "speech_ended"] * 2
    assert [time for time, _ in events][:2] == [1.2, 1.48]
    assert events[0][1].at == 0.0


async def test_a_vad_stream_may_fail(build):
    events, push, stream = hear(build("vad", drop=1.0, after=1))
    await push
    assert kinds(events) == ["speech_started", "failed"]
    assert isinstance(events[1][1], VADEvent)
    assert type(events[1][1].error) is ProviderConnectionError
    assert stream.voiced_until is not None


async def test_a_closed_vad_stream_gives_nothing_more(build):
    events, push, _ = hear(build("vad", slow=1.0, slow_by=60.0))
    await push
    await asyncio.sleep(100)
    assert events == []


# Chance


def outline(build, calls, **settings):
    async def main():
        llm = build("llm", **settings)
        return [
            (len(events), type(events[-1]).__name__)
            for events in [await chat(llm) for _ in range(calls)]
        ]

    return main


MIXED = {"drop": 0.2, "truncate": 0.1, "rate_limit": 0.2, "reject": 0.1, "stall": 0.1}


def test_the_same_seed_gives_the_same_faults_and_another_one_others(build):
    found = [run(outline(build, 30, seed=seed, **MIXED)) for seed in (7, 7, 8)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert {name for _, name in found[0]} >= {"ProviderConnectionError", "ProviderRateLimited"}


def test_without_a_seed_the_loop_s_own_is_taken(build):
    found = [run(outline(build, 20, **MIXED), seed=seed) for seed in (3, 3, 4)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert run(outline(build, 20, **MIXED), seed=3) == run(outline(build, 20, seed=3, **MIXED))


def test_one_fault_more_does_not_change_the_fate_of_the_others(build):
    alone = run(outline(build, 40, seed=1, rate_limit=0.3))
    both = run(outline(build, 40, seed=1, rate_limit=0.3, drop=0.3))
    limited = [index for index, (_, name) in enumerate(alone) if name == "ProviderRateLimited"]
    assert limited
    assert limited == [
        index for index, (_, name) in enumerate(both) if name == "ProviderRateLimited"
    ]


def test_a_share_is_about_the_share_of_the_calls(build):
    found = run(outline(build, 400, seed=5, rate_limit=0.25))
    limited = sum(name == "ProviderRateLimited" for _, name in found)
    assert 75 <= limited <= 125


async def test_after_the_script_chance_goes_on(build):
    llm = build("llm", script=("ok", "reject", "ok"), rate_limit=1.0)
    found = [type((await chat(llm))[-1]).__name__ for _ in range(5)]
    assert found == [
        "Finish",
        "ProviderRejected",
        "Finish",
        "ProviderRateLimited",
        "ProviderRateLimited",
    ]
