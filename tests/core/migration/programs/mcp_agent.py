"""An agent whose tools are those of an MCP server."""

import os
import sys

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, mcp
from livekit.plugins import openai


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(
            instructions="You look things up in the stock.",
            mcp_servers=[
                mcp.MCPServerStdio(
                    command=sys.executable,
                    args=[os.environ["STOCK_SERVER"]],
                    client_session_timeout_seconds=10,
                )
            ],
        )

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Greet the caller.")


server = AgentServer()


@server.rtc_session()
async def stock(ctx: JobContext) -> None:
    session = AgentSession(
        llm=openai.LLM(model=os.environ.get("STOCK_MODEL", "gpt-4.1-mini")),
    )
    await session.start(agent=Clerk(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
