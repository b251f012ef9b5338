"""Transcripts: the text as people are shown it, where an agent has its own `transcription_node`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..chat import ChatMessage
from ..nodes import ModelSettings
from ..streams import Channel
from ..text import cut_at_word
from .nodes import StreamStack, call_node, is_default, node_stream, stream_stack

if TYPE_CHECKING:
    from .conversation import Conversation
    from .segment import Segment


class Transcript:
    """What the node makes of one segment's words."""

    __slots__ = ("channel", "done", "message", "text", "then")

    def __init__(self) -> None:
        self.channel: Channel[str] = Channel()
        self.text = ""
        self.done = False
        self.message: ChatMessage | None = None
        """The item to complete, when it was recorded before the node had ended."""
        self.then: Callable[[], None] | None = None
        """What waits for the end of the node."""


class Transcripts:
    """Runs the nodes; agents without one of their own cost nothing."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def feed(self, segment: Segment, text: str) -> None:
        """More words of a segment."""
        transcript = segment.transcript
        if transcript is None:
            if is_default(segment.agent, "transcription_node"):
                return
            transcript = segment.transcript = Transcript()
            self._c.tasks.start(self._run(segment, transcript), f"transcript of {segment.id}")
        transcript.channel.offer(text)

    @staticmethod
    def end(segment: Segment) -> None:
        """No more words will come."""
        if segment.transcript is not None:
            segment.transcript.channel.close()

    async def _run(self, segment: Segment, transcript: Transcript) -> None:
        stack = StreamStack()
        stream_stack.set(stack)
        agent = segment.agent
        try:
            stream = await node_stream(
                call_node(agent, "transcription_node", transcript.channel, settings=ModelSettings())
            )
            if stream is not None:
                stack.register(stream)
                async for piece in stream:
                    transcript.text += piece
        except Exception as error:
            self._c.log.error("transcription_node of %r failed", agent.id, exc_info=error)
            self._c.post(self._c.report_error, error, "hook", True, "transcription_node")
        finally:
            await stack.aclose()
        self._c.post(self._ended, segment, transcript)

    def _ended(self, segment: Segment, transcript: Transcript) -> None:
        transcript.done = True
        message = transcript.message
        if message is not None:
            self._show(message, transcript)
            self._c.recorder.updated(message, segment.agent._chat_ctx)
        if transcript.then is not None:
            transcript.then()

    def complete(self, segment: Segment, message: ChatMessage) -> None:
        """Puts the shown text on an item that is being recorded, now or when the node ends."""
        transcript = segment.transcript
        if transcript is None:
            return
        transcript.channel.close()
        if transcript.done:
            self._show(message, transcript)
        else:
            transcript.message = message

    @staticmethod
    def _show(message: ChatMessage, transcript: Transcript) -> None:
        message.display_text = _share(
            transcript.text.strip(), message.text_content, message.generated_text or ""
        )

    @staticmethod
    def shown(segment: Segment, heard: str) -> str:
        """What people are shown for the part of a segment's words that was heard."""
        if segment.transcript is None:
            return heard
        return _share(segment.transcript.text.strip(), heard, segment.ledger.generated.strip())


def _share(text: str, heard: str, generated: str) -> str:
    """The part of a node's text for the part of the generated one that was heard."""
    if heard == generated or not generated:
        return text
    if generated.startswith(text):
        return text[: len(heard)]
    # The node may have changed every word: what was heard of it is its share of the text.
    return text[: cut_at_word(text, len(text) * len(heard) // len(generated))]
