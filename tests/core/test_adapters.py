from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from antiphon.adapters import adapt_stt, adapt_tts
from antiphon.audio import AudioFrame
from antiphon.errors import ProviderConnectionError
from antiphon.streams import FLUSH, Channel, Flush, Usage
from antiphon.stt import BatchSTT, Final, STTCapabilities, STTEvent, Transcript, Word
from antiphon.tts import Audio, TimedText, TTSCapabilities, TTSEvent, Voicing, WholeTextTTS

pytestmark = pytest.mark.virtual_time


def frame(milliseconds: int = 20) -> AudioFrame:
    return AudioFrame(bytes(32 * milliseconds), 16000)


class Listener(BatchSTT):
    """Hears how long the audio was; each second is a word."""

    capabilities = STTCapabilities(streaming=False, interim=False, sample_rates=(16000, 8000))

    def __init__(self, usage: Usage | None = None) -> None:
        self.heard: list[tuple[float, Mapping[str, Any] | None]] = []
        self.calls: list[str] = []
        self.usage = usage

    async def recognize(
        self, audio: AudioFrame, settings: Mapping[str, Any] | None = None
    ) -> Transcript:
        self.heard.append((audio.duration, settings))
        await asyncio.sleep(0.1)
        return Transcript(
            f"{audio.duration:g} s",
            words=(Word("word", 0.0, audio.duration, 0.9),),
            language="en",
            confidence=0.8,
            usage=self.usage,
        )

    def load(self) -> None:
        self.calls.append("load")

    async def prewarm(self) -> None:
        self.calls.append("prewarm")

    async def aclose(self) -> None:
        self.calls.append("aclose")


async def transcribed(*items: AudioFrame | Flush, stt: BatchSTT | None = None) -> list[STTEvent]:
    audio: Channel[AudioFrame | Flush] = Channel()
    for item in items:
        audio.offer(item)
    audio.close()
    return [event async for event in adapt_stt(stt or Listener()).transcribe(audio)]


async def test_an_utterance_is_recognised_at_its_flush() -> None:
    assert await transcribed(frame(500), frame(500), FLUSH, frame(2000), FLUSH) == [
        Final("1 s", (Word("word", 0.0, 1.0, 0.9),), "en", 0.8, flushed=True),
        Usage(audio_seconds=1.0),
        # counted from the first sample of the call, not of the utterance
        Final("2 s", (Word("word", 1.0, 3.0, 0.9),), "en", 0.8, flushed=True),
        Usage(audio_seconds=2.0),
    ]


async def test_a_flush_is_answered_before_the_audio_that_comes_after_it() -> None:
    audio: Channel[AudioFrame | Flush] = Channel()
    stream = adapt_stt(Listener()).transcribe(audio)
    audio.offer(frame(1000))
    audio.offer(FLUSH)
    first = await anext(aiter(stream))
    assert isinstance(first, Final) and first.flushed
    assert asyncio.get_running_loop().time() == 0.1
    await stream.aclose()
    assert not audio.closed  # the channel belongs to the engine


async def test_a_flush_without_audio_gets_an_empty_final() -> None:
    assert await transcribed(FLUSH) == [Final("", flushed=True)]


async def test_the_rest_is_recognised_when_the_audio_ends() -> None:
    events = await transcribed(frame(1000), FLUSH, frame(40))
    assert [(event.text, event.flushed) for event in events if isinstance(event, Final)] == [
        ("1 s", True),
        ("0.04 s", False),
    ]
    assert await transcribed() == []


async def test_an_endless_utterance_is_recognised_in_parts_of_two_minutes() -> None:
    listener = Listener()
    events = await transcribed(*[frame(1000)] * 250, FLUSH, stt=listener)
    assert [duration for duration, _ in listener.heard] == [120.0, 120.0, 10.0]
    finals = [event for event in events if isinstance(event, Final)]
    assert [final.flushed for final in finals] == [False, False, True]
    assert finals[2].words == (Word("word", 240.0, 250.0, 0.9),)


async def test_usage_of_the_recogniser_wins_over_the_count_of_seconds() -> None:
    usage = Usage(input_tokens=7)
    assert (await transcribed(frame(), FLUSH, stt=Listener(usage)))[1] == usage


async def test_settings_and_the_life_of_the_slot_pass_through() -> None:
    listener = Listener()
    stt = adapt_stt(listener)
    assert stt.unwrap is listener  # type: ignore[attr-defined]
    assert adapt_stt(stt) is stt
    assert stt.capabilities is Listener.capabilities
    stt.capabilities = STTCapabilities(streaming=False, languages=("de",))
    assert listener.capabilities.languages == ("de",)
    async with stt:
        await stt.prewarm()
        audio: Channel[AudioFrame | Flush] = Channel()
        audio.offer(frame())
        audio.close()
        assert [event async for event in stt.transcribe(audio, {"language": "de"})]
    assert listener.calls == ["load", "prewarm", "aclose"]
    assert listener.heard == [(0.02, {"language": "de"})]
    assert not hasattr(stt, "no_such_thing")


