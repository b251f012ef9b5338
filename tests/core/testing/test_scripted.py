import asyncio
import math

import pytest

from antiphon.audio import AudioFrame, split
from antiphon.chat import ChatContext, FunctionCall, FunctionCallOutput
from antiphon.errors import (
    ProviderConnectionError,
    ProviderRejected,
    TruncatedStream,
)
from antiphon.llm import Finish, TextDelta, ToolCall
from antiphon.streams import FLUSH, Channel, Stream, Usage
from antiphon.stt import (
    EagerEndOfTurn,
    EndOfTurn,
    Final,
    Partial,
    SpeechStarted,
    Transcript,
    TurnResumed,
    Word,
)
from antiphon.testing import (
    CUT,
    Call,
    Fail,
    Listener,
    Pause,
    ScriptedBatchSTT,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
    ScriptedVAD,
    ScriptedWholeTextTTS,
    mumble,
    render,
)
from antiphon.tts import Audio, TimedText, Voicing
from antiphon.vad import VADEvent

pytestmark = pytest.mark.virtual_time

RATE = 16000


def frames(data, started_at=0.0, samples=320):
    return split(AudioFrame(data, RATE, 1, started_at), samples)


def silence(seconds):
    return bytes(2 * round(seconds * RATE))


def now():
    return asyncio.get_running_loop().time()


# VAD


def detect(data, *, samples=320, **options):
    events = []
    stream = ScriptedVAD(**options).stream(lambda event: events.append((event, heard_until[0])))
    heard_until = [0.0]
    for frame in frames(data, samples=samples):
        heard_until[0] = round(frame.ended_at, 9)
        stream.push(frame)
    return [(event.type, round(event.at, 9), at) for event, at in events], stream


def test_vad_gives_starts_and_ends_to_the_sample():
    data = bytes(2 * 8123) + render("one two", seconds=0.8) + silence(1)
    started, ended = 8123 / RATE, 8123 / RATE + 0.8
    events, stream = detect(data)
    assert events == [
        ("speech_started", round(started, 9), 0.52),
        ("speech_ended", round(ended, 9), 1.82),
    ]
    assert stream.voiced_until == pytest.approx(ended)


def test_vad_bridges_short_silences_and_drops_short_speech():
    data = silence(0.1) + mumble(0.2) + silence(0.4) + mumble(0.1) + silence(1) + mumble(0.1)
    events, _ = detect(data, min_speech=0.3)
    assert events == [("speech_started", 0.1, 0.72), ("speech_ended", 0.8, 1.3)]
    events, _ = detect(data, min_silence=0.4)
    assert [event[:2] for event in events] == [
        ("speech_started", 0.1),
        ("speech_ended", 0.3),
        ("speech_started", 0.7),
        ("speech_ended", 0.8),
        ("speech_started", 1.8),
    ]


def test_vad_announces_once_enough_was_voiced():
    events, _ = detect(silence(0.5) + mumble(0.5), min_speech=0.1)
    assert events == [("speech_started", 0.5, 0.6)]


def test_vad_gives_nothing_once_closed_and_forgets_on_reset():
    events = []
    stream = ScriptedVAD().stream(events.append)
    stream.push(AudioFrame(mumble(0.1), RATE))
    stream.reset()
    assert stream.voiced_until is None
    stream.push(AudioFrame(silence(1), RATE, 1, 0.1))
    assert [event.type for event in events] == ["speech_started"]
    stream.close()
    stream.close()
    stream.push(AudioFrame(mumble(0.1), RATE))
    assert events == [VADEvent(type="speech_started", at=0.0)]


def test_vad_takes_a_gap_between_frames_for_silence():
    events = []
    stream = ScriptedVAD().stream(events.append)
    stream.push(AudioFrame(mumble(0.1), RATE, 1, 1.0))
    stream.push(AudioFrame(mumble(0.1), RATE, 1, 5.0))
    assert [(event.type, event.at) for event in events] == [
        ("speech_started", 1.0),
        ("speech_ended", 1.1),
        ("speech_started", 5.0),
    ]


# STT


async def talk(audio, items):
    """Gives each frame when its last sample has been spoken, and other things at once."""
    for item in items:
        if isinstance(item, AudioFrame):
            await asyncio.sleep(item.ended_at - now())
        await audio.put(item)


