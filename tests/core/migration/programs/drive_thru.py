"""A drive-thru: typed parameters, and tools that change with the order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from livekit import agents
from livekit.agents import Agent, AgentSession, FunctionTool, RunContext, ToolError, function_tool
from livekit.agents import llm as lk_llm
from livekit.plugins import deepgram, openai
from livekit.plugins.elevenlabs import TTS as Voice
from pydantic import Field

Size = Literal["S", "M", "L"]
DRINKS = {"coke": 2, "water": 1}


@dataclass
class Order:
    items: dict[str, str] = field(default_factory=dict)


def order_of(context: agents.RunContext[Order]) -> Order:
    return context.userdata


class DriveThru(Agent):
    def __init__(self) -> None:
        super().__init__(
            instructions="You take orders at a drive-thru.",
            tools=[self.build_meal_tool()],
            allow_interruptions=True,
        )

    def build_meal_tool(self) -> FunctionTool:
        @function_tool
        async def order_meal(
            ctx: RunContext[Order],
            meal: Annotated[Literal["burger", "wrap"], Field(description="The meal by its name")],
            size: Annotated[Size | None, Field(description="S, M or L; null for the usual")] = None,
        ) -> str:
            """Adds a meal to the order."""
            order_of(ctx).items[meal] = size or "M"
            await self.update_tools([self.build_meal_tool(), self.build_drink_tool()])
            return f"added a {meal}, {size or 'M'}"

        return order_meal

    def build_drink_tool(self) -> FunctionTool:
        @function_tool
        async def order_drink(
            ctx: RunContext[Order],
            drink: Annotated[str, Field(description="One of the drinks", min_length=2)],
            count: Annotated[int, Field(ge=1, le=9)] = 1,
        ) -> str:
            """Adds drinks to the order."""
            if drink not in DRINKS:
                raise ToolError(f"there is no {drink}; there are: {', '.join(DRINKS)}")
            order_of(ctx).items[drink] = str(count)
            return f"added {count} {drink}"

        return order_drink

    async def on_user_turn_completed(
        self, turn_ctx: lk_llm.ChatContext, new_message: lk_llm.ChatMessage
    ) -> None:
        if order_of_session := self.session.userdata.items:
            turn_ctx.add_message(role="system", content=f"So far: {sorted(order_of_session)}")


async def entrypoint(ctx: agents.JobContext):
    await ctx.connect(auto_subscribe=agents.AutoSubscribe.AUDIO_ONLY)
    session = AgentSession[Order](
        userdata=Order(),
        stt=deepgram.STT(model="nova-3", language="en"),
        llm=openai.LLM(model="gpt-4.1-mini", temperature=0.2),
        tts=Voice(voice_id="hpp4J3VqNfWAUOO0d1Us", model="eleven_flash_v2_5"),
        max_tool_steps=4,
    )
    await session.start(agent=DriveThru(), room=ctx.room)


if __name__ == "__main__":
    agents.cli.run_app(agents.WorkerOptions(entrypoint_fnc=entrypoint, agent_name="drive-thru"))
