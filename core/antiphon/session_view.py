"""What can be seen of a running conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from .given import NOT_GIVEN, Maybe
from .room_options import RoomOptions

if TYPE_CHECKING:
    from datetime import datetime

    from .agent import Agent
    from .chat import ChatContext
    from .engine.conversation import Conversation
    from .events import AgentState, UserState
    from .speech import SpeechHandle
    from .streams import Usage
    from .timeline import Timeline

UserdataT = TypeVar("UserdataT")


class SessionView(Generic[UserdataT]):
    """The properties of a session: who speaks, what has been said, what it has cost."""

    _conversation: Conversation | None
    _userdata: Maybe[UserdataT]
    _room_options: RoomOptions = RoomOptions()

    @property
    def _live(self) -> Conversation:
        conversation = self._conversation
        if conversation is None:
            raise RuntimeError(
                "the session has not been started; await session.start(agent=…) first"
            )
        return conversation

    @property
    def id(self) -> str:
        """Names the session in logs, reports and traces, e.g. `session_k3v0q8ze`. Raises
        `RuntimeError` before the start."""
        return self._live.id

    @property
    def started_at(self) -> datetime:
        """The wall clock, in UTC, when the session's own time was 0. Raises `RuntimeError` before
        the start."""
        return self._live.journal.started_at

    @property
    def current_agent(self) -> Agent:
        """The active agent: the new one from the moment a switch is done."""
        return self._live.agent

    @property
    def next_agent(self) -> Agent | None:
        """The agent of a switch that is asked for and not done yet, or None."""
        return self._live.switching.next_agent

    @property
    def agent_state(self) -> AgentState:
        """`initializing`, `listening`, `thinking` or `speaking`."""
        return "initializing" if self._conversation is None else self._conversation.states.agent

    @property
    def user_state(self) -> UserState:
        """`listening`, `speaking` or `away`."""
        return "listening" if self._conversation is None else self._conversation.states.user

    @property
    def current_speech(self) -> SpeechHandle | None:
        """The speech that has the floor, or None."""
        segment = self._live.speaking.current
        return None if segment is None else segment.handle

    @property
    def history(self) -> ChatContext:
        """The whole conversation, for people; read-only."""
        return self._live.recorder.history.readonly(
            "session.history is read-only; change a copy: `session.history.copy()`"
        )

    @property
    def chat_ctx(self) -> ChatContext:
        """What the active agent's LLM is shown; read-only."""
        return self.current_agent.chat_ctx

    @property
    def turns(self) -> list[Timeline]:
        """One timeline per user turn."""
        return list(self._live.user_turns.timelines)

    @property
    def usage(self) -> dict[str, Usage]:
        """What has been used, per model string, thrown-away speculative runs included."""
        return dict(self._live.usage.by_model)

    @property
    def discarded_usage(self) -> dict[str, Usage]:
        """The part of `usage` that went into speculative runs that were thrown away."""
        return dict(self._live.usage.discarded)

    @property
    def room_options(self) -> RoomOptions:
        """What `start` was given for the room: its transport acts on it."""
        return self._room_options

    @property
    def userdata(self) -> UserdataT:
        """What the application keeps for this conversation. Raises `ValueError` when unset."""
        if self._userdata is NOT_GIVEN:
            raise ValueError("the session has no userdata; give it: AgentSession(userdata=…)")
        return self._userdata

    @userdata.setter
    def userdata(self, value: UserdataT) -> None:
        self._userdata = value