async def test_an_error_of_the_recogniser_reaches_the_reader() -> None:
    class Broken(Listener):
        async def recognize(
            self, audio: AudioFrame, settings: Mapping[str, Any] | None = None
        ) -> Transcript:
            raise ProviderConnectionError("the line is dead")

    with pytest.raises(ProviderConnectionError, match=r"\Athe line is dead\Z"):
        await transcribed(frame(), FLUSH, stt=Broken())


class Reader(WholeTextTTS):
    """Speaks 0.1 s per character, in pieces of 0.5 s, each after 0.2 s of work."""

    capabilities = TTSCapabilities(streaming_text=False, word_times=True, sample_rates=(16000,))

    def __init__(self, usage: Usage | None = None) -> None:
        self.usage = usage
        self.log: list[tuple[float, str, str]] = []

    def note(self, what: str, text: str) -> None:
        self.log.append((round(asyncio.get_running_loop().time(), 3), what, text))

    async def speak(
        self, text: str, settings: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Audio | TimedText | Usage]:
        self.note("start", text)
        try:
            seconds = len(text) / 10
            yield TimedText(text.split()[0], 0.0, 0.3)
            while seconds > 0:
                await asyncio.sleep(0.2)
                yield Audio(bytes(round(32000 * min(seconds, 0.5))), 16000)
                seconds -= 0.5
            if self.usage:
                yield self.usage
            self.note("end", text)
        finally:
            self.note("closed", text)


def channel(*pieces: str | Flush, close: bool = True) -> Channel[str | Flush]:
    text: Channel[str | Flush] = Channel()
    for piece in pieces:
        text.offer(piece)
    if close:
        text.close()
    return text


def audio_seconds(events: list[TTSEvent]) -> float:
    return sum(len(event.data) / 32000 for event in events if isinstance(event, Audio))


async def test_each_sentence_is_announced_before_its_audio_and_times_go_on() -> None:
    tts = adapt_tts(Reader())
    text = channel("Ten chars. ", "Twenty characters it is. Bye")
    events = [event async for event in tts.synthesize(text)]
    assert [event for event in events if not isinstance(event, Audio)] == [
        Voicing("Ten chars. "),
        TimedText("Ten", 0.0, 0.3),
        Usage(characters=10, audio_seconds=1.0),
        Voicing("Twenty characters it is. "),
        TimedText("Twenty", 1.0, 1.3),
        Usage(characters=24, audio_seconds=2.4),
        Voicing("Bye"),
        TimedText("Bye", 3.4, 3.4 + 0.3),
        Usage(characters=3, audio_seconds=0.3),
    ]
    assert audio_seconds(events) == pytest.approx(3.7)


async def test_one_sentence_is_made_ahead_and_no_more() -> None:
    first = "The first sentence is long, so its audio does not fit into what waits to be read. "
    second = "The second one is of much the same length, and it is made while the first is read. "
    third = "The third of the sentences has to wait. "
    reader = Reader()
    stream = adapt_tts(reader).synthesize(channel(first + second + third + "Last."))

    def started() -> list[str]:
        return [text + " " for _, what, text in reader.log if what == "start"]

    events = aiter(stream)
    assert await anext(events) == Voicing(first)
    await asyncio.sleep(10)  # nobody reads on
    assert started() == [first, second]
    async for event in events:
        if event == Voicing(second):
            break
    await asyncio.sleep(10)
    assert started() == [first, second, third]
    await stream.aclose()
    assert started() == [first, second, third]


async def test_the_first_sentence_is_not_held_for_more_text() -> None:
    reader = Reader()
    text = channel("Yes. ", close=False)
    stream = adapt_tts(reader).synthesize(text)
    assert await anext(aiter(stream)) == Voicing("Yes. ")
    # after the first, short ones are joined: there is time
    for piece in ("No. ", "Perhaps. ", "I do not know. ", "Ask."):
        text.offer(piece)
    text.close()
    assert [event async for event in stream if isinstance(event, Voicing)] == [
        Voicing("No. Perhaps. I do not know. "),
        Voicing("Ask."),
    ]


