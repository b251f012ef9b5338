"""A front desk: a task inside a tool asks for the guest's name, then another agent takes over."""

import logging

from dotenv import load_dotenv
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    AgentTask,
    JobContext,
    JobProcess,
    MetricsCollectedEvent,
    RoomInputOptions,
    RunContext,
    ToolError,
    cli,
    inference,
    metrics,
)
from livekit.agents.llm import function_tool
from livekit.plugins import noise_cancellation, silero
from livekit.plugins.turn_detector.multilingual import MultilingualModel

load_dotenv()

logger = logging.getLogger("front-desk")


class AskName(AgentTask[str]):
    def __init__(self, chat_ctx) -> None:
        super().__init__(
            instructions="Find out the name of the guest.",
            chat_ctx=chat_ctx.copy(exclude_instructions=True, exclude_function_call=True),
        )

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Ask for the name.")

    @function_tool
    async def got_name(self, context: RunContext, name: str) -> None:
        """To be called with the name.

        Args:
            name: The full name of the guest
        """
        if not name.strip():
            raise ToolError("that is no name")
        self.complete(name)


class Concierge(Agent):
    def __init__(self, guest: str) -> None:
        super().__init__(
            instructions=f"You help {guest} in the house.",
            tts=inference.TTS("cartesia/sonic-3", voice="9626c31c-bec5-4cca-baa8-f8ba9e84c8bc"),
        )

    async def on_enter(self) -> None:
        await self.session.say("This is the concierge.", allow_interruptions=False)


class FrontDesk(Agent):
    def __init__(self) -> None:
        super().__init__(
            instructions="You are the front desk of a hotel.",
            min_endpointing_delay=0.4,  # guests are in a hurry
        )

    async def on_enter(self) -> None:
        self.session.generate_reply()

    @function_tool()
    async def check_in(self, context: RunContext) -> str:
        """Checks a guest in."""
        name = await AskName(self.chat_ctx)
        return f"{name} has room 12"

    @function_tool()
    async def to_concierge(self, context: RunContext, guest: str):
        """Hands over to the concierge."""
        return Concierge(guest), "Putting you through."


server = AgentServer()


def prewarm(proc: JobProcess) -> None:
    proc.userdata["vad"] = silero.VAD.load()


server.setup_fnc = prewarm


async def on_session_end(ctx: JobContext) -> None:
    report = ctx.make_session_report()
    logger.info("the call is over: %s", report)


@server.rtc_session(agent_name="front-desk", on_session_end=on_session_end)
async def entrypoint(ctx: JobContext) -> None:
    ctx.log_context_fields = {"room": ctx.room.name}

    session = AgentSession(
        stt=inference.STT("deepgram/nova-3", language="en"),
        llm=inference.LLM("openai/gpt-4.1-mini"),
        tts=inference.TTS("cartesia/sonic-3:f786b574-daa5-4673-aa0c-cbe3e8534c02"),
        vad=ctx.proc.userdata["vad"],
        turn_detection=MultilingualModel(),
        # how long a cough may be
        min_interruption_duration=0.4,
    )

    usage_collector = metrics.UsageCollector()

    @session.on("metrics_collected")
    def _on_metrics_collected(ev: MetricsCollectedEvent) -> None:
        metrics.log_metrics(ev.metrics)
        usage_collector.collect(ev.metrics)

    async def log_usage() -> None:
        summary = usage_collector.get_summary()
        logger.info("usage: %s", summary)

    ctx.add_shutdown_callback(log_usage)

    await session.start(
        agent=FrontDesk(),
        room=ctx.room,
        room_input_options=RoomInputOptions(
            noise_cancellation=noise_cancellation.BVC(),
        ),
    )
    await ctx.connect()


if __name__ == "__main__":
    cli.run_app(server)
