"""Requests: speech that user code asks for, and whose it is."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..audio import AudioFrame
from ..chat import ChatMessage
from ..events import SpeechCreated
from ..llm import ToolChoice
from ..scopes import Scope, scope_in
from ..speech import SpeechHandle, SpeechSource
from .reply import Reply
from .segment import Segment
from .switching import discard

if TYPE_CHECKING:
    from .conversation import Conversation


class Requests:
    """Makes handles, and gives what is asked for to the right agent."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def new_handle(
        self,
        source: SpeechSource,
        *,
        allow_interruptions: bool = True,
        user_initiated: bool = True,
        agent: Agent | None = None,
    ) -> SpeechHandle:
        """A fresh handle."""
        return SpeechHandle(
            self._c.ids.new("speech"),
            source=source,
            speaker=self._c.interrupting,
            agent=agent,
            allow_interruptions=allow_interruptions,
            user_initiated=user_initiated,
        )

    def announce(self, handle: SpeechHandle) -> None:
        """Tells that something has been queued."""
        self._c.notify(
            SpeechCreated(
                speech_handle=handle,
                source=handle.source,
                user_initiated=handle.user_initiated,
                at=self._c.now(),
            )
        )

    def ask(
        self, handle: SpeechHandle, start: Callable[[Agent], None], scope: Scope | None
    ) -> None:
        """Speech asked for by user code: by an open scope for its agent, from outside for the
        next."""
        if (
            scope is not None
            and not scope.is_open
            and (scope.left or scope.agent is not self._c.agent)
            and not (not scope.left and self._c.switching.paused(scope.agent))
        ):
            discard(self._c, handle, f"agent {scope.agent.id!r} has been left")
            return
        if self._c.closing.caller_gone:
            discard(self._c, handle, "the caller has gone")
            return
        self.announce(handle)
        if scope is not None and self._c.switching.paused(scope.agent):
            level = self._c.switching.level_of(scope.agent)
            assert level is not None
            handle._agent = scope.agent
            level.resumed.append((self._resume, (handle, start, scope.agent)))
        elif scope is not None and scope.is_open:
            start(scope.agent)
        elif self._c.switching.window_open:
            self._c.switching.level.held.append((handle, start))
        else:
            start(self._c.agent)

    def _resume(self, handle: SpeechHandle, start: Callable[[Agent], None], agent: Agent) -> None:
        """The agent that asked for it is active again."""
        if handle.done():
            return
        if self._c.closing_begun:
            discard(self._c, handle, "the session closed before its agent was active")
        else:
            start(agent)

    def reply_late(self, requests: int, *, last: bool) -> None:
        """A result came after its reply had been interrupted: answer it when the floor is free.

        `last`: a hand-off follows, so tools are off.
        """
        handle = self.new_handle("tool_result", user_initiated=False)
        self.announce(handle)
        reply = Reply(
            handle=handle,
            agent=self._c.agent,
            tool_choice="none" if last else "auto",
            unless_asked_since=requests,
        )
        self._c.replying.begin(reply, self._c.agent)

    def say(
        self,
        text: str | AsyncIterable[str],
        audio: AsyncIterable[AudioFrame] | None,
        allow_interruptions: bool,
        add_to_chat_ctx: bool,
        tts: Mapping[str, Any] | None,
    ) -> SpeechHandle:
        """Queues a text for the agent that the scope, or the moment, says."""
        c = self._c
        if not isinstance(text, str) and not hasattr(text, "__aiter__"):
            raise TypeError(
                f"session.say(…) got {text!r}; give a text, or an async iterable of texts"
            )
        handle = self.new_handle("say", allow_interruptions=allow_interruptions)
        overrides = dict(tts) if tts else None
        scope = scope_in(c.runtime)

        def start(agent: Agent) -> None:
            handle._agent = agent
            timeline = None
            if scope is not None and scope.kind == "tool" and scope.handle is not None:
                # What a tool says is what the caller hears first of the answer.
                timeline = c.user_turns.answering.get(scope.handle)
            segment = c.segments.new(
                handle,
                agent,
                record=add_to_chat_ctx,
                ready_audio=audio is not None,
                timeline=timeline,
            )
            c.speaking.enqueue(segment)
            if audio is not None:
                c.voicer.start_audio(segment, audio)
            if isinstance(text, str):
                if audio is not None:
                    segment.add_text(text)
                elif text:
                    c.segments.add_words(segment, text, overrides)
                c.segments.end_words(segment)
            else:
                segment.reader = c.tasks.start(
                    _read_text(c, segment, text, overrides, audio is not None),
                    f"text of {segment.id}",
                )

        c.post(self.ask, handle, start, scope)
        return handle

    def generate(
        self,
        user_input: str | ChatMessage | None,
        instructions: str | None,
        tool_choice: ToolChoice | None,
        tools: Iterable[Any] | None,
        allow_interruptions: bool,
        llm: Mapping[str, Any] | None,
    ) -> SpeechHandle:
        """Queues a reply, the same way."""
        c = self._c
        handle = self.new_handle("generate_reply", allow_interruptions=allow_interruptions)
        scope = scope_in(c.runtime)
        in_tool = scope is not None and scope.is_open and scope.kind == "tool"
        if tool_choice is None:
            tool_choice = "none" if in_tool and tools is None else "auto"
        reply = c.replying.new(
            handle,
            instructions=instructions,
            tool_choice=tool_choice,
            tools=None if tools is None else list(tools),
            overrides=dict(llm or {}),
            entering=scope is not None and scope.is_open and scope.kind == "on_enter",
        )

        def start(agent: Agent) -> None:
            if user_input is not None:
                text = user_input if isinstance(user_input, str) else user_input.text_content
                timeline = c.user_turns.new_timeline(text)
                c.user_turns.will_answer(timeline, handle, agent)
                c.user_turns.timelines.append(timeline)
                reply.timeline = timeline
                if isinstance(user_input, str):
                    reply.message = c.recorder.user_message(text, agent._chat_ctx)
                else:
                    c.recorder.add(user_input, agent._chat_ctx)
                    reply.message = user_input
            c.replying.begin(reply, agent)

        c.post(self.ask, handle, start, scope)
        return handle


async def _read_text(
    conversation: Conversation,
    segment: Segment,
    text: AsyncIterable[str],
    overrides: dict[str, Any] | None,
    has_audio: bool,
) -> None:
    try:
        async for piece in text:
            if has_audio:
                segment.add_text(piece)
            else:
                conversation.segments.add_words(segment, piece, overrides)
    except Exception as error:
        conversation.post(conversation.report_error, error, "tts", True, "the text given to say()")
        segment.handle._error_occurred(error)
    finally:
        segment.reader = None
        conversation.post(conversation.segments.end_words, segment)
