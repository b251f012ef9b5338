"""An LLM that answers by script, and remembers what it was shown."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import math
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

from ..chat import ChatContext, ChatItem, ChatMessage, FunctionCallOutput
from ..errors import ProviderRejected
from ..llm import LLM, Finish, LLMEvent, TextDelta, ToolCall, ToolChoice
from ..streams import Usage
from ..tools import Tool
from .failures import Fail, due_failure


class Call:
    """A tool call in a reply: `Call("look_up", invoice=3)`."""

    __slots__ = ("arguments", "name")

    def __init__(self, name: str, /, **arguments: Any) -> None:
        self.name = name
        self.arguments = json.dumps(arguments, ensure_ascii=False)
        """JSON, as the model is to write it."""

    @classmethod
    def raw(cls, name: str, arguments: str) -> Call:
        """A call whose arguments are this very text, however broken."""
        call = cls(name)
        call.arguments = arguments
        return call

    def __repr__(self) -> str:
        return f"Call.raw({self.name!r}, {self.arguments!r})"


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of silence within a reply."""

    seconds: float
    """`math.inf`: the stream never goes on."""


@final
class _Cut:
    def __repr__(self) -> str:
        return "CUT"


CUT: Final = _Cut()
"""Within a reply: the stream ends here, without its `Finish`."""

Piece: TypeAlias = str | Call | Pause | LLMEvent | BaseException | _Cut
Reply: TypeAlias = Piece | Sequence[Piece]
"""A text, a `Call`, an error to raise, or a list of such pieces, in the order they come."""
Script: TypeAlias = (
    Sequence[Reply]
    | Mapping[str, Reply]
    | Callable[[ChatContext, Sequence[Tool]], Reply | Awaitable[Reply]]
)


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """What one call of `ScriptedLLM.chat` was given."""

    chat_ctx: ChatContext
    """A copy, as it was then."""
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    settings: Mapping[str, Any] | None

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The names of the tools that were offered, in order."""
        return tuple(tool.name for tool in self.tools)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Role and text of every message."""
        return [(message.role, message.text_content) for message in self.chat_ctx.messages()]