async def transcribe(stt, items, *, live=True):
    """The events with their times, of audio as it is spoken, or all at once."""
    audio, items = Channel(), list(items)
    for item in () if live else items:
        audio.offer(item)
    talking = asyncio.create_task(talk(audio, items if live else ()))
    talking.add_done_callback(lambda _: audio.close())
    stream = stt.transcribe(audio)
    assert isinstance(stream, Stream)
    try:
        return [(round(now(), 9), event) async for event in stream]
    finally:
        talking.cancel()


async def test_stt_times_of_one_utterance():
    stt = ScriptedSTT()
    speech = silence(0.5) + render("hello there", seconds=2.0) + silence(1.0)
    assert await transcribe(stt, frames(speech)) == [
        (0.52, SpeechStarted(0.5)),
        (1.5, Partial("hello")),
        (2.5, Partial("hello there")),
        (2.7, Final("hello there", (Word("hello", 0.5, 1.5), Word("there", 1.5, 2.5)))),
        (3.5, Usage(audio_seconds=3.5)),
    ]
    assert stt.heard == ["hello there"]
    assert (stt.calls, stt.settings) == (1, [None])


async def test_stt_finalises_on_time_when_no_more_frames_come():
    stt = ScriptedSTT(partials=False, words=False)
    audio, events = Channel(), []

    async def listen():
        async for event in stt.transcribe(audio):
            events.append((round(now(), 9), event))

    listening = asyncio.create_task(listen())
    await talk(audio, frames(render("hello", seconds=0.61)))
    await asyncio.sleep(10)
    assert events == [(0.02, SpeechStarted(0.0)), (0.81, Final("hello"))]
    audio.close()
    await listening


async def test_stt_keeps_a_short_silence_within_the_utterance():
    stt = ScriptedSTT(partials=False, words=False)
    speech = render("one", seconds=0.4) + silence(0.1) + render("two", seconds=0.4) + silence(0.3)
    speech += render("three", seconds=0.4)
    assert await transcribe(stt, frames(speech)) == [
        (0.02, SpeechStarted(0.0)),
        (1.1, Final("one two")),
        (1.22, SpeechStarted(1.2)),
        (1.6, Final("three")),
        (1.6, Usage(audio_seconds=1.6)),
    ]


async def test_stt_that_gets_late_audio_all_at_once_gives_the_same_finals():
    await asyncio.sleep(100)
    stt = ScriptedSTT(partials=False, words=False)
    speech = render("one", seconds=0.4) + silence(0.1) + render("two", seconds=0.4) + silence(0.3)
    speech += render("three", seconds=0.4)
    events = await transcribe(stt, frames(speech, 50.0), live=False)
    assert [event for _, event in events] == [
        SpeechStarted(0.0),
        Final("one two"),
        SpeechStarted(1.2),
        Final("three"),
        Usage(audio_seconds=1.6),
    ]


@pytest.mark.parametrize("latency", [0.0, 0.05])
async def test_flush_finalises_what_was_heard(latency):
    stt = ScriptedSTT(flush_latency=latency, partials=False, words=False)
    speech = list(frames(render("one two", seconds=0.8) + render("three", seconds=0.4)))
    events = await transcribe(stt, [*speech[:45], FLUSH, *speech[45:], *frames(silence(0.3), 1.2)])
    # "three" was cut in two by the flush: nobody has heard the whole of it.
    assert sorted(events, key=lambda event: event[0]) == events
    assert sorted(events[1:3], key=str) == sorted(
        [
            (round(0.9 + latency, 9), Final("one two", flushed=True)),
            (0.92, SpeechStarted(0.9)),
        ],
        key=str,
    )
    assert (events[0], events[3:]) == (
        (0.02, SpeechStarted(0.0)),
        [(1.5, Usage(audio_seconds=1.5))],
    )
    assert stt.heard == ["one two"]


async def test_flush_of_nothing_is_answered_too():
    events = await transcribe(ScriptedSTT(), [*frames(silence(0.1)), FLUSH])
    assert events[0] == (0.1, Final("", flushed=True))


async def test_lost_audio_is_lost_words():
    speech = list(frames(render("one two three", seconds=1.2)))
    del speech[30]
    stt = ScriptedSTT(partials=False)
    await transcribe(stt, speech, live=False)
    assert stt.heard == ["one three"]


