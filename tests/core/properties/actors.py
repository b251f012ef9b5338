"""The agents and tasks of a stage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from antiphon import Agent, AgentTask, function_tool
from antiphon.chat import ChatContext, ChatMessage

from .plan import Deeds, Errand, Person
from .providers import PlannedSTT, PlannedTTS

if TYPE_CHECKING:
    from .stage import Stage

LONGEST = 8.0
"""Seconds after which a task that its user or its LLM does not complete is completed for them."""


class Actor(Agent):
    """An agent that does what its `Person` says."""

    def __init__(self, stage: Stage, number: int, person: Person) -> None:
        slots: dict[str, Any] = {}
        if person.voice != "shared":
            slots["tts"] = PlannedTTS(stage) if person.voice == "own" else None
        if person.ears == "own":
            slots["stt"] = PlannedSTT(stage)
        super().__init__(
            id=f"p{number}", instructions=f"p{number}", tools=stage.script.tools(), **slots
        )
        self.stage = stage
        if person.enter is not None:
            self._do_as("on_enter", person.enter)
        if person.exit is not None:
            self._do_as("on_exit", person.exit)
        if person.turn is not None:
            turn = person.turn

            async def on_user_turn_completed(turn_ctx: ChatContext, message: ChatMessage) -> None:
                await stage.doer.do(turn)

            self.on_user_turn_completed = on_user_turn_completed  # type: ignore[method-assign]
        if person.node:
            self.llm_node = self._own_node  # type: ignore[method-assign]

    def _do_as(self, hook: str, deeds: Deeds) -> None:
        async def run_hook() -> None:
            stage = self.stage
            stage.record.hooks.append((stage.now, hook, self.id))
            await stage.doer.do(deeds)

        setattr(self, hook, run_hook)

    async def _own_node(self, chat_ctx: ChatContext, tools: Any, settings: Any) -> Any:
        async def events() -> AsyncIterator[Any]:
            async for event in Agent.default.llm_node(self, chat_ctx, tools, settings):
                yield event

        return events()


class Chore(AgentTask[int]):
    """A task that does what its `Errand` says, and gives its number."""

    def __init__(self, stage: Stage, number: int, errand: Errand) -> None:
        @function_tool
        async def finish() -> None:
            """Completes the task."""
            self.end()

        super().__init__(
            id=f"t{number}",
            instructions=f"t{number}",
            tools=[*stage.script.tools(), *([finish] if errand.ends == "tool" else ())],
            preserve_function_call_history=errand.kept,
        )
        self.stage = stage
        self.number = number
        self.errand = errand
        if errand.ends == "turn":

            async def on_user_turn_completed(turn_ctx: ChatContext, message: ChatMessage) -> None:
                self.end()

            self.on_user_turn_completed = on_user_turn_completed  # type: ignore[method-assign]

    def end(self) -> None:
        """Completes it, unless somebody has."""
        if not self.done():
            self.complete(self.number % 2)  # 0 is a result like any other

    async def on_enter(self) -> None:
        stage, ends = self.stage, self.errand.ends
        stage.record.hooks.append((stage.now, "on_enter", self.id))
        if ends in ("later", "tool", "turn"):
            stage.doer.later(1.5 if ends == "later" else LONGEST, self.end)
        await stage.doer.do(self.errand.enter)
        if ends == "enter":
            self.end()
        elif ends == "error":
            self.complete(LookupError("nothing was found"))
        elif ends == "cancel":
            self.cancel()

    async def on_exit(self) -> None:
        stage = self.stage
        stage.record.hooks.append((stage.now, "on_exit", self.id))
        await stage.doer.do(self.errand.exit)
