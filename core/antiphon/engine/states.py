"""What the agent and the user are doing, as listeners are told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..events import AgentState, AgentStateChanged, UserState, UserStateChanged

if TYPE_CHECKING:
    from .conversation import Conversation


class States:
    """Derives the agent's state from what is going on, and keeps the user's."""

    def __init__(self, conversation: Conversation, away_after: float | None) -> None:
        self._c = conversation
        self._away_after = away_after
        self._away: asyncio.TimerHandle | None = None
        self.agent: AgentState = "initializing"
        self.user: UserState = "listening"
        self.spoke_since: float | None = None
        """When the user began to speak in the turn that is in progress."""

    def derive(self) -> None:
        """Tells when the agent has begun to do something else."""
        if self._c.speaking.audible:
            state: AgentState = "speaking"
        elif self._c.replying.thinking or self._c.speaking.expected:
            state = "thinking"
        else:
            state = "listening"
        if state == self.agent:
            return
        old, self.agent = self.agent, state
        self._c.notify(AgentStateChanged(old_state=old, new_state=state, at=self._c.now()))
        if "speaking" in (old, state):
            self._c.turns.agent_speaks(state == "speaking")
        self._watch_away()

    def user_speaks(self, speaking: bool) -> None:
        """The user's voice has begun or ended."""
        if speaking and self.spoke_since is None:
            began = self._c.turns.began if self._c.hearing.has_vad else None
            self.spoke_since = self._c.now() if began is None else self._c.since_start(began)
        self.set_user("speaking" if speaking else "listening")

    def set_user(self, state: UserState) -> None:
        """Tells when the user has."""
        if state == self.user:
            return
        old, self.user = self.user, state
        self._c.notify(UserStateChanged(old_state=old, new_state=state, at=self._c.now()))
        self._watch_away()

    def user_acts(self) -> None:
        """The user is there, whatever the voice does: has pressed a key."""
        if self.user == "away":
            self.set_user("listening")
        else:
            self._watch_away()

    def _watch_away(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None
        both_silent = self.agent == "listening" and self.user == "listening"
        if both_silent and self._away_after is not None and not self._c.closing_begun:
            self._away = self._c.loop.call_later(self._away_after, self._c.post, self._go_away)

    def _go_away(self) -> None:
        paused = self._c.switching.paused
        if any(not paused(call.step.agent) for call in self._c.tool_calls.running.values()):
            # The user waits for one that runs on although its reply was interrupted.
            self._watch_away()
        else:
            self.set_user("away")

    def close(self) -> None:
        """Stops the timer."""
        if self._away is not None:
            self._away.cancel()
            self._away = None
