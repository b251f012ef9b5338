"""The worker: shared, told to stop, killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import ProviderConnectionError, ProviderRejected
from antiphon.subprocesses import Multiplexer, Subprocess
from antiphon.tts import Audio

espeakng_loader = pytest.importorskip(
    "espeakng_loader", reason='needs pip install "antiphon[espeak]"'
)
pytestmark = pytest.mark.real_time
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals")

LONG = "This sentence is to be interrupted long before its end, because it goes on and on. " * 20
PLAIN = {"voice": "en-us", "rate": 165, "volume": 100, "pitch": 50, "word_gap": 0, "pause": ""}


def pid_of(tts: Any) -> int:
    lease = tts._lease
    assert lease is not None
    pid: int = lease.value.worker.pid
    return pid


@asynccontextmanager
async def open_worker() -> AsyncIterator[Multiplexer]:
    many = Multiplexer(await Subprocess.open("antiphon_providers.espeak.worker", name="espeak"))
    try:
        yield many
    finally:
        await many.aclose()


async def first_audio(speech: Any) -> None:
    async for event in speech:
        if isinstance(event, Audio):
            return
    raise AssertionError("no audio came")


async def test_all_voices_share_one_worker(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        other = tts.registry.build("espeak/de:f3", "tts")
        await asyncio.gather(tts.prewarm(), tts.prewarm(), other.prewarm())
        await asyncio.gather(speak(tts, "Hello."), speak(other, "Hallo."), speak(tts, "Again."))
        assert pid_of(tts) == pid_of(other)
        assert tts.registry.resources.count() == 1


async def test_two_streams_at_once_get_each_their_own(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        other = tts.registry.build("espeak/en-us:f3", "tts")
        alone = [await speak(tts, "I am the first."), await speak(other, "And I am the second.")]
        one = tts.synthesize(_feed("I am the first."))
        two = other.synthesize(_feed("And I am the second."))
        events: list[list[Any]] = [[], []]
        async with aclosing(one), aclosing(two):
            ended = object()
            left = {0: one, 1: two}
            while left:
                for index, stream in list(left.items()):
                    event = await anext(stream, ended)
                    if event is ended:
                        del left[index]
                    else:
                        events[index].append(event)
    for said, together in zip(alone, events, strict=True):
        kinds = [(type(event), getattr(event, "text", "")) for event in together]
        assert kinds == [(type(event), getattr(event, "text", "")) for event in said.events]
        length = sum(len(event.data) for event in together if isinstance(event, Audio)) / 44100
        assert length == pytest.approx(said.seconds, abs=0.005)


async def test_a_cancelled_call_leaves_nothing_for_the_next(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        wanted = await speak(tts, "Yes?")
        for _ in range(10):
            began = asyncio.Event()

            async def call(began: asyncio.Event = began) -> None:
                async with aclosing(tts.synthesize(_feed(LONG))) as speech:
                    await first_audio(speech)
                    began.set()
                    async for _ in speech:
                        pass

            task = asyncio.create_task(call())
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            said = await speak(tts, "Yes?")
            assert said.voiced == ["Yes?"]
            assert [word.text for word in said.words] == ["Yes?"]
            assert said.seconds == pytest.approx(wanted.seconds, abs=0.005)
        assert not tts._lease.value._channels


async def test_closing_a_stream_before_its_start_asks_nothing_of_the_worker(espeak: Any) -> None:
    async with espeak() as tts:
        await tts.synthesize(_feed("Never.")).aclose()
        assert tts._lease is None


async def test_a_cancelled_request_stops_in_the_middle() -> None:
    async with open_worker() as worker:
        text = "word and another thing, " * 2000  # 45 minutes, 2.5 s of work
        answers = worker.request(1)
        worker.worker.post({**PLAIN, "id": 1, "text": text})
        queued = worker.request(2)
        worker.worker.post({**PLAIN, "id": 2, "text": text})
        await anext(answers)
        worker.worker.post({"cancel": 2})
        worker.worker.post({"cancel": 1})
        worker.worker.post({"cancel": 77})
        last = worker.request(3)
        worker.worker.post({**PLAIN, "id": 3, "text": "Hello"})
        await anext(last)
        seconds = 0.0
        while len(answers):
            header, audio = await anext(answers)
            assert "end" not in header
            seconds += len(audio) / 44100
        assert seconds < 600
        assert len(queued) == 0


async def test_every_language_and_voice_that_is_listed_can_be_spoken() -> None:
    async with open_worker() as worker:
        from antiphon_providers.espeak.voices import Voices

        voices = Voices(Path(espeakng_loader.get_data_path()))
        assert len(voices.languages) > 120
        assert len(voices.voices) > 90
        names = [voices.name(language, None) for language in sorted(voices.languages)]
        names += [voices.name("en-us", voice) for voice in sorted(voices.voices)]
        for id, name in enumerate(names):
            answers = worker.request(id)
            worker.worker.post({**PLAIN, "voice": name, "id": id, "text": "a"})
            samples = 0
            while "end" not in (message := await anext(answers))[0]:
                assert "error" not in message[0], message[0]
                samples += len(message[1]) // 2
            assert samples == message[0]["end"] > 0, name
            worker.done(id)


async def test_a_voice_that_the_library_does_not_know_is_refused() -> None:
    async with open_worker() as worker:
        from antiphon_providers.espeak.speech import Speech

        speech = Speech({**PLAIN, "voice": "xx"})
        with pytest.raises(ProviderRejected) as caught:
            async for _ in speech.speak("Hello", "", worker):
                pass
        assert str(caught.value) == "espeak has no voice 'xx'"
        assert worker.worker.alive


@posix_only
async def test_a_worker_killed_in_mid_speech_is_an_error_and_the_next_call_works(
    espeak: Any, speak: Any
) -> None:
    async with espeak() as tts:
        other = tts.registry.build("espeak/en-us:f3", "tts")
        speech, also = tts.synthesize(_feed(LONG)), other.synthesize(_feed(LONG))
        await first_audio(speech)
        await first_audio(also)
        pid = pid_of(tts)
        os.kill(pid, signal.SIGKILL)
        message = (
            f"the espeak worker (pid {pid}) ended with exit code -9; it wrote nothing to stderr"
        )
        for stream in (speech, also):
            with pytest.raises(ProviderConnectionError) as caught:
                async for _ in stream:
                    pass
            assert str(caught.value) == message
            assert caught.value.retryable
            assert caught.value.provider == "espeak"
        said = await asyncio.gather(speak(tts, "Hello again."), speak(other, "Hello again."))
        assert all(one.peak > 5000 for one in said)
        assert pid_of(tts) == pid_of(other) != pid
        assert tts.registry.resources.count() == 1


@posix_only
async def test_a_worker_that_died_while_idle_is_replaced(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        await tts.prewarm()
        worker = tts._lease.value.worker
        os.kill(worker.pid, signal.SIGKILL)
        await asyncio.shield(worker._gone)
        assert (await speak(tts, "Hello again.")).peak > 5000
        assert pid_of(tts) != worker.pid


async def test_closing_twice_and_speaking_afterwards_is_harmless(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        await tts.prewarm()
        await tts.aclose()
        await tts.aclose()
        assert (await speak(tts, "Still here.")).peak > 5000


async def _feed(text: str) -> Any:
    yield text