async def test_mumbling_has_no_final():
    events = await transcribe(ScriptedSTT(), frames(mumble(0.5) + silence(0.5)))
    assert events == [(0.02, SpeechStarted(0.0)), (1.0, Usage(audio_seconds=1.0))]


async def test_stt_announces_turns():
    stt = ScriptedSTT(partials=False, words=False, end_of_turn=True, eager=True)
    speech = render("one", seconds=0.4) + silence(0.4) + render("two", seconds=0.4) + silence(0.6)
    assert await transcribe(stt, frames(speech)) == [
        (0.02, SpeechStarted(0.0)),
        (0.6, Final("one")),
        (0.6, EagerEndOfTurn("one", 0.6)),
        (0.82, TurnResumed()),
        (0.82, SpeechStarted(0.8)),
        (1.4, Final("two")),
        (1.4, EagerEndOfTurn("one two", 0.6)),
        (1.7, EndOfTurn(1.0)),
        (1.8, Usage(audio_seconds=1.8)),
    ]


async def test_an_eager_end_of_turn_may_come_before_its_final():
    stt = ScriptedSTT(partials=False, words=False, end_of_turn=True, eager=True, eager_silence=0.1)
    assert await transcribe(stt, frames(render("one", seconds=0.4) + silence(0.6))) == [
        (0.02, SpeechStarted(0.0)),
        (0.5, EagerEndOfTurn("one", 0.6)),
        (0.6, Final("one")),
        (0.9, EndOfTurn(1.0)),
        (1.0, Usage(audio_seconds=1.0)),
    ]


async def test_stt_fails_where_told_and_works_when_called_again():
    stt = ScriptedSTT(
        fail_at=[
            Fail(ProviderConnectionError("the line broke"), after=0.5),
            Fail(ProviderRejected("no such key"), call=2),
        ]
    )
    speech = render("one two three", seconds=1.2)
    with pytest.raises(ProviderConnectionError, match=r"^the line broke$"):
        await transcribe(stt, frames(speech))
    assert now() == 0.5
    with pytest.raises(ProviderRejected, match=r"^no such key$"):
        await transcribe(stt, frames(speech), live=False)
    await transcribe(stt, frames(speech), live=False)
    assert (stt.heard, stt.calls) == (["one two three"], 3)


async def test_an_stt_stream_that_is_cancelled_leaves_nothing():
    async def listen():
        async for _ in ScriptedSTT().transcribe(Channel()):
            pass

    listening = asyncio.create_task(listen())
    await asyncio.sleep(1)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    # The plugin fails this test if the reader's task is still there.


async def test_batch_stt():
    stt = ScriptedBatchSTT(latency=0.3)
    assert not stt.capabilities.streaming
    found = await stt.recognize(AudioFrame(render("one two", seconds=0.8), RATE))
    assert found == Transcript(
        "one two",
        (Word("one", 0.0, 0.4), Word("two", 0.4, 0.8)),
        usage=Usage(audio_seconds=0.8),
    )
    assert now() == 0.3


# LLM


def asked(text):
    context = ChatContext.empty()
    context.add_message(role="system", content="Be brief, Billing.")
    context.add_message(role="user", content=text)
    return context


async def answer(llm, context=None, **options):
    started = now()
    stream = llm.chat(context or asked("hi"), **options)
    return [(round(now() - started, 9), event) async for event in stream]


async def test_llm_answers_word_by_word_over_its_latency():
    llm = ScriptedLLM(["Good day to you.", "Bye."])
    assert await answer(llm) == [
        (0.1, TextDelta("Good")),
        (pytest.approx(0.1 + 0.2 / 3), TextDelta(" day")),
        (pytest.approx(0.1 + 0.4 / 3), TextDelta(" to")),
        (0.3, TextDelta(" you.")),
        (0.3, Usage(input_tokens=2, output_tokens=4)),
        (0.3, Finish("stop")),
    ]
    assert await llm.complete("anything") == "Bye."
    with pytest.raises(ProviderRejected) as caught:
        await llm.complete("more")
    assert str(caught.value) == ("the script has 2 replies and this is call 3, for 'more'; add one")


