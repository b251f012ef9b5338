"""What a tool is given about the conversation it runs in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from .chat import ChatContext, FunctionCall
    from .session import AgentSession
    from .speech import SpeechHandle

UserdataT = TypeVar("UserdataT")

FillerSource: TypeAlias = "str | Sequence[str] | Callable[[int], str | SpeechHandle | None]"
"""A text; several, said in turn; or a function of how many have been said that gives one, a speech
it has asked for itself, or None: nothing more."""


class ToolRun(Protocol):
    """What a `RunContext` needs from the engine about the call it belongs to."""

    def speak_progress(self, text: str) -> SpeechHandle: ...

    async def step_played(self) -> None: ...

    def filler(
        self, source: FillerSource, *, delay: float, interval: float | None, max_steps: int | None
    ) -> AbstractAsyncContextManager[None]: ...

    def foreground(self) -> AbstractAsyncContextManager[None]: ...


class RunContext(Generic[UserdataT]):
    """Given to a tool that has a parameter annotated with it, wherever it stands in the list."""

    __antiphon_run_context__ = True
    __slots__ = ("_run", "function_call", "session", "speech_handle")

    def __init__(
        self,
        *,
        session: AgentSession[UserdataT],
        speech_handle: SpeechHandle,
        function_call: FunctionCall,
        run: ToolRun,
    ) -> None:
        self.session = session
        self.speech_handle = speech_handle
        """The reply whose step made the call. Do not await it in the tool: use
        `wait_for_playout`."""
        self.function_call = function_call
        self._run = run

    @property
    def userdata(self) -> UserdataT:
        """The session's `userdata`. Raises `ValueError` when none was given."""
        return self.session.userdata

    @property
    def chat_ctx(self) -> ChatContext:
        """The active agent's context, read-only, the step in progress included."""
        return self.session.chat_ctx

    def update(self, text: str) -> SpeechHandle:
        """Says how the tool is getting on, while it runs. The caller can go on talking: what they
        say is a turn as any other, and the tool runs on behind it. Returns at once; awaiting the
        handle waits until the words have been played, so leave the `await` out to work on
        meanwhile."""
        return self._run.speak_progress(text)

    def with_filler(
        self,
        source: FillerSource,
        *,
        delay: float = 0.0,
        interval: float | None = None,
        max_steps: int | None = None,
    ) -> AbstractAsyncContextManager[None]:
        """Speaks when the block takes long: `async with ctx.with_filler("One moment.", delay=1):`

        The first words come when it has been quiet for `delay` seconds: nobody spoke, and no LLM
        was writing. With `interval` there are more: that many seconds after the last ones, and
        `delay` seconds of quiet, `max_steps` in all. The end of the block, or an interruption of
        the reply, ends it: what has begun is finished, what has not is not said.
        """
        return self._run.filler(source, delay=delay, interval=interval, max_steps=max_steps)

    def foreground(self) -> AbstractAsyncContextManager[None]:
        """Has the caller's attention: `async with ctx.foreground():` around what a tool asks them.

        Waits until it is quiet and no other tool is in the foreground. While the block runs, the
        results of other tools in the background are not spoken, and the fillers of others are
        silent; they come after it. Turns of the user are taken as ever. Raises `ToolError` when
        the tool's agent has been left.
        """
        return self._run.foreground()

    def disallow_interruptions(self) -> None:
        """From now on the user cannot cut this reply short, nor keep the tool's result from being
        said."""
        self.speech_handle.allow_interruptions = False

    async def wait_for_playout(self) -> None:
        """Waits until what this step said before the call has been played."""
        await self._run.step_played()

    def __repr__(self) -> str:
        return f"RunContext({self.function_call.name})"


AnyRunContext = RunContext[Any]
