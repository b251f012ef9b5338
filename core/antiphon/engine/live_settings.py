"""Live settings: the open streams that take on what an agent's slots have been set to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..provider import SlotName
from ..slot import BuiltSlot

if TYPE_CHECKING:
    from ..agent import Agent
    from .conversation import Conversation


class Tracked:
    """An open stream of a slot that can be reconfigured."""

    __slots__ = ("_agent", "_all", "built", "live", "slot", "stream")

    def __init__(self, all: LiveSettings, slot: SlotName, built: Any, agent: Agent) -> None:
        self._all = all
        self._agent = agent
        self.slot = slot
        self.built = built
        self.live: Mapping[str, Any] = {}
        """The live settings that it has."""
        self.stream: Any = None

    def opened(self, stream: Any) -> None:
        """The provider has given its stream."""
        self.stream = stream
        self._all.opened(self, self._agent)

    def closed(self) -> None:
        """It ends."""
        self._all.closed(self)


class LiveSettings:
    """Knows the streams that are open now."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._open: dict[Tracked, None] = {}

    def track(self, slot: SlotName, built: Any, agent: Agent) -> Tracked | None:
        """What is to be told of a stream's opening and end; None for a slot that has no use of
        it."""
        if getattr(type(built), "reconfigure", BuiltSlot.reconfigure) is BuiltSlot.reconfigure:
            return None
        return Tracked(self, slot, built, agent)

    def opened(self, tracked: Tracked, agent: Agent) -> None:
        """A stream is open, with the settings that hold now."""
        tracked.live = self._c.slots.live(agent, tracked.slot)
        self._open[tracked] = None

    def closed(self, tracked: Tracked) -> None:
        """A stream ends."""
        self._open.pop(tracked, None)

    def activated(self, agent: Agent) -> None:
        """An agent has become active: a stream that it shares with the last one may have to
        change."""
        if any(self._differs(each, agent) for each in self._open):
            self._c.tasks.start(self.reconfigure(agent), "reconfigure")

    def _differs(self, tracked: Tracked, agent: Agent) -> bool:
        slots = self._c.slots
        same_slot = slots.get(agent, tracked.slot) is tracked.built
        return same_slot and tracked.live != slots.live(agent, tracked.slot)

    async def reconfigure(self, agent: Agent) -> None:
        """Has the open streams of the agent's slots take on its live settings."""
        for tracked in [each for each in self._open if self._differs(each, agent)]:
            slot = tracked.slot
            tracked.live = live = self._c.slots.live(agent, slot)
            # Also where all are back to what it was built with: it has to be told.
            settings = self._c.slots.call_settings(agent, slot, live) or self._built_with(tracked)
            try:
                await tracked.built.reconfigure(settings, stream=tracked.stream)
            except Exception as error:
                self._c.post(self._c.report_error, error, slot, True, "reconfigure")

    def _built_with(self, tracked: Tracked) -> Mapping[str, Any]:
        return self._c.slots.built_settings(tracked.built)