async def test_llm_calls_tools_within_a_reply():
    llm = ScriptedLLM(
        [["One moment.", Call("look_up", invoice=3, name="Zoë")], Call.raw("broken", '{"a": ')]
    )
    assert await answer(llm) == [
        (0.1, TextDelta("One")),
        (0.2, TextDelta(" moment.")),
        (0.3, ToolCall("call_1", "look_up", '{"invoice": 3, "name": "Zoë"}')),
        (0.3, Usage(input_tokens=2, output_tokens=3)),
        (0.3, Finish("tool_calls")),
    ]
    events = [event for _, event in await answer(llm)]
    assert events[0] == ToolCall("call_2", "broken", '{"a": ')


async def test_llm_without_latency_never_waits():
    llm = ScriptedLLM(["one two", [Call("look_up")]], first_token=0, total=0, record=False)
    for expected in (4, 3):
        stream = llm.chat(asked("hi"))
        step = stream.asend(None)
        with pytest.raises(StopIteration):  # ran to its first event without suspending
            step.send(None)
        assert 1 + len([event async for event in stream]) == expected
    assert llm.requests == []


async def test_llm_by_mapping():
    llm = ScriptedLLM(
        {"invoice 7": "Forty euros.", "HELLO": ["Hi!"], "open": Call("look_up"), "greet": "Yes?"},
        first_token=0,
        total=0,
    )

    async def text(context):
        return "".join(e.text for _, e in await answer(llm, context) if isinstance(e, TextDelta))

    assert await text(asked("Hello there")) == "Hi!"
    context = asked("what is open?")
    assert (await answer(llm, context))[0][1].name == "look_up"
    context.append(FunctionCall(call_id="call_1", name="look_up", arguments="{}"))
    context.append(FunctionCallOutput(call_id="call_1", output="invoice 7: 40 EUR"))
    assert await text(context) == "Forty euros."
    context.add_message(role="assistant", content="hello")
    assert await text(context) == "Forty euros."
    context.add_message(role="system", content="Now greet the caller.")
    assert await text(context) == "Yes?"
    with pytest.raises(ProviderRejected) as caught:
        await answer(llm, asked("pardon"))
    assert str(caught.value) == (
        "the script has no reply to 'pardon' (it has: 'invoice 7', 'HELLO', 'open', 'greet'); "
        'add one, or "" for everything else'
    )


async def test_llm_by_function():
    async def later(context, tools):
        await asyncio.sleep(1)
        return f"{len(context)} items"

    llm = ScriptedLLM(lambda context, tools: context[-1].text_content.upper(), first_token=0)
    assert await llm.complete("hi you") == "HI YOU"
    assert await ScriptedLLM(later).complete("hi") == "1 items"


async def test_llm_records_what_it_was_shown():
    llm = ScriptedLLM(["a", "b"])
    context = asked("hi")
    await answer(llm, context, tool_choice="none", settings={"temperature": 0})
    context.add_message(role="user", content="more")
    await answer(llm, context)
    assert [len(request.chat_ctx) for request in llm.requests] == [2, 3]
    assert llm.requests[0].texts == [("system", "Be brief, Billing."), ("user", "hi")]
    assert llm.requests[0].tool_choice == "none"
    assert llm.requests[0].settings == {"temperature": 0}
    assert llm.requests[0].tool_names == ()


async def test_llm_fails_breaks_off_and_hangs_as_told():
    error = ProviderConnectionError("gone")
    llm = ScriptedLLM(
        ["a b c", [error], ["one", CUT], ["one", Pause(2), "two"], ["x", Pause(math.inf)]],
        fail_at=Fail(error, after=2),
    )
    for after, events in ((0.3, 2), (0.1, 0)):
        started, seen = now(), []
        with pytest.raises(ProviderConnectionError, match=r"^gone$"):
            async for event in llm.chat(asked("hi")):
                seen.append(event)
        assert len(seen) == events
        assert now() - started == pytest.approx(after, abs=0.11)
    with pytest.raises(TruncatedStream):
        await llm.complete("hi")
    times = [time for time, event in await answer(llm) if isinstance(event, TextDelta)]
    assert times == [0.1, 2.3]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600 / 2):
            await answer(llm)


