"""A scripted person at the other end of a conversation."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass
from typing import Literal

from ..audio import AudioFrame
from ..errors import TransportError
from ..transport import Played, Sink, Transport, TransportCapabilities
from ..transports.playout import Playout
from .answers import Answers
from .hearing import AgentEar
from .microphone import Microphone, Utterance
from .speech import mumble, render

FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class Perceived:
    """A stretch of speech, or a typed line, as a human at the caller's end perceives it."""

    start: float
    """Seconds on the clock of the event loop."""
    end: float
    who: Literal["caller", "agent"]
    text: str
    """The words that were heard whole."""


class Caller(Transport):
    """Speaks, types, listens and hangs up by script, to the sample, on the loop's clock.

    Its microphone gives frames of 20 ms: frame n holds the samples from `start + n * 0.02` s and is
    given when the last of them has been spoken. Its ear hears what is really played: not what was
    cleared, and later what was paused. Its own words are `antiphon.testing.speech.render`ed, or any
    audio that it is given.

    All times are those of the event loop, which begins at 0 in virtual time. Made for one call.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 16000,
        continuous: bool = True,
        audio: bool = True,
        words_per_second: float = 2.5,
        pause: Literal["native", "emulated"] = "native",
        position: Literal["exact", "reported", "estimated"] = "exact",
        position_error: float = 0.1,
        reported_after: float = 0.05,
    ) -> None:
        """`continuous=False` sends frames only while the caller speaks and 1 s after, to be quick.
        `audio=False`: typed text only. `pause` and `position` are what it declares to the engine;
        unless it is `"exact"`, `clear` claims `position_error` seconds too much, and corrects it
        after `reported_after` seconds if it is `"reported"`."""
        self.capabilities = TransportCapabilities(
            audio_in=audio,
            audio_out=audio,
            sample_rate=sample_rate,
            frame_ms=FRAME_MS,
            pause=pause,
            position=position,
        )
        self._rate = sample_rate
        self._microphone = Microphone(
            sample_rate, sample_rate * FRAME_MS // 1000, continuous=continuous
        )
        self._words_per_second = words_per_second
        self._position_error = position_error
        self._reported_after = reported_after
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sink: Sink | None = None
        self._planned: list[tuple[float, bytes, str, bool, bool]] = []
        self._reports: list[asyncio.TimerHandle] = []
        self._ended_at: int | None = None
        self._watchers: list[asyncio.Future[None]] = []
        self._playout = Playout(sample_rate, on_played=self._tell_played, record=True)
        self._ear = AgentEar(sample_rate)
        self._answers = Answers(self._microphone, self._ear)
        self._last_told: Played | None = None
        self._paused = False
        self._warned = False
        self._pushes = 0
        self.keys_heard = ""
        """The keys that the agent has pressed at this end, by `session.send_dtmf`."""

    async def start(self, sink: Sink) -> None:
        """Lifts the receiver: time on this call counts from here."""
        if self._loop is not None:
            raise TransportError("this caller has made its call; make another Caller")
        self._loop = asyncio.get_running_loop()
        self._sink = sink
        planned, self._planned = self._planned, []
        self._microphone.start(sink.audio if self.capabilities.audio_in else None)
        for when, data, text, rendered, wordless in sorted(planned, key=lambda plan: plan[0]):
            self._microphone.say(data, text, when=when, rendered=rendered, wordless=wordless)

    async def aclose(self) -> None:
        """Ends the call without a word to the other side."""
        self._end()

    def hang_up(self, reason: str = "hung_up") -> None:
        """Ends the call, in the middle of a word if need be, and says so."""
        if self._ended_at is None:
            sink = self._connected()
            self._end()
            sink.closed(reason)

    def _end(self) -> None:
        if self._loop is None or self._ended_at is not None:
            return
        self._hear()
        self._ended_at = self._now()
        self._playout.close()
        self._ear.forget()
        self._microphone.stop()
        for report in self._reports:
            report.cancel()
        self._wake()

    def _connected(self) -> Sink:
        if self._sink is None:
            raise TransportError(
                "the caller is not on the line yet; start the session first, or plan ahead with "
                "speak_at()"
            )
        if self._ended_at is not None:
            raise TransportError("the caller has hung up; make another Caller")
        return self._sink

    def _now(self) -> int:
        """Samples since the beginning of the call."""
        return 0 if self._loop is None else self._microphone.sample(self._loop.time())

    def _time(self, sample: int) -> float:
        return self._microphone.time(sample)

    async def speak(
        self, text: str = "", *, seconds: float | None = None, audio: bytes | None = None
    ) -> None:
        """Says `text` as soon as nothing else is being said; returns when it has been said.

        `audio` (mono int16 at the caller's rate) is played instead, `text` being what it says.
        """
        self._connected()
        end = self._plan(None, text, seconds, audio)
        await self.wait_until(end)

    def speak_at(
        self,
        when: float,
        text: str = "",
        *,
        seconds: float | None = None,
        audio: bytes | None = None,
    ) -> float:
        """Plans to say `text` at `when`, before or during the call; returns when it will end.

        Raises `ValueError` when it would be in the past, or while it is saying something else.
        """
        return self._plan(when, text, seconds, audio)

    async def mumble(self, seconds: float) -> None:
        """Makes a sound without words, now; returns at its end."""
        self._connected()
        data = mumble(seconds, sample_rate=self._rate)
        await self.wait_until(self._plan(None, "", None, data, wordless=True))

    def mumble_at(self, when: float, seconds: float) -> float:
        """As `speak_at`, without words."""
        data = mumble(seconds, sample_rate=self._rate)
        return self._plan(when, "", None, data, wordless=True)

    def _plan(
        self,
        when: float | None,
        text: str,
        seconds: float | None,
        audio: bytes | None,
        *,
        wordless: bool = False,
    ) -> float:
        data = audio
        if data is None:
            data = render(
                text,
                sample_rate=self._rate,
                seconds=seconds,
                words_per_second=self._words_per_second,
            )
        if not self.capabilities.audio_in:
            raise TransportError("this caller has no microphone (audio=False); use type()")
        if self._loop is None and when is not None:
            self._planned.append((when, data, text, audio is None, wordless))
            return round(when + len(data) / (2 * self._rate), 9)
        self._connected()
        said = self._microphone.say(
            data, text, when=when, rendered=audio is None, wordless=wordless
        )
        return self._time(said.end)

    def type(self, text: str) -> None:
        """Sends a typed line."""
        sink = self._connected()
        self._microphone.said.append(Utterance(self._now(), b"", text, True))
        self._microphone.asked(self._now())
        sink.text(text)

    def press(self, digits: str) -> None:
        """Presses keys of the telephone, all at once: `caller.press("12#")`."""
        sink = self._connected()
        self._microphone.asked(self._now())
        for digit in digits:
            sink.dtmf(digit)

    async def send_dtmf(self, digits: str) -> None:
        self._connected()
        self.keys_heard += digits

    async def wait_until(self, when: float) -> None:
        """Waits until the loop's clock shows `when`."""
        delay = when - asyncio.get_running_loop().time()
        if delay > 0:
            await asyncio.sleep(delay)

    async def listen_until(self, *, silence: float = 1.0, limit: float = 60.0) -> str:
        """Waits until the agent has answered and then been silent for `silence` seconds; returns
        the words of the answer that were heard whole.

        The answer is what the agent begins after the end of all that the caller has said, typed or
        pressed, or is planned to say. Speech that began before, whether it goes on or is cut, is no
        part of it, and sounds without words want no answer. What an earlier call has returned is
        not returned again.

        Raises `TimeoutError` when it has not come to that within `limit` seconds, counted from now
        or from the end of the caller's last words, whichever is later.

        Only a `ScriptedTTS` speaks so that its words can be heard here. Where another voice (or a
        recording) answers, its words are missing, and a `UserWarning` says so, once in a call.
        """
        self._connected()
        loop = asyncio.get_running_loop()
        called = loop.time()
        while self._ended_at is None:
            self._hear()
            now, left, until = loop.time(), self._playout.buffered(), self._answers.until
            due: float | None = None
            if self._paused:
                pass
            elif left > 1e-9:
                due = now + left
            elif until is not None:
                due = self._time(until) + silence
                if now >= due - 1e-9:
                    break
            begin = max(called, self._time(self._answers.asked))
            if now >= begin + limit:
                raise TimeoutError(self._answers.missing(silence, limit, begin))
            await self._change(begin + limit if due is None else min(due, begin + limit))
        foreign = None if self._warned else self._answers.foreign(self._rate)
        if foreign is not None:
            self._warned = True
            warnings.warn(foreign, UserWarning, stacklevel=2)
        return self._answers.take(self._now())

    async def _change(self, until: float) -> None:
        """Waits for something to happen to the agent's audio, or for `until`."""
        loop = asyncio.get_running_loop()
        watcher: asyncio.Future[None] = loop.create_future()
        self._watchers.append(watcher)
        timer = loop.call_at(until, _wake, watcher)
        try:
            await watcher
        finally:
            timer.cancel()

    def _wake(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            _wake(watcher)

    @property
    def timeline(self) -> list[Perceived]:
        """Who said what and when, as heard at this end up to now, in order of its beginning.

        A new entry begins after a silence of 0.2 s, and with each segment of the agent's.
        """
        self._hear()
        now = self._now() if self._ended_at is None else self._ended_at
        entries = [
            Perceived(
                self._time(said.start),
                self._time(min(said.end, now)),
                "caller",
                said.text_until(now),
            )
            for said in self._microphone.said
            if said.start < now or (said.start == now and not said.data)
        ]
        entries += [
            Perceived(
                self._time(stretch.start),
                self._time(stretch.end),
                "agent",
                " ".join(word.text for word in stretch.words),
            )
            for stretch in self._ear.stretches
        ]
        return sorted(entries, key=lambda entry: (entry.start, entry.end))

    def heard_text(self, segment: str | None = None) -> str:
        """The agent's words that were heard whole: of one segment, or all."""
        self._hear()
        return self._ear.text(segment)

    @property
    def silent_since(self) -> float | None:
        """When the agent was last heard (or the call began); None while it is being heard."""
        self._hear()
        voiced = self._ear.voiced_until
        if voiced is None:
            return self._time(0)
        playing = not self._paused and self._playout.buffered() > 1e-9
        return None if playing and voiced >= self._now() else self._time(voiced)

    def _hear(self) -> None:
        if self._loop is None or self._ended_at is not None:
            return
        self._pushes = 0
        for piece in self._playout.take():
            start = self._microphone.sample(piece.run) + piece.offset
            self._ear.hear(start, piece.data)

    def push(self, frame: AudioFrame, segment: str) -> None:
        if self._ended_at is not None:
            return
        self._playout.push(frame, segment)
        self._ear.expect(segment, frame.samples)
        self._last_told = None
        self._pushes += 1
        if self._pushes >= 50:
            self._hear()
        if self._watchers:
            self._wake()

    def buffered(self) -> float:
        return 0.0 if self._ended_at is not None else self._playout.buffered()

    def pause(self) -> None:
        if self.capabilities.pause == "emulated":
            raise TransportError("this caller was made with pause='emulated': it cannot pause")
        if self._ended_at is None:
            self._paused = True
            self._playout.pause()
            self._wake()

    def resume(self) -> None:
        if self._ended_at is None:
            self._paused = False
            self._playout.resume()
            self._wake()

    def clear(self) -> Played | None:
        if self._loop is None or self._ended_at is not None:
            return None
        played = self._playout.clear() or self._last_told
        self._last_told = None
        self._paused = False
        self._hear()
        self._ear.forget()
        self._wake()
        if played is None or self.capabilities.position == "exact":
            return played
        if self.capabilities.position == "reported":
            self._reports = [report for report in self._reports if not report.cancelled()]
            self._reports.append(
                self._loop.call_later(self._reported_after, self._tell_played, played)
            )
        guess = played.samples + round(self._position_error * self._rate)
        pushed = self._ear.pushed(played.segment)
        return Played(played.segment, guess if pushed is None else min(guess, pushed), exact=False)

    def played(self) -> Played | None:
        return self._playout.played() or self._last_told

    def _tell_played(self, played: Played) -> None:
        self._hear()
        self._last_told = played
        if self.on_played is not None:
            self.on_played(played)


def _wake(watcher: asyncio.Future[None]) -> None:
    if not watcher.done():
        watcher.set_result(None)
