"""Fillers: words for the silence while a slow tool works."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..errors import SessionClosed
from ..run_context import FillerSource
from ..scopes import current_scope
from ..speech import SpeechHandle
from .segment import SegmentState

if TYPE_CHECKING:
    from .conversation import Conversation
    from .steps import Call


class Filler:
    """Speaks while its block runs: see `RunContext.with_filler`."""

    def __init__(
        self,
        conversation: Conversation,
        call: Call,
        source: FillerSource,
        *,
        delay: float,
        interval: float | None,
        max_steps: int | None,
    ) -> None:
        if delay < 0 or (interval is not None and interval < 0):
            raise ValueError(
                f"with_filler(…) got delay={delay!r}, interval={interval!r}; "
                "give seconds, 0 or more"
            )
        if not (isinstance(source, str) or callable(source)) and not source:
            raise ValueError("with_filler(…) got no words; give a text, or several")
        self._c = conversation
        self._call = call
        self._source = source
        self._delay = delay
        self._interval = interval
        self._max_steps = max_steps
        self._task: asyncio.Task[None] | None = None
        self._spoken: list[SpeechHandle] = []

    async def __aenter__(self) -> None:
        name = self._call.item.name
        self._task = self._c.tasks.start(self._run(), f"filler of tool {name}")

    async def __aexit__(self, *exc: object) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._c.post(self._take_back)

    async def _run(self) -> None:
        current_scope.set(self._call.scope)
        try:
            while self._max_steps is None or len(self._spoken) < self._max_steps:
                await self._c.quiet.lasting(self._delay)
                if self._call.step.detached or self._c.foreground.taken_from(self._call):
                    return
                said = self._next(len(self._spoken))
                if said is None:
                    return
                self._spoken.append(said)
                if self._interval is None:
                    return
                await said
                await asyncio.sleep(self._interval)
        except SessionClosed:
            return
        except Exception as error:
            self._c.log.error("the filler of %r failed", self._call.item.name, exc_info=error)
            self._c.post(self._c.report_error, error, "tool", True, self._call.item.name)

    def _next(self, step: int) -> SpeechHandle | None:
        source = self._source
        if callable(source):
            words = source(step)
        elif isinstance(source, str):
            words = source
        else:
            words = source[step % len(source)]
        return self._c.session.say(words) if isinstance(words, str) else words

    def _take_back(self) -> None:
        """What nobody has heard the beginning of need not be said any more."""
        for handle in self._spoken:
            if handle.done():
                continue
            mine = [each for each in self._c.speaking.segments() if each.handle is handle]
            if all(each.state is not SegmentState.PLAYING for each in mine):
                self._c.interrupting.cut(handle)
