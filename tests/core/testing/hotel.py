"""A hotel with two agents, for the tests of runs and expectations."""

from contextlib import asynccontextmanager

from antiphon import Agent, AgentSession, RunContext, ToolError, function_tool
from antiphon.registry import Registry
from antiphon.testing import Call, ScriptedLLM


class Kitchen(Agent):
    async def on_enter(self):
        self.session.say("We serve breakfast from seven.")


class Desk(Agent):
    @function_tool
    async def ask_the_kitchen(self):
        """Passes the guest to the kitchen."""
        return Kitchen()

    @function_tool
    async def book(self, ctx: RunContext, room: int, guest: str = "nobody") -> str:
        """Books a room."""
        if room > 99:
            raise ToolError(f"there is no room {room}")
        return f"{guest} has room {room}"

    @function_tool
    async def ring(self) -> None:
        """Rings the bell."""

    @function_tool
    async def spill(self) -> str:
        """Spills the ink."""
        raise KeyError("ink")


REPLIES = {
    "has room": "It is done.",
    "no room": "Sorry.",
    "internal error": "Something broke.",
    "room twelve": ["One moment.", Call("book", room=12, guest="Ann")],
    "room hundred": Call("book", room=100),
    "eat": Call("ask_the_kitchen"),
    "ring": Call("ring"),
    "spill": Call("spill"),
    "hello": "Good day.",
    "mocked": "Good.",
}


def instant(replies=REPLIES):
    """An LLM that answers at once."""
    return ScriptedLLM(replies, first_token=0, total=0)


@asynccontextmanager
async def hotel(agent=None, replies=REPLIES, *, transport=None, **options):
    """A running session, closed at the end."""
    llm = replies if isinstance(replies, ScriptedLLM) else ScriptedLLM(replies)
    options.setdefault("registry", Registry(entry_points=(), environ={}))
    async with AgentSession(llm=llm, **options) as session:
        await session.start(agent or Desk(), transport=transport)
        yield session
