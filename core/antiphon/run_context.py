"""What a tool is given about the conversation it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from .chat import ChatContext, FunctionCall
    from .session import AgentSession
    from .speech import SpeechHandle

UserdataT = TypeVar("UserdataT")


class ToolRun(Protocol):
    """What a `RunContext` needs from the engine about the call it belongs to."""

    def speak_progress(self, text: str) -> SpeechHandle: ...

    async def step_played(self) -> None: ...


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
        """Says how the tool is getting on, while it runs."""
        return self._run.speak_progress(text)

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
