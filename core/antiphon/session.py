"""The public face of a running conversation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from .agent import Agent, check_agent
from .built_slots import BuiltSlots
from .conn_options import SessionConnectOptions
from .dtmf import dtmf_digits
from .errors import ConfigurationError, SessionClosed, TransportError, did_you_mean
from .given import NOT_GIVEN, Maybe
from .listeners import EventSource
from .logs import logged_as
from .room_options import RoomOptions
from .scopes import open_scope
from .session_options import SessionOptions
from .session_runs import SessionRuns
from .session_view import SessionView
from .slot_values import (
    LLMLike,
    STTLike,
    TTSLike,
    TurnDetectorLike,
    VADLike,
    check_slot_value,
)
from .text_transforms import DEFAULTS as DEFAULT_TRANSFORMS
from .text_transforms import TextTransformLike
from .text_transforms import resolve as resolve_transforms
from .turn_handling import TurnHandling

if TYPE_CHECKING:
    from .audio import AudioFrame
    from .chat import ChatMessage
    from .engine.conversation import Conversation
    from .llm import ToolChoice
    from .provider import SlotName
    from .registry import Registry
    from .speech import SpeechHandle
    from .transport import Transport

UserdataT = TypeVar("UserdataT")
T = TypeVar("T")

_OLDER = ("room_input_options", "room_output_options", "record")  # of programs not migrated yet


class AgentSession(EventSource, SessionView[UserdataT], SessionRuns, BuiltSlots):
    """One conversation between a caller and agents, of which exactly one is active.

    The slots given here are those of every agent that does not bring its own. Used as
    `async with AgentSession(...) as session:` it is closed at the end of the block.

    Raises `ModelStringError` for a model string that cannot be read.
    """

    def __init__(
        self,
        *,
        agent: Agent | None = None,
        stt: STTLike = None,
        llm: LLMLike = None,
        tts: TTSLike = None,
        vad: VADLike = None,
        turn_detector: TurnDetectorLike = None,
        turn_handling: TurnHandling | Mapping[str, Any] | None = None,
        tools: Iterable[Any] = (),
        userdata: Maybe[UserdataT] = NOT_GIVEN,
        max_tool_steps: int = 3,
        tool_timeout: float | None = None,
        max_tool_output: int | None = 50_000,
        max_duration: float | None = None,
        conn_options: SessionConnectOptions | Mapping[str, Any] | None = None,
        user_away_timeout: float | None = 15.0,
        aec_warmup_duration: float | None = None,
        dtmf_timeout: float | None = 2.0,
        tts_text_transforms: Maybe[Iterable[TextTransformLike] | None] = NOT_GIVEN,
        registry: Registry | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self._agent = None if agent is None else check_agent(agent, "AgentSession(agent=…)")
        self._slots: dict[SlotName, Any] = {
            "stt": stt,
            "llm": llm,
            "tts": tts,
            "vad": vad,
            "turn_detector": turn_detector,
        }
        for name, value in self._slots.items():
            check_slot_value(value, name)
        self._options = SessionOptions(
            turn_handling=TurnHandling.of(turn_handling),
            tools=tuple(tools),
            max_tool_steps=max_tool_steps,
            tool_timeout=tool_timeout,
            max_tool_output=max_tool_output,
            max_duration=max_duration,
            conn_options=SessionConnectOptions.of(conn_options),
            user_away_timeout=user_away_timeout,
            aec_warmup_duration=aec_warmup_duration,
            dtmf_timeout=dtmf_timeout,
            tts_text_transforms=resolve_transforms(
                DEFAULT_TRANSFORMS if tts_text_transforms is NOT_GIVEN else tts_text_transforms,
                "tts_text_transforms",
            ),
            seed=seed,
        )
        self._userdata = userdata
        self._registry = registry
        self._conversation: Conversation | None = None
        self._thread: int | None = None

    async def __aenter__(self) -> AgentSession[UserdataT]:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._conversation is not None:
            await self.aclose()

    # Beginning

    async def start(
        self,
        agent: Agent | None = None,
        *,
        transport: Transport | None = None,
        room: Any = None,
        room_options: RoomOptions | Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        """Begins the conversation; returns when the first agent is active.

        `agent` wins over the constructor's. `transport` carries audio and text; `room` is the same
        for any object that a plugin, or its own `transport` attribute, turns into one. Without
        either it is a conversation of text, by `generate_reply(user_input=…)`. `room_options` are
        for the transport of a room on a server.

        Raises `ConfigurationError` and its kind for agents and slots that cannot work,
        `TransportError` when there is no way to connect, `RuntimeError` when the session is
        running already.
        """
        for name in [each for each in unknown if each not in _OLDER]:
            near = did_you_mean(name, ("agent", "transport", "room", "room_options"))
            raise TypeError(f"AgentSession.start() has no argument {name!r}{near}")
        self._room_options = RoomOptions.of(room_options)
        if self._conversation is not None:
            state = "has been closed" if self._conversation.closing_begun else "is running already"
            raise RuntimeError(f"this session {state}; make a new AgentSession for another call")
        first = agent if agent is not None else self._agent
        if first is None:
            raise ConfigurationError(
                "the session has no agent; give it one: session.start(agent=…)"
            )
        first = check_agent(first, "session.start(agent=…)")
        if first._runtime is not None or first._claimed is not None:
            raise RuntimeError(
                f"agent {first.id!r} is active in another session; make a new one for this session"
            )
        # The engine is loaded with the first conversation, not with the import of a script.
        from .engine.connecting import announce, transport_for
        from .engine.conversation import Conversation

        carrier = transport if transport is not None else transport_for(room, self._registry)
        conversation = Conversation(
            self,
            agent=first,
            slots=self._slots,
            registry=self._registry,
            options=self._options,
            listeners=self._listeners,
        )
        self._conversation = conversation
        self._thread = threading.get_ident()
        try:
            announce(self, self._registry)
            with logged_as(conversation.log_fields):
                await conversation.start(carrier)
        except BaseException:
            conversation.stop_clocks()
            await conversation.tasks.aclose(1.0)
            await conversation.tool_sets.aclose()
            if carrier is not None:
                await carrier.aclose()
            first._runtime = None
            self._conversation = None
            raise

    # What it is now

    @property
    def _open(self) -> Conversation:
        conversation = self._live
        if conversation.closing_begun and not self._in_last_exit(conversation):
            raise SessionClosed(
                f"the session has been closed ({conversation.closing.reason}); it says nothing more"
            )
        return conversation

    @staticmethod
    def _in_last_exit(conversation: Conversation) -> bool:
        scope = open_scope(conversation.runtime)
        return scope is not None and scope is conversation.closing.exit_scope

    # Speaking

    def say(
        self,
        text: str | AsyncIterable[str],
        *,
        audio: AsyncIterable[AudioFrame] | None = None,
        allow_interruptions: bool = True,
        add_to_chat_ctx: bool = True,
        tts: Mapping[str, Any] | None = None,
    ) -> SpeechHandle:
        """Speaks a text, given whole or in pieces. Returns at once; await the handle for its end.

        `audio` is played in place of a TTS. `tts` gives settings for this call. Raises
        `SessionClosed` once the session has been closed. May be called from a tool's thread.
        """
        return self._on_loop(
            lambda: self._open.requests.say(text, audio, allow_interruptions, add_to_chat_ctx, tts)
        )

    def generate_reply(
        self,
        *,
        user_input: str | ChatMessage | None = None,
        instructions: str | None = None,
        tool_choice: ToolChoice | None = None,
        tools: Iterable[Any] | None = None,
        allow_interruptions: bool = True,
        llm: Mapping[str, Any] | None = None,
    ) -> SpeechHandle:
        """Has the active agent reply. Returns at once; await the handle for the end of the reply.

        `user_input` is recorded as a user turn. `instructions` hold for this reply only. Inside a
        tool the tools are off unless `tool_choice` or `tools` is given. `llm` gives settings for
        this call. Raises `SessionClosed` once the session has been closed. May be called from a
        tool's thread.
        """
        return self._on_loop(
            lambda: self._open.requests.generate(
                user_input, instructions, tool_choice, tools, allow_interruptions, llm
            )
        )

    def interrupt(self, *, force: bool = False) -> asyncio.Future[None]:
        """Stops all speech now, `force` also what may not be interrupted. The future is done."""
        conversation = self._live
        self._on_loop(
            lambda: conversation.post(lambda: conversation.interrupting.asked(force=force))
        )
        done: asyncio.Future[None] = conversation.loop.create_future()
        done.set_result(None)
        return done

    # Agents and turns

    def update_agent(self, agent: Agent) -> Awaitable[None]:
        """Hands over to `agent` when the present speech is done; await it to wait for the switch.

        Raises `RuntimeError` when the agent is in another session, and what a slot of it raises.
        """
        agent = check_agent(agent, "session.update_agent(…)")
        return self._on_loop(lambda: self._open.switching.update_agent(agent))

    def commit_user_turn(self) -> None:
        """Ends the user's turn by hand (push to talk)."""
        self._only_on_loop("commit_user_turn")
        conversation = self._open
        conversation.post(conversation.turns.commit_now)

    def clear_user_turn(self) -> None:
        """Forgets what the user has said since the last turn."""
        self._only_on_loop("clear_user_turn")
        conversation = self._open
        conversation.post(conversation.turns.forget)

    async def send_dtmf(self, digits: str) -> None:
        """Presses keys at the user's end, e.g. in the menu of a telephone system.

        Returns when the transport has sent them. Raises `ValueError` for what is no key,
        `TransportError` where the transport cannot send keys, `SessionClosed` after the end.
        """
        self._only_on_loop("send_dtmf")
        transport = self._open.transport
        digits = dtmf_digits(digits)
        if transport is None:
            raise TransportError(
                "the session has no transport to send keys by; give it one: "
                "session.start(transport=…)"
            )
        await transport.send_dtmf(digits)

    def update_tools(self, tools: Iterable[Any]) -> None:
        """Changes the tools that every agent of the session has."""
        self._only_on_loop("update_tools")
        self._options = replace(self._options, tools=tuple(tools))
        if self._conversation is not None:
            self._conversation.share_tools(list(self._options.tools))

    # Ending

    async def wait_for_idle(self) -> None:
        """Waits until nobody speaks, thinks, or switches."""
        conversation = self._live
        scope = open_scope(conversation.runtime)
        if scope is not None and not scope.returned:
            raise RuntimeError(
                f"the {scope} awaits the session's silence, which waits for it; await the handle "
                "of a `say` or `generate_reply` instead"
            )
        while not conversation.idle and not conversation.closing_begun:
            await conversation.next_idle()

    async def drain(self) -> None:
        """Waits until everything queued has been said."""
        await self.wait_for_idle()

    def shutdown(self, *, drain: bool = True, reason: str = "user_initiated") -> None:
        """Begins to close; may be called anywhere, tools and hooks included."""
        conversation = self._live
        self._on_loop(
            lambda: conversation.post(lambda: conversation.closing.begin(reason, drain=drain))
        )

    async def aclose(self) -> None:
        """Closes without draining, and waits for the end. Harmless when repeated.

        Raises `RuntimeError` in a tool or hook of this session: there, use `shutdown()`.
        """
        conversation = self._live
        scope = open_scope(conversation.runtime)
        if scope is not None and not scope.returned:
            raise RuntimeError(
                f"the {scope} awaits the end of its own session, which waits for it; "
                "use `session.shutdown()`"
            )
        conversation.post(lambda: conversation.closing.begin("user_initiated"))
        await asyncio.shield(conversation.closing.closed)

    async def wait_closed(self) -> None:
        """Waits until the session has been closed, by whomever."""
        await asyncio.shield(self._live.closing.closed)

    # Threads

    def _only_on_loop(self, name: str) -> None:
        if self._thread is not None and threading.get_ident() != self._thread:
            from .engine.threads import wrong_thread

            raise wrong_thread(name)

    def _on_loop(self, call: Callable[[], T]) -> T:
        """Runs a call on the loop's thread, waiting for it when this is another one."""
        if self._thread is None or threading.get_ident() == self._thread:
            return call()
        from .engine.threads import call_on_loop

        return call_on_loop(self._live.loop, call)
