"""What the agents of a conversation can reach of it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..audio import AudioFrame
from ..chat import ChatContext
from ..llm import LLMEvent
from ..nodes import ModelSettings
from ..streams import Flush
from ..stt import STTEvent
from ..tools import Tool
from ..tts import TTSEvent
from .llm_stream import llm_events
from .nodes import SlotStream

if TYPE_CHECKING:
    from ..scopes import Scope
    from ..session import AgentSession
    from ..task import AgentTask
    from .conversation import Conversation


class NodeRuntime:
    """The streams of the slots, as the default nodes ask for them."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    @property
    def session(self) -> AgentSession[Any]:
        """The session of the conversation."""
        return self._c.session

    def stt_stream(
        self, agent: Agent, audio: AsyncIterable[AudioFrame | Flush], settings: ModelSettings
    ) -> AsyncIterator[STTEvent]:
        """The events of the stt slot."""
        slot = self._c.slots.need(agent, "stt")
        given = settings.overrides
        return SlotStream(
            lambda: slot.transcribe(audio, self._c.slots.call_settings(agent, "stt", given)),
            what=self._c.slots.label(agent, "stt"),
            live=self._c.live.track("stt", slot, agent),
        )

    def llm_stream(
        self, agent: Agent, chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings
    ) -> AsyncIterator[LLMEvent]:
        """The events of the llm slot, with core's retries."""
        return llm_events(self._c, agent, chat_ctx, tools, settings)

    def tts_stream(
        self, agent: Agent, text: AsyncIterable[str | Flush], settings: ModelSettings
    ) -> AsyncIterator[TTSEvent]:
        """The events of the tts slot."""
        slot = self._c.slots.need(agent, "tts")
        given = settings.overrides
        segment = self._c.voicer.segment_of_task()
        return SlotStream(
            lambda: slot.synthesize(text, self._c.slots.call_settings(agent, "tts", given)),
            what=self._c.slots.label(agent, "tts"),
            limit=self._c.options.conn_options.tts_conn_options.timeout,
            owed=None if segment is None else lambda: segment.spoken_done,
            live=self._c.live.track("tts", slot, agent),
        )

    async def run_task(self, task: AgentTask[Any], scope: Scope) -> None:
        """Leads a task to its end, for the tool or hook that awaits it."""
        await self._c.task_frames.run(task, scope)

    def task_completed(self, task: AgentTask[Any]) -> None:
        """A task that is in the session is complete; may be called from a tool's thread."""
        self._c.session._on_loop(lambda: self._c.post(self._c.task_frames.completed, task))

    async def tools_changed(self, agent: Agent) -> None:
        """An agent's tools have been changed: waits for the set-up of its new sets."""
        await self._c.tool_sets.changed(agent)

    async def slots_changed(self, agent: Agent) -> None:
        """An agent's slots have been changed: build what is new, and use it from the next call
        on."""
        self._c.slots.retune(agent)
        self._c.slots.resolve_all(agent)
        await self._c.slots.load_late(agent)
        if agent is self._c.agent:
            self._c.post(self._c.retarget, agent)
            await self._c.live.reconfigure(agent)