def test_a_text_alone_is_no_script():
    with pytest.raises(TypeError) as caught:
        ScriptedLLM("hello")
    assert str(caught.value) == "replies is the text 'hello'; give a list of replies: ['hello']"


# TTS


async def given(pieces):
    for piece in pieces:
        if isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            yield piece


async def speak(tts, pieces):
    started = now()
    source = given(pieces)
    out = [(round(now() - started, 9), event) async for event in tts.synthesize(source)]
    await source.aclose()
    return out


def words_of(events):
    listener = Listener()
    for _, event in events:
        if isinstance(event, Audio):
            listener.feed(event.data)
    return [word.text for word in listener.words]


async def test_tts_speaks_words_as_they_become_complete():
    tts = ScriptedTTS()
    events = await speak(
        tts, ["He", "llo the", 0.5, "re, ", 1.0, FLUSH, "you", 1.0, FLUSH, "two", "!"]
    )
    timed = [(time, event) for time, event in events if isinstance(event, TimedText)]
    assert timed == [
        (0.2, TimedText("Hello", 0.0, 0.4)),
        (0.7, TimedText("there,", 0.4, 0.8)),
        (2.7, TimedText("you", 0.8, pytest.approx(1.2))),
        (2.7, TimedText("two!", pytest.approx(1.2), 1.6)),
    ]
    assert words_of(events) == ["Hello", "there,", "you", "two!"]
    assert events[-1][1] == Usage(characters=len("Hello there, youtwo!"), audio_seconds=1.6)
    assert (tts.texts, tts.settings) == (["Hello there, youtwo!"], [None])


async def test_tts_of_a_fixed_length():
    tts = ScriptedTTS(seconds=2.0, word_times=False, sample_rate=24000)
    events = await speak(tts, ["Hello there", 0.5, " you"])
    audio = [event for _, event in events if isinstance(event, Audio)]
    assert sum(len(event.data) for event in audio) == 2 * 48000
    assert {event.sample_rate for event in audio} == {24000}
    assert events[0][0] == 0.7
    assert words_of(events) == ["Hello", "there", "you"]


async def test_tts_in_its_own_time():
    tts = ScriptedTTS(realtime_factor=0.5, words_per_second=2, word_times=False, voicing=True)
    events = await speak(tts, ["one  two\nthree"])
    assert [(time, event) for time, event in events if isinstance(event, Voicing)] == [
        (0.2, Voicing("one")),
        (0.45, Voicing("  two")),
        (0.7, Voicing("\nthree")),
    ]


async def test_tts_of_nothing_gives_nothing():
    assert await speak(ScriptedTTS(), [" ", FLUSH]) == [(0.0, Usage(characters=1))]


async def test_tts_fails_where_told():
    tts = ScriptedTTS(
        fail_at=[
            Fail(ProviderConnectionError("gone"), after=0.8),
            Fail(ProviderRejected("no"), call=2),
        ]
    )
    seen = []
    with pytest.raises(ProviderConnectionError, match=r"^gone$"):
        async for event in tts.synthesize(given(["one two three"])):
            seen.append((0, event))
    assert words_of(seen) == ["one", "two"]
    with pytest.raises(ProviderRejected, match=r"^no$"):
        await speak(tts, ["one"])


async def test_tts_of_whole_texts():
    tts = ScriptedWholeTextTTS(words_per_second=4)
    events = [(round(now(), 9), event) async for event in tts.speak("one two")]
    assert events[0] == (0.2, TimedText("one", 0.0, 0.25))
    assert events[-1] == (0.2, Usage(characters=7, audio_seconds=0.5))
    assert words_of(events) == ["one", "two"]
    assert not tts.capabilities.streaming_text


# Turn detector


async def test_turn_detector():
    detector = ScriptedTurnDetector([0.1, 0.9], latency=0.05)
    context = asked("my number is")
    assert [await detector.end_of_turn(context, None) for _ in range(3)] == [0.1, 0.9, 0.9]
    assert now() == pytest.approx(0.15)
    assert await ScriptedTurnDetector(0.4).end_of_turn(context, None) == 0.4
    context.add_message(role="user", content="seven.")
    ends = ScriptedTurnDetector(lambda text: float(text.endswith(".")))
    assert await ends.end_of_turn(context, None) == 1.0
    assert ends.judged == ["my number is seven."]
