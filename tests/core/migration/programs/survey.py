"""A survey: the questions are the tasks of a group."""

import logging
from dataclasses import dataclass

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    AgentTask,
    ConversationItemAddedEvent,
    JobContext,
    RunContext,
    TurnHandlingOptions,
    cli,
    function_tool,
)
from livekit.agents.beta.workflows import TaskGroup

log = logging.getLogger("survey")


@dataclass
class Rating:
    stars: int


class AskRating(AgentTask[Rating]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask how many stars, one to five.")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Ask for the stars.")

    @function_tool
    async def record_rating(self, context: RunContext, stars: int) -> None:
        """Records the answer.

        Args:
            stars: From 1 to 5
        """
        self.complete(Rating(stars))


class AskComment(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(instructions="Ask for a comment.")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Ask for a comment.")

    @function_tool
    async def record_comment(self, context: RunContext, comment: str) -> None:
        """Records the answer."""
        self.complete(comment)


class Interviewer(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You hold a survey.")

    async def on_enter(self) -> None:
        group = TaskGroup(summarize_chat_ctx=False)
        group.add(lambda: AskRating(), id="rating", description="Asks for the stars")
        group.add(lambda: AskComment(), id="comment", description="Asks for a comment")
        results = (await group).task_results
        self.session.userdata.update(stars=results["rating"].stars, comment=results["comment"])
        await self.session.generate_reply(instructions="Say thank you.")


server = AgentServer()


@server.rtc_session()
async def survey(ctx: JobContext) -> None:
    session = AgentSession(
        userdata={},
        stt="assemblyai/universal-streaming:en",
        llm="openai/gpt-4.1-mini",
        tts="cartesia/sonic-3",
        turn_handling=TurnHandlingOptions(
            endpointing={"mode": "dynamic", "min_delay": 0.3, "alpha": 0.8},
            interruption={"min_words": 1, "false_interruption_timeout": 1.0},
            preemptive_generation={"enabled": False},
        ),
    )

    @session.on("conversation_item_added")
    def on_item(ev: ConversationItemAddedEvent) -> None:
        log.info("%s: %s", ev.created_at, ev.item.type)

    await session.start(agent=Interviewer(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
