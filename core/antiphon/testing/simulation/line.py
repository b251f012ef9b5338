"""The caller's end of a simulated call: waits for the moment of each step, and does it."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...clock import Chance, loop_seed
from ...errors import AudioError
from ...transport import Sink
from ..caller import Caller
from ..microphone import Utterance
from .scenario import Scenario, Step, When
from .words import words_of

if TYPE_CHECKING:
    from ...session import AgentSession

_POLL = 0.05
"""Seconds between looks at what nobody tells of: whether the agent thinks, what it has said."""
_KEY_GAP = 0.25
"""Seconds from one key of the telephone to the next."""
_BREATH = 0.2
"""Seconds: a shorter gap does not end a stretch of the agent's speech."""
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was done, in seconds from the beginning of the call."""

    step: Step
    start: float
    end: float


class Line(Caller):
    """A `Caller` who follows the steps of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        options = scenario.caller
        super().__init__(
            audio=options.audio, words_per_second=options.words_per_second, continuous=False
        )
        self._scenario = scenario
        self._options = options
        self.done: list[Done] = []
        self.problems: list[str] = []
        """What kept the caller from following the scenario."""
        self.silences: list[tuple[float, str]] = []
        """When the agent declared that it does not answer, and why."""
        self.connected: asyncio.Event = asyncio.Event()
        self.began = 0.0
        """When the call began, by the loop's clock."""
        self.session: AgentSession[Any] | None = None
        self.words_are_exact = True
        """Whether the STT recognises every word: a scripted one does."""
        self._spoken: dict[int, Utterance] = {}
        self._free_at = 0.0
        self._found_words: float | None = None

    async def start(self, sink: Sink) -> None:
        await super().start(sink)
        self.began = self._free_at = asyncio.get_running_loop().time()
        self.connected.set()

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self._ended_at is not None

    async def follow(self) -> None:
        """Does all steps, each at its moment, and hangs up."""
        loop = asyncio.get_running_loop()
        for step in self._scenario.steps:
            came = await self._until(step.when, first=not self.done)
            if not came:
                self.problems.append(self._missed(step))
                break
            await asyncio.sleep(self._jitter(step))
            if self.over:
                self.problems.append(f"the call ended before {step}")
                break
            start = loop.time()
            self._mark()
            said = len(self._microphone.said)
            try:
                await self._do(step)
            except AudioError as error:
                self.problems.append(f"{step} cannot be said: {error}")
                break
            if len(self._microphone.said) > said:
                self._spoken[step.number] = self._microphone.said[said]
            self._free_at = loop.time()
            self.done.append(Done(step, start - self.began, self._free_at - self.began))
        else:
            if not self.over:
                await self._last_answer()
        if not self.over:
            self.hang_up()

    async def _last_answer(self) -> None:
        """Hears the answer to the last step out; one that does not come is missed if it was due."""
        last = self._scenario.steps[-1]
        when = When(seconds=self._options.lingers)
        answered = await self._until(when)
        asked = last.action in ("say", "type")
        if not answered and not self.over and asked and self._silence() is None:
            self.problems.append(
                f"the agent did not answer {last} within {self._options.patience:g} s"
            )

    def _jitter(self, step: Step) -> float:
        seed = loop_seed()
        if not seed or not self._options.jitter:
            return 0.0
        return Chance("caller", seed, step.number).between(0.0, self._options.jitter)

    def _missed(self, step: Step) -> str:
        if self.over:
            return f"the call ended before {step}"
        patience = self._options.patience
        match step.when.moment:
            case "into_agent":
                what = f"the agent did not speak for {step.when.seconds:g} s at a stretch"
            case "after_words":
                what = f"the agent did not say {step.when.words!r}"
            case _:
                what = "the agent did not answer"
        text = f"{what}: before {step} the caller heard nothing more for {patience:g} s"
        silence = self._silence()
        if silence is not None and step.when.moment == "after_agent":
            text += f"; it declared a silence ({silence}): give the step after_silence"
        return text

    # Moments

    async def _until(self, when: When, *, first: bool = False) -> bool:
        """Waits for the moment; False when the patience or the call has ended before it."""
        due = self._due(when)
        patience = self._options.patience
        if first and when.moment == "after_agent":
            patience = self._options.greeting
        loop = asyncio.get_running_loop()
        while not self.over:
            self._look()
            now = loop.time()
            at = due()
            if at is not None and now >= at - _NOISE:
                return True
            sounding = self._sounding_for()
            gives_up = max(self._free_at, self._last_heard() or 0.0) + patience
            if at is None and sounding is None and now >= gives_up - _NOISE:
                if first and when.moment == "after_agent" and self._last_heard() is None:
                    return True  # an agent that leaves the first word to the caller
                if first and patience < self._options.patience:
                    patience = self._options.patience
                    continue
                return False
            if at is not None:
                wake = at
            elif sounding is not None and when.moment in ("after_agent", "after_silence"):
                wake = now + max(sounding, 1e-6)
            else:
                wake = min(now + _POLL, max(gives_up, now + 1e-6))
            await self._change(wake)
        return False

    def _due(self, when: When) -> Callable[[], float | None]:
        seconds, since = when.seconds, self._free_at
        match when.moment:
            case "at":
                return lambda: max(self.began + seconds, since)
            case "after_last":
                return lambda: since + seconds
            case "into_agent":
                return lambda: self._into(seconds, since)
            case "after_words":
                self._found_words = None
                return lambda: self._after_words(when, since)
            case "after_silence":
                return lambda: self._after_silence(seconds, since)
            case _:
                return lambda: self._after_agent(seconds, since)

    def _after_agent(self, seconds: float, since: float) -> float | None:
        heard = self._last_heard()
        if self._sounding_for() is not None or self._busy():
            return None
        return None if heard is None or heard <= since + _NOISE else heard + seconds

    def _after_silence(self, seconds: float, since: float) -> float | None:
        if self._sounding_for() is not None:
            return None
        return max(since, self._last_heard() or since) + seconds

    def _into(self, seconds: float, since: float) -> float | None:
        if self._sounding_for() is None:
            return None
        began: float | None = None
        end = -math.inf
        for stretch in reversed(self._ear.stretches):
            if began is not None and began - self._time(stretch.end) >= _BREATH:
                break
            if began is None:
                end = self._time(stretch.end)
            began = self._time(stretch.start)
        if began is None or end <= since or self._silent_for() >= _BREATH:
            return None
        return began + seconds

    def _after_words(self, when: When, since: float) -> float | None:
        if self._found_words is None:
            said = words_of(" ".join(text for at, text in self.said() if at >= since - _NOISE))
            sought = words_of(when.words)
            length = len(sought)
            if not any(
                said[index : index + length] == sought for index in range(len(said) - length + 1)
            ):
                return None
            self._found_words = asyncio.get_running_loop().time()
        return self._found_words + when.seconds

    # What the agent does

    def _mark(self) -> None:
        """The caller is about to do something."""

    def _look(self) -> None:
        if self._options.audio:
            self._hear()

    def _busy(self) -> bool:
        """Whether the agent thinks, or another one is about to take over."""
        session = self.session
        if session is None:
            return False
        return session.agent_state != "listening" or session.next_agent is not None

    def _silence(self) -> str | None:
        """Why the agent has said that it does not answer the last step, if it has."""
        since = self.done[-1].start if self.done else 0.0
        return next((why for at, why in reversed(self.silences) if at >= since), None)

    def _sounding_for(self) -> float | None:
        """Seconds of audio that are still to be heard as things stand; None in silence."""
        if self._paused:
            return _POLL
        left = self._playout.buffered()
        return left if left > _NOISE else None

    def _silent_for(self) -> float:
        heard = self._ear.voiced_until
        now = asyncio.get_running_loop().time()
        return math.inf if heard is None else now - self._time(heard)

    def _last_heard(self) -> float | None:
        heard = self._ear.voiced_until
        return None if heard is None else self._time(heard)

    def said(self) -> list[tuple[float, str]]:
        """What the agent was heard to say, with the times at which it began."""
        return [(each.start, each.text) for each in self.timeline if each.who == "agent"]

    def said_whole(self, done: Done) -> str:
        """The words of a step that were said to their ends before the call was over."""
        utterance = self._spoken.get(done.step.number)
        if utterance is None:
            return ""
        return utterance.text_until(self._now() if self._ended_at is None else self._ended_at)

    # Actions

    async def _do(self, step: Step) -> None:
        match step.action:
            case "say" | "backchannel":
                await self.speak(step.text, seconds=step.seconds)
            case "type":
                self.type(step.text)
            case "mumble":
                await self.mumble(step.seconds or 0.0)
            case "noise":
                await self.speak(audio=self._noise(step))
            case "press":
                for number, digit in enumerate(step.text):
                    if number:
                        await asyncio.sleep(_KEY_GAP)
                    if not self.over:
                        self.press(digit)
            case "wait":
                await asyncio.sleep(step.seconds or 0.0)
            case "hang_up":
                self.hang_up(step.text)

    def _noise(self, step: Step) -> bytes:
        chance = Chance("noise", loop_seed(), step.number)
        top = round(step.level * 32767)
        samples = round((step.seconds or 0.0) * self.capabilities.sample_rate)
        return struct.pack(f"<{samples}h", *(chance.whole(-top, top) for _ in range(samples)))


class TypedLine(Line):
    """One who only types, and reads what the agent writes, whole messages at a time."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._read: list[tuple[float, str]] = []
        self._before = 0

    def read(self, text: str) -> None:
        """A message of the agent's has come."""
        self._read.append((asyncio.get_running_loop().time(), text))
        self._wake()

    def said(self) -> list[tuple[float, str]]:
        return list(self._read)

    def _sounding_for(self) -> float | None:
        return None

    def _last_heard(self) -> float | None:
        return self._read[-1][0] if self._read else None

    def _after_agent(self, seconds: float, since: float) -> float | None:
        heard = self._last_heard()
        # A reply may be read in the very instant of the line that it answers.
        if self._busy() or heard is None or heard < since - _NOISE:
            return None
        return heard + seconds if len(self._read) > self._before else None

    def _mark(self) -> None:
        self._before = len(self._read)
