"""The providers and the caller of a stage: scripted ones that fail by plan, and are watched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from antiphon.audio import AudioFrame
from antiphon.errors import ProviderConnectionError, ProviderRejected
from antiphon.testing import Caller, Fail, ScriptedLLM, ScriptedSTT, ScriptedTTS

from .plan import Trouble
from .record import Record

if TYPE_CHECKING:
    from .stage import Stage


class Watched:
    """A provider's stream that notes who closes it, and when."""

    def __init__(self, name: str, stream: Any, *, stall_after: int | None = None) -> None:
        self.name = name
        self.closes = 0
        self.ended = False
        self.problems: list[str] = []
        self._stream = stream
        self._left = stall_after
        self._reading = False

    def __aiter__(self) -> Watched:
        return self

    async def __anext__(self) -> Any:
        if self.closes:
            self.problems.append("was read after it had been closed")
        self._reading = True
        try:
            if self._left is not None:
                if not self._left:
                    await asyncio.get_running_loop().create_future()
                self._left -= 1
            return await self._stream.__anext__()
        except asyncio.CancelledError:
            raise
        except BaseException:
            self.ended = True
            raise
        finally:
            self._reading = False

    async def aclose(self) -> None:
        if self._reading:
            self.problems.append("was closed while it was being read")
        self.closes += 1
        await self._stream.aclose()


def _stalls(troubles: tuple[Trouble, ...], call: int) -> int | None:
    for trouble in troubles:
        if trouble.call == call and trouble.fault == "stall":
            return round(trouble.after / 0.4)
    return None


def _fails(troubles: tuple[Trouble, ...]) -> list[Fail]:
    return [
        Fail(provider_error(trouble.fault), call=trouble.call, after=trouble.after)
        for trouble in troubles
        if trouble.fault != "stall"
    ]


def provider_error(fault: str) -> Exception:
    """What a provider raises."""
    if fault == "refused":
        return ProviderRejected("the vendor refused it")
    return ProviderConnectionError("the line broke")


class PlannedLLM(ScriptedLLM):
    """Answers by the plan."""

    def __init__(self, stage: Stage) -> None:
        world = stage.plan.world
        super().__init__(stage.script.answer, first_token=world.first_token, total=world.total)
        self._stage = stage

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        return self._stage.watch("llm", super().chat(*args, **kwargs))


class PlannedTTS(ScriptedTTS):
    """Speaks, with the troubles of the plan."""

    def __init__(self, stage: Stage, troubles: tuple[Trouble, ...] = ()) -> None:
        world = stage.plan.world
        super().__init__(
            first_byte=world.first_byte, word_times=world.tts_words, fail_at=_fails(troubles)
        )
        self._stage = stage
        self._troubles = troubles
        self._opened = 0

    def synthesize(self, *args: Any, **kwargs: Any) -> Any:
        self._opened += 1
        stall = _stalls(self._troubles, self._opened)
        stream = super().synthesize(*args, **kwargs)
        return self._stage.watch("tts", stream, stall_after=stall)


class PlannedSTT(ScriptedSTT):
    """Listens, with the troubles of the plan."""

    def __init__(self, stage: Stage, troubles: tuple[Trouble, ...] = ()) -> None:
        world = stage.plan.world
        super().__init__(
            latency=world.stt_latency,
            flush_latency=world.flush_latency,
            partials=world.partials,
            words=world.stt_words,
            end_of_turn=world.detection in ("stt", "stt only"),
            eager=world.preemptive and world.detection in ("stt", "stt only"),
            fail_at=_fails(troubles),
        )
        self._stage = stage
        self._troubles = troubles
        self._opened = 0

    def transcribe(self, *args: Any, **kwargs: Any) -> Any:
        self._opened += 1
        stall = _stalls(self._troubles, self._opened)
        stream = super().transcribe(*args, **kwargs)
        return self._stage.watch("stt", stream, stall_after=stall)


class NotingCaller(Caller):
    """Notes which segment is pushed."""

    def __init__(self, record: Record, **options: Any) -> None:
        super().__init__(**options)
        self._record = record

    def push(self, frame: AudioFrame, segment: str) -> None:
        pushes = self._record.pushes
        if not pushes or pushes[-1][1] != segment:
            pushes.append((asyncio.get_running_loop().time(), segment))
        super().push(frame, segment)
