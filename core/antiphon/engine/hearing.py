"""Hearing: the caller's audio, by direct call to the VAD and into one channel to the STT."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..audio import AudioFrame, Resampler, to_mono
from ..errors import AntiphonError, AudioError, SlotMissing, TruncatedStream
from ..nodes import ModelSettings
from ..streams import FLUSH, Usage
from ..stt import Final, STTEvent, Vocabulary
from ..vad import VADEvent, VADStream
from .ear import Ear
from .nodes import StreamStack, call_node, is_default, node_stream, stream_stack
from .retrying import retry_delay

if TYPE_CHECKING:
    from .conversation import Conversation

KEPT = 60.0
"""Seconds of audio kept for an STT that is behind, or has to be called again."""
PREROLL = 1.0
"""Seconds kept while nobody speaks: what a VAD needs to notice the start, and more."""
VAD_WORKED = 1.0
"""Seconds that a VAD must have worked for its failure not to be one more of a row."""
CUT_BOUND = 5.0
"""Seconds that a change of STT waits for the end of the utterance in progress."""


class Hearing:
    """Keeps one VAD stream and one STT stream open, across agents that share them."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._vad: Any = None
        self._vad_rates: tuple[int, ...] = ()
        self._vad_stream: VADStream | None = None
        self._vad_resampler: Resampler | None = None
        self.ear: Ear | None = None
        self._change: asyncio.TimerHandle | None = None
        self._warned = False
        self._closed = False
        self._vad_failed_at: float | None = None
        self._examples: dict[str, None] = {}
        self._texts: dict[str, None] = {}

    @property
    def has_vad(self) -> bool:
        """Whether somebody detects speech."""
        return self._vad_stream is not None

    @property
    def has_stt(self) -> bool:
        """Whether words are to be expected."""
        return self.ear is not None

    @property
    def voiced_until(self) -> float | None:
        """The end of the last voiced sample seen."""
        return None if self._vad_stream is None else self._vad_stream.voiced_until

    # Audio in

    def audio(self, frame: AudioFrame) -> None:
        """A frame from the transport."""
        if self._closed:
            return
        if frame.channels != 1:
            frame = to_mono(frame)
        stream = self._vad_stream
        if stream is not None:
            if frame.sample_rate in self._vad_rates:
                stream.push(frame)
            else:
                self._push_resampled(stream, frame)
        ear = self.ear
        if ear is None:
            if not self._warned:
                self._warned = True
                self._c.log.warning(
                    "agent %r has no stt: the caller's audio is not listened to", self._c.agent.id
                )
            return
        rates = ear.slot.capabilities.sample_rates
        if frame.sample_rate not in rates:
            converted = self._convert(ear, frame, rates[0])
            if converted is None:
                return
            frame = converted
        self._give(ear, frame)

    def _push_resampled(self, stream: VADStream, frame: AudioFrame) -> None:
        rate = self._vad_rates[0]
        if self._vad_resampler is None or self._vad_resampler.from_rate != frame.sample_rate:
            self._vad_resampler = Resampler(frame.sample_rate, rate, quality="LQ")
        data = self._vad_resampler.push(frame.data)
        if data:
            stream.push(AudioFrame(data, rate, 1, frame.started_at))

    def _convert(self, ear: Ear, frame: AudioFrame, rate: int) -> AudioFrame | None:
        if ear.resampler is None or ear.resampler.from_rate != frame.sample_rate:
            ear.resampler = Resampler(frame.sample_rate, rate, quality="LQ")
        data = ear.resampler.push(frame.data)
        return AudioFrame(data, rate, 1, frame.started_at) if data else None

    def _give(self, ear: Ear, frame: AudioFrame) -> None:
        duration = frame.duration
        ear.keep(frame, duration, PREROLL if self._c.turns.quiet else KEPT)
        if ear.gated and not ear.open:
            return
        channel = ear.channel
        if len(channel) * duration > KEPT:
            while len(channel) * duration > KEPT - 1.0:
                channel.drop_oldest()
            self._c.post(
                self._c.report_error,
                AudioError("the stt is 60 s behind; the oldest second of audio was dropped"),
                "stt",
                True,
                "audio_lost",
            )
        ear.give(frame, duration)

    # What the turns ask for

    def utterance_began(self) -> None:
        """The VAD has heard somebody begin: a gated STT gets what was kept, and what follows."""
        ear = self.ear
        if ear is not None and ear.gated and not ear.open:
            ear.open = True
            ear.give_kept()

    def flush(self) -> None:
        """The user has stopped: the STT is to finalise what it has."""
        ear = self.ear
        if ear is not None:
            ear.channel.offer(FLUSH)
            if ear.gated:
                ear.open = False

    def finalised(self, at: float) -> None:
        """Audio before `at` need not be kept."""
        if self.ear is not None:
            self.ear.forget_before(at)

    def utterance(self, since: float) -> AudioFrame | None:
        """The audio kept since a time, for a turn detector."""
        if self.ear is None:
            return None
        frames = [frame for frame in self.ear.kept if frame.ended_at > since]
        if not frames:
            return None
        return AudioFrame(
            b"".join(frame.data for frame in frames),
            frames[0].sample_rate,
            1,
            frames[0].started_at,
        )

    # Whose ears

    def retarget(self, agent: Agent) -> None:
        """An agent has become active, or has changed its slots."""
        if not self._c.hears:
            return
        self._retarget_vad(agent)
        self._retarget_stt(agent)

    def _retarget_vad(self, agent: Agent) -> None:
        vad = self._c.slots.get(agent, "vad")
        if vad is self._vad and (vad is None or self._vad_stream is not None):
            return
        old, self._vad_stream = self._vad_stream, None
        if old is not None:
            old.close()
        self._vad = vad
        self._vad_resampler = None
        if vad is not None:
            self._vad_rates = vad.capabilities.sample_rates
            self._vad_stream = vad.stream(self._on_vad)
        if old is not None:
            self._c.turns.vad_changed(old.voiced_until)
        if vad is None and self._c.slots.get(agent, "stt") is not None:
            self._c.log.info(
                "agent %r has no vad: turns come from the stt, and barge-in from its first words",
                agent.id,
            )

    def _retarget_stt(self, agent: Agent) -> None:
        slot = self._c.slots.get(agent, "stt")
        ear = self.ear
        vocabulary = self._vocabulary(agent, slot)
        if ear is not None and ear.slot is slot and _same_node(ear.agent, agent):
            if vocabulary == ear.vocabulary:
                ear.agent = agent
                return
        self.check(agent)
        self._schedule_change()

    def check(self, agent: Agent) -> None:
        """Raises `SlotMissing` for an STT that needs a VAD where there is none."""
        slot = self._c.slots.get(agent, "stt")
        if slot is None or slot.capabilities.streaming or not self._c.hears:
            return
        if self._c.slots.get(agent, "vad") is None:
            raise SlotMissing(
                f"the stt {self._c.slots.label(agent, 'stt')!r} recognises whole utterances "
                f"only, and agent {agent.id!r} has no vad to cut them; give it one: "
                'Agent(vad="…") or AgentSession(vad="…")'
            )

    def _schedule_change(self) -> None:
        if self._change is not None:
            self._change.cancel()
            self._change = None
        if self.ear is None or self._c.turns.between_utterances:
            self._change_ear()
            return
        self._change = self._c.loop.call_later(CUT_BOUND, self._c.post, self._change_ear)

    def between_utterances(self) -> None:
        """A silence: a change of STT that waits can be made now."""
        if self._change is not None and self._c.turns.between_utterances:
            self._change_ear()

    def _change_ear(self) -> None:
        if self._change is not None:
            self._change.cancel()
            self._change = None
        agent = self._c.agent
        old, slot = self.ear, self._c.slots.get(agent, "stt")
        in_mid_utterance = not self._c.turns.between_utterances
        self.ear = None
        if old is not None:
            self._close_ear(old)
            self._c.turns.stt_left()
        if slot is None:
            return
        ear = Ear(agent, slot, self._vocabulary(agent, slot))
        if old is not None:
            ear.inherit(old, self._c.frame_ms, KEPT)
        self.ear = ear
        if not (in_mid_utterance or self.has_vad):
            ear.give_kept()  # nobody can tell that it is silence
        elif in_mid_utterance and (not ear.gated or self._c.turns.user_speaking):
            # What the old stream has not finalised is heard by the new one, or it would be lost.
            ear.open = ear.gated
            ear.give_kept()
            self._c.turns.stt_reopened()
        ear.task = self._c.tasks.start(self._c.model_calls.stream(ear, self._listen), "stt")

    def _close_ear(self, ear: Ear) -> None:
        ear.channel.close()
        if ear.task is not None and not ear.task.done():
            self._c.tasks.cancel(ear.task)

    def _vocabulary(self, agent: Agent, slot: Any) -> Vocabulary | None:
        """What the callers of this session are likely to say: of its agents, as far as they are
        known."""
        for example in agent.examples:
            self._examples[example] = None
        if slot is None or not slot.capabilities.vocabulary:
            return None
        if agent.instructions:
            self._texts[agent.instructions] = None
        for tool in self._c.tools_of(agent).values():
            self._texts[tool.name.replace("_", " ")] = None
            if tool.description:
                self._texts[tool.description] = None
        return Vocabulary(phrases=tuple(self._examples), texts=tuple(self._texts))

    # The streams

    def _on_vad(self, event: VADEvent) -> None:
        if event.type == "failed":
            self._c.post(self._vad_failed, event)
        else:
            self._c.post(self._c.turns.on_vad, event)

    def _vad_failed(self, event: VADEvent) -> None:
        now = self._c.loop.time()
        worked = self._vad_failed_at is None or now - self._vad_failed_at >= VAD_WORKED
        self._vad_failed_at = now
        if worked:
            self._c.failures.forget("vad")
        self._c.report_error(event.error or RuntimeError("the vad failed"), "vad", worked)
        if self._vad_stream is not None:
            voiced_until = self._vad_stream.voiced_until
            self._vad_stream.close()
            self._vad_stream = self._vad.stream(self._on_vad)
            self._c.turns.vad_changed(voiced_until)

    async def _listen(self, ear: Ear) -> Exception | None:
        attempt = 0
        while True:
            stack = StreamStack()
            stream_stack.set(stack)
            heard = False
            try:
                stream = await self._open(ear, stack)
                if stream is None:
                    return None
                async for event in stream:
                    heard = True
                    self._c.post(self._on_event, ear, event)
                if ear.channel.closed:
                    return None
                raise TruncatedStream("the stt stream ended while there was audio to come")
            except Exception as error:
                if heard:
                    attempt = 0
                delay = retry_delay(self._c.options.conn_options.stt_conn_options, error, attempt)
                if delay is None:
                    if not isinstance(error, AntiphonError):
                        self._c.log.error("the stt failed", exc_info=error)
                    self._c.post(self._gone, ear, error)
                    return error
                self._c.post(self._c.report_error, error, "stt", True)
            finally:
                await stack.aclose()
            await asyncio.sleep(delay)
            attempt += 1
            self._reopen(ear)

    async def _open(self, ear: Ear, stack: StreamStack) -> Any:
        overrides: dict[str, Any] = {}
        if ear.vocabulary is not None:
            overrides["vocabulary"] = ear.vocabulary
        settings = ModelSettings(overrides=overrides)
        if is_default(ear.agent, "stt_node"):
            stream: Any = self._c.runtime.stt_stream(ear.agent, ear.channel, settings)
        else:
            stream = await node_stream(
                call_node(ear.agent, "stt_node", ear.channel, settings=settings)
            )
        if stream is not None:
            stack.register(stream)
        return stream

    def _reopen(self, ear: Ear) -> None:
        """A new channel that begins with the audio which the failed call owes."""
        ear.reopen()
        if not ear.gated or ear.open or self._c.turns.final_due:
            ear.give_kept()
        self._c.turns.stt_reopened()

    def _on_event(self, ear: Ear, event: STTEvent) -> None:
        self._c.model_calls.heard(ear, event)
        if ear is not self.ear or isinstance(event, Usage):
            return
        end: float | None = None
        if isinstance(event, Final):
            self._c.failures.forget("stt")
            if event.words:
                end = ear.time_of(event.words[-1].end)
        self._c.turns.on_stt(event, end)
        self.between_utterances()

    def _gone(self, ear: Ear, error: BaseException) -> None:
        if ear is not self.ear:
            return
        self._c.report_error(error, "stt", False)
        self._c.turns.stt_failed()
        if not self._c.closing_begun:
            # The next utterance may fare better; three failures in a row close the session.
            self._change_ear()

    def close(self) -> None:
        """Stops listening."""
        self._closed = True
        if self._change is not None:
            self._change.cancel()
            self._change = None
        if self._vad_stream is not None:
            self._vad_stream.close()
            self._vad_stream = None
        if self.ear is not None:
            self._close_ear(self.ear)
            self.ear = None


def _same_node(one: Agent, other: Agent) -> bool:
    return (
        type(one).stt_node is type(other).stt_node
        and "stt_node" not in vars(one)
        and "stt_node" not in vars(other)
    )