class ScriptedLLM(LLM):
    """Answers by `replies`, which may be

    * a list: one reply per call, in order; a call beyond its end is refused;
    * a mapping: the reply of the first key that occurs in the last user message or tool output,
      upper and lower case alike (`""` occurs in everything); none: the call is refused;
    * a function of the context and the tools, `async` or not, that returns the reply.

    Text comes word by word: the first event after `first_token` seconds, the last at `total`. With
    both 0 nothing sleeps and everything comes at once.

    `Usage` counts items of the context as input tokens, and words and calls as output tokens.
    """

    def __init__(
        self,
        replies: Script,
        *,
        first_token: float = 0.1,
        total: float = 0.3,
        record: bool = True,
        fail_at: Fail | Sequence[Fail] = (),
    ) -> None:
        """`record=False` leaves `requests` empty, for benchmarks."""
        if isinstance(replies, str):
            raise TypeError(
                f"replies is the text {replies!r}; give a list of replies: [{replies!r}]"
            )
        self.replies = replies
        self.first_token = first_token
        self.total = total
        self.record = record
        self.fail_at = fail_at
        self.calls = 0
        """How many times an answer was begun."""
        self.requests: list[LLMRequest] = []
        """What each call was given."""
        self._tool_calls = 0

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[LLMEvent, None]:
        self.calls += 1
        if self.record:
            request = LLMRequest(chat_ctx.copy(), tuple(tools), tool_choice, settings)
            self.requests.append(request)
        failure = due_failure(self.fail_at, self.calls) if self.fail_at else None
        if failure is not None and not failure.after:
            raise failure.error
        reply = self._reply(chat_ctx, tools)
        if inspect.isawaitable(reply):
            reply = await reply
        events = self._events(reply, len(chat_ctx))
        if not self.first_token and not self.total and failure is None:
            for event in events:
                if isinstance(event, _Cut):
                    return
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Pause):
                    await _pause(event)
                else:
                    yield event
            return
        loop = asyncio.get_running_loop()
        due, given = loop.time() + self.first_token, 0
        span = max(0.0, self.total - self.first_token)
        step = span / max(1, sum(isinstance(event, _CONTENT) for event in events) - 1)
        for number, event in enumerate(events):
            if failure is not None and number >= failure.after:
                raise failure.error
            if isinstance(event, Pause):
                await _pause(event)
                due += event.seconds
                continue
            if isinstance(event, Usage):
                await _sleep_until(loop, due + span)
            elif isinstance(event, (*_CONTENT, BaseException, _Cut)):
                await _sleep_until(loop, due + given * step)
                given += 1
            if isinstance(event, _Cut):
                return
            if isinstance(event, BaseException):
                raise event
            yield event

    def _reply(self, chat_ctx: ChatContext, tools: Sequence[Tool]) -> Reply | Awaitable[Reply]:
        replies = self.replies
        if callable(replies):
            return replies(chat_ctx, tools)
        if isinstance(replies, Mapping):
            subject = subject_of(chat_ctx)
            folded = subject.casefold()
            for key, reply in replies.items():
                if key.casefold() in folded:
                    return reply
            raise ProviderRejected(
                f"the script has no reply to {subject!r} (it has: "
                f'{", ".join(map(repr, replies))}); add one, or "" for everything else'
            )
        if self.calls > len(replies):
            count = "1 reply" if len(replies) == 1 else f"{len(replies)} replies"
            raise ProviderRejected(
                f"the script has {count} and this is call {self.calls}, "
                f"for {subject_of(chat_ctx)!r}; add one"
            )
        return replies[self.calls - 1]

    def _events(self, reply: Reply, items: int) -> Sequence[_Event]:
        """The events of a reply, the closing ones included; errors and pauses at their places."""
        if isinstance(reply, str):
            deltas = _deltas(reply)
            usage = Usage(input_tokens=items, output_tokens=len(deltas))
            return (*deltas, usage, _STOP)
        events: list[_Event] = []
        called = False
        for piece in reply if isinstance(reply, Sequence) else (reply,):
            if isinstance(piece, str):
                events.extend(_deltas(piece))
            elif isinstance(piece, Call):
                called = True
                self._tool_calls += 1
                call_id = f"call_{self._tool_calls}"
                events.append(ToolCall(call_id, piece.name, piece.arguments))
            else:
                events.append(piece)
                called = called or isinstance(piece, ToolCall)
        output = sum(isinstance(event, _CONTENT) for event in events)
        usage = Usage(input_tokens=items, output_tokens=output)
        if events and isinstance(events[-1], Finish):
            return [*events[:-1], usage, events[-1]]
        return [*events, usage, _TOOL_CALLS if called else _STOP]


_Event: TypeAlias = LLMEvent | Pause | BaseException | _Cut
_CONTENT = (TextDelta, ToolCall)
_STOP = Finish("stop")
_TOOL_CALLS = Finish("tool_calls")


@functools.lru_cache(maxsize=1024)
def _deltas(text: str) -> tuple[TextDelta, ...]:
    """One per word, white space before it, as models write; the last takes what is left."""
    return tuple(map(TextDelta, re.findall(r"\s*\S+(?:\s+\Z)?|\s+\Z", text)))


def subject_of(chat_ctx: ChatContext) -> str:
    """The last user message, tool output, or instruction that is not at the beginning."""
    subject = ""
    for index in range(len(chat_ctx) - 1, -1, -1):
        item: ChatItem = chat_ctx[index]
        if isinstance(item, FunctionCallOutput):
            return item.output
        if isinstance(item, ChatMessage):
            if item.role != "assistant" and (item.role == "user" or index > 0):
                return item.text_content
            subject = subject or item.text_content
    return subject


async def _sleep_until(loop: asyncio.AbstractEventLoop, due: float) -> None:
    delay = due - loop.time()
    if delay > 1e-9:
        await asyncio.sleep(delay)


async def _pause(pause: Pause) -> None:
    if pause.seconds == math.inf:
        await asyncio.get_running_loop().create_future()
    await asyncio.sleep(pause.seconds)
