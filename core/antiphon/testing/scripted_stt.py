"""STTs that really recognise synthetic speech: what does not reach them is not in the text."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from typing import Any

from ..audio import AudioFrame
from ..streams import Channel, Flush, Usage
from ..stt import (
    STT,
    BatchSTT,
    EagerEndOfTurn,
    EndOfTurn,
    Final,
    Partial,
    SpeechStarted,
    STTCapabilities,
    STTEvent,
    Transcript,
    TurnResumed,
    Word,
)
from .failures import Fail, due_failure
from .speech import HeardWord, Listener


class ScriptedSTT(STT):
    """Recognises the words of `antiphon.testing.speech.render`, with declared latencies.

    A `Final` comes `latency` seconds after the last voiced sample (`endpoint_silence` at the
    least), whether or not more audio arrives; a shorter silence belongs to the utterance. With
    `end_of_turn=True` an `EndOfTurn` follows `turn_silence` seconds after the last voiced sample,
    and with `eager=True` an `EagerEndOfTurn` comes after `eager_silence` seconds, taken back by
    `TurnResumed`. On `Flush` it finalises after `flush_latency`.
    """

    def __init__(
        self,
        *,
        latency: float = 0.2,
        partials: bool = True,
        words: bool = True,
        end_of_turn: bool = False,
        eager: bool = False,
        endpoint_silence: float = 0.1,
        turn_silence: float = 0.5,
        eager_silence: float = 0.2,
        flush_latency: float = 0.0,
        sample_rate: int = 16000,
        vocabulary: bool = False,
        fail_at: Fail | Sequence[Fail] = (),
    ) -> None:
        """`words`: give word times. `fail_at`: errors to raise, by call and seconds of audio.
        Latencies and silences are in seconds."""
        self.capabilities = STTCapabilities(
            interim=partials,
            end_of_turn=end_of_turn,
            word_times=words,
            vocabulary=vocabulary,
            sample_rates=(sample_rate,),
        )
        self.latency = latency
        self.partials = partials
        self.words = words
        self.end_of_turn = end_of_turn
        self.eager = eager
        self.endpoint_silence = endpoint_silence
        self.turn_silence = turn_silence
        self.eager_silence = eager_silence
        self.flush_latency = flush_latency
        self.fail_at = fail_at
        self.calls = 0
        """How many times `transcribe` was begun."""
        self.settings: list[Mapping[str, Any] | None] = []
        """What each call was given as settings."""
        self.reconfigured: list[Mapping[str, Any]] = []
        """The live settings that open streams have been given, in order."""
        self.heard: list[str] = []
        """The text of every final that was not empty, of all calls."""

    async def reconfigure(self, settings: Mapping[str, Any], *, stream: object) -> None:
        """Notes the settings; what is heard goes on as it is."""
        self.reconfigured.append(settings)

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[STTEvent, None]:
        self.calls += 1
        self.settings.append(settings)
        failure = due_failure(self.fail_at, self.calls)
        if failure is not None and not failure.after:
            raise failure.error
        hearing = _Hearing(self, failure)
        reader = asyncio.get_running_loop().create_task(hearing.read(audio), name="scripted stt")
        try:
            async for event in hearing.out:
                yield event
        finally:
            hearing.stop()
            reader.cancel()
            try:
                await reader
            except asyncio.CancelledError:
                pass


class _Hearing:
    """One call of `transcribe`."""

    def __init__(self, stt: ScriptedSTT, failure: Fail | None) -> None:
        self.out: Channel[STTEvent] = Channel()
        self._stt = stt
        self._failure = failure
        self._loop = asyncio.get_running_loop()
        self._listener = Listener()
        self._rate = stt.capabilities.sample_rates[0]
        self._counted = 0  # words of the listener that a partial has told of
        self._in_speech = False
        self._eager = False  # an EagerEndOfTurn stands
        self._turn: list[str] = []  # finals since the last EndOfTurn
        self._timer: asyncio.TimerHandle | None = None
        self._flushes: list[asyncio.TimerHandle] = []
        self._behind: deque[tuple[STTEvent, float | None]] = deque()
        """Answers to `Flush` with the time at which they are due, and events (None) behind them."""
        self._voiced_until = 0.0  # on the loop's clock, and as late as the audio came
        self._stage = 0
        steps: list[tuple[float, Callable[[], None]]] = [
            (max(stt.latency, stt.endpoint_silence), self._finalise)
        ]
        if stt.end_of_turn:
            steps.append((max(stt.turn_silence, steps[0][0]), self._end_turn))
            if stt.eager:
                steps.append((stt.eager_silence, self._guess_end))
        # What happens in a silence, by its length.
        self._steps = sorted(steps, key=lambda step: step[0])
        self._utterance_gap = steps[0][0]

    def stop(self) -> None:
        """Takes back all timers."""
        for timer in (self._timer, *self._flushes):
            if timer is not None:
                timer.cancel()

    async def read(self, audio: AsyncIterable[AudioFrame | Flush]) -> None:
        """Hears everything, and then ends the stream."""
        failure = self._failure
        try:
            async for item in audio:
                if isinstance(item, Flush):
                    self._flush()
                    continue
                self._hear(item)
                if failure is not None and self._seconds(self._listener.position) >= failure.after:
                    raise failure.error
            waits = any(timer.when() > self._loop.time() for timer in self._flushes)
            if self._stt.flush_latency and (self._listener.words or waits):
                await asyncio.sleep(self._stt.flush_latency)
            self._finalise()
            if self._stt.end_of_turn:
                self._end_turn()
            self._emit(Usage(audio_seconds=self._seconds(self._listener.position)))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.out.fail(error)
        self.stop()
        self.out.close()

    def _emit(self, event: STTEvent) -> None:
        # Words come in their order: no partial leaves out what a flush has not answered yet.
        if self._behind and not isinstance(event, SpeechStarted):
            self._behind.append((event, None))
        else:
            self._give(event)

    def _give(self, event: STTEvent) -> None:
        if isinstance(event, Final) and event.text:
            self._stt.heard.append(event.text)
        self.out.offer(event)

    def _answer(self) -> None:
        """The answer to a `Flush` is due; what came meanwhile stands behind it."""
        now = self._loop.time() + 1e-9
        while self._behind and (self._behind[0][1] is None or self._behind[0][1] <= now):
            self._give(self._behind.popleft()[0])

    def _seconds(self, sample: int) -> float:
        return sample / self._rate

    def _hear(self, frame: AudioFrame) -> None:
        listener = self._listener
        self._rate = frame.sample_rate
        begin, before = listener.position, listener.voiced_until
        listener.feed(frame.data)
        until = listener.voiced_until
        if until == before or until is None:
            return
        started = max(listener.voiced_from or 0, before or 0)
        if before is not None and started - before >= self._utterance_gap * self._rate:
            self._finalise(started)  # the audio came late, all at once: its silences still count
        if self._eager:
            self._eager = False
            self._emit(TurnResumed())
        if not self._in_speech:
            self._in_speech = True
            self._emit(SpeechStarted(self._seconds(started)))
        late = max(0.0, self._loop.time() - frame.ended_at)
        self._voiced_until = frame.started_at + late + (until - begin) / self._rate
        self._stage = 0
        if len(listener.words) > self._counted:
            self._counted = len(listener.words)
            if self._stt.partials:
                self._emit(Partial(_text(listener.words)))
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        due = self._voiced_until + self._steps[self._stage][0]
        self._timer = self._loop.call_at(due, self._silence)

    def _silence(self) -> None:
        """The timer: does what is due, unless the voice went on."""
        self._timer = None
        now = self._loop.time() + 1e-9
        while self._stage < len(self._steps):
            after, act = self._steps[self._stage]
            if now < self._voiced_until + after:
                self._arm()
                return
            self._stage += 1
            act()

    def _take(self, before: int | None = None) -> list[HeardWord]:
        """The words since the last final, up to sample `before`; the utterance is over."""
        listener = self._listener
        words, listener.words, listener.cut = listener.words, [], []
        if before is None:
            listener.end()
        else:
            listener.words = [word for word in words if word.start_sample >= before]
            words = [word for word in words if word.start_sample < before]
        self._counted = 0
        self._in_speech = False
        return words

    def _finalise(self, before: int | None = None) -> None:
        words = self._take(before)
        if words:
            final = self._final(words)
            self._turn.append(final.text)
            self._emit(final)

    def _guess_end(self) -> None:
        text = " ".join([*self._turn, *[word.text for word in self._listener.words]])
        if text:
            self._eager = True
            self._emit(EagerEndOfTurn(text, 0.6))

    def _end_turn(self) -> None:
        self._eager = False
        if self._turn:
            self._turn.clear()
            self._emit(EndOfTurn(1.0))

    def _flush(self) -> None:
        final = self._final(self._take(), flushed=True)
        self._turn.clear()
        self._eager = False
        self._stage = len(self._steps)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stt.flush_latency:
            self._flushes = [timer for timer in self._flushes if timer.when() > self._loop.time()]
            due = self._loop.time() + self._stt.flush_latency
            self._behind.append((final, due))
            self._flushes.append(self._loop.call_at(due, self._answer))
        else:
            self._emit(final)

    def _final(self, words: list[HeardWord], *, flushed: bool = False) -> Final:
        times = tuple(
            Word(word.text, self._seconds(word.start_sample), self._seconds(word.end_sample))
            for word in (words if self._stt.words else ())
        )
        return Final(_text(words), times, flushed=flushed)


class ScriptedBatchSTT(BatchSTT):
    """Recognises whole utterances of `antiphon.testing.speech.render`, `latency` seconds later."""

    def __init__(
        self,
        *,
        latency: float = 0.2,
        sample_rate: int = 16000,
        fail_at: Fail | Sequence[Fail] = (),
    ) -> None:
        self.capabilities = STTCapabilities(
            streaming=False, interim=False, word_times=True, sample_rates=(sample_rate,)
        )
        self.latency = latency
        self.fail_at = fail_at
        self.calls = 0
        self.settings: list[Mapping[str, Any] | None] = []
        self.heard: list[str] = []

    async def recognize(
        self, audio: AudioFrame, settings: Mapping[str, Any] | None = None
    ) -> Transcript:
        self.calls += 1
        self.settings.append(settings)
        failure = due_failure(self.fail_at, self.calls)
        if self.latency:
            await asyncio.sleep(self.latency)
        if failure is not None:
            raise failure.error
        listener = Listener()
        listener.feed(audio.data)
        rate = audio.sample_rate
        text = _text(listener.words)
        if text:
            self.heard.append(text)
        return Transcript(
            text,
            tuple(
                Word(word.text, word.start_sample / rate, word.end_sample / rate)
                for word in listener.words
            ),
            usage=Usage(audio_seconds=audio.duration),
        )


def _text(words: list[HeardWord]) -> str:
    return " ".join(word.text for word in words)
