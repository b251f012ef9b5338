"""Rewriters: running the functions that a user has given to change what is spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .nodes import StreamStack, node_stream, stream_stack
from .rewriting import Own
from .segment import Segment, SegmentState

if TYPE_CHECKING:
    from .conversation import Conversation


class Rewriters:
    """One task per function and segment; segments without such functions cost nothing."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def start(self, segment: Segment) -> None:
        """Starts the functions of a segment that is about to get its first words."""
        assert segment.rewriting is not None
        segment.rewriters = [
            self._c.tasks.start(self._run(segment, own), f"{own.name} of {segment.id}")
            for own in segment.rewriting.own
        ]

    async def _run(self, segment: Segment, own: Own) -> None:
        stack = StreamStack()
        stream_stack.set(stack)
        try:
            stream = await node_stream(own.function(own.channel))
            if stream is not None:
                stack.register(stream)
                async for text in stream:
                    if not isinstance(text, str):
                        raise TypeError(
                            f"the text transform {own.name} gave {text!r}; it must give texts"
                        )
                    self._c.post(self._made, segment, own, text)
        except Exception as error:
            self._c.log.error("the text transform %s failed", own.name, exc_info=error)
            self._c.post(self._c.report_error, error, "hook", True, own.name)
        finally:
            await stack.aclose()
        self._c.post(self._ended, segment, own)

    def _made(self, segment: Segment, own: Own, text: str) -> None:
        if segment.state is SegmentState.DONE or segment.rewriting is None or not text:
            return
        segment.rewriting.made(own, text)
        if segment.rewriting.flushed:
            segment.flushes += 1
        segment.wake_source()
        self._c.segments.give_voice(segment)

    def _ended(self, segment: Segment, own: Own) -> None:
        if segment.state is SegmentState.DONE or segment.rewriting is None:
            return
        # Better unchanged words than none: what it has not read is spoken as it is.
        for text in own.untouched():
            self._made(segment, own, text)
        segment.rewriting.ended(own, complete=segment.text_done)
        segment.wake_source()
        self._c.segments.end_unvoiced(segment)