async def test_flush_speaks_what_is_there_while_the_text_stays_open() -> None:
    reader = Reader()
    text = channel("One moment", FLUSH, close=False)
    stream = adapt_tts(reader).synthesize(text)
    events = aiter(stream)
    assert await anext(events) == Voicing("One moment")
    text.offer(", please. Yes.")
    text.offer(FLUSH)
    seen: list[TTSEvent] = []
    async for event in events:
        seen.append(event)
        if event == Voicing(" Yes.") or event == Voicing("Yes."):
            break
    assert [event for event in seen if isinstance(event, Voicing)] == [
        Voicing(", please. "),
        Voicing("Yes."),
    ]
    await stream.aclose()


async def test_what_cannot_be_spoken_is_kept_with_the_next_sentence() -> None:
    text = channel("…", FLUSH, "- Hello.", FLUSH, "!?", FLUSH)
    reader = Reader()
    events = [event async for event in adapt_tts(reader).synthesize(text)]
    assert [event for event in events if isinstance(event, Voicing)] == [Voicing("…- Hello.")]
    assert await nothing(channel()) == []
    assert await nothing(channel("  \n ", FLUSH, "—")) == []


async def nothing(text: Channel[str | Flush]) -> list[TTSEvent]:
    return [event async for event in adapt_tts(Reader()).synthesize(text)]


async def test_closing_stops_both_syntheses_at_once() -> None:
    reader = Reader()
    text = channel("The first of the sentences. The second of the sentences. The third one here. ")
    stream = adapt_tts(reader).synthesize(text)
    await anext(aiter(stream))
    await asyncio.sleep(0.3)
    await stream.aclose()
    assert reader.log == [
        (0.0, "start", "The first of the sentences."),
        (0.0, "start", "The second of the sentences."),
        (0.3, "closed", "The first of the sentences."),
        (0.3, "closed", "The second of the sentences."),
    ]


async def test_cancelling_the_reading_task_leaves_nothing_open() -> None:
    reader = Reader()

    async def texts() -> AsyncIterator[str | Flush]:
        try:
            yield "The first of the sentences. "
            await asyncio.sleep(100)
        finally:
            reader.note("closed", "input")

    async def read() -> None:
        stream = adapt_tts(reader).synthesize(texts())
        try:
            async for _ in stream:
                pass
        finally:
            await stream.aclose()

    task = asyncio.create_task(read())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(entry[2] for entry in reader.log if entry[1] == "closed") == [
        "The first of the sentences.",
        "input",
    ]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_text_failing_lets_complete_sentences_be_spoken_first() -> None:
    async def texts() -> AsyncIterator[str | Flush]:
        yield "This much is complete. But this"
        raise ProviderConnectionError("the llm has gone")

    events: list[TTSEvent] = []
    with pytest.raises(ProviderConnectionError, match=r"\Athe llm has gone\Z"):
        async for event in adapt_tts(Reader()).synthesize(texts()):
            events.append(event)
    assert Voicing("This much is complete. ") in events
    assert audio_seconds(events) == pytest.approx(2.2)


async def test_a_failing_sentence_comes_after_the_audio_before_it() -> None:
    class Failing(Reader):
        async def speak(
            self, text: str, settings: Mapping[str, Any] | None = None
        ) -> AsyncIterator[Audio | TimedText | Usage]:
            if text.startswith("Then"):
                raise ProviderConnectionError("no more voice")
            async for event in super().speak(text, settings):
                yield event

    events: list[TTSEvent] = []
    with pytest.raises(ProviderConnectionError, match=r"\Ano more voice\Z"):
        text = channel("First this sentence. Then that other sentence. ")
        async for event in adapt_tts(Failing()).synthesize(text):
            events.append(event)
    assert audio_seconds(events) == pytest.approx(2.0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_before_the_first_piece_of_a_sentence_is_not_a_hang() -> None:
    class NotEvenAGenerator(Reader):
        def speak(
            self, text: str, settings: Mapping[str, Any] | None = None
        ) -> AsyncIterator[Audio | TimedText | Usage]:
            raise ProviderConnectionError("refused")

    with pytest.raises(ProviderConnectionError, match=r"\Arefused\Z"):
        async for _ in adapt_tts(NotEvenAGenerator()).synthesize(channel("Hello.")):
            pass


async def test_usage_that_the_provider_tells_is_not_counted_twice() -> None:
    usage = Usage(characters=99)
    events = [event async for event in adapt_tts(Reader(usage)).synthesize(channel("Hello."))]
    assert [event for event in events if isinstance(event, Usage)] == [usage]


async def test_the_tts_adapter_passes_through() -> None:
    reader = Reader()
    tts = adapt_tts(reader)
    assert tts.unwrap is reader and adapt_tts(tts) is tts  # type: ignore[attr-defined]
    assert tts.capabilities is Reader.capabilities
    tts.capabilities = TTSCapabilities(streaming_text=False, voices=("ada",))
    assert reader.capabilities.voices == ("ada",)
