"""A conversation with barge-ins, false ones, tools, hand-offs and failures; prints its log.

Run as a program it is what the determinism test compares between processes.
"""

import asyncio

from antiphon import Agent, AgentSession, RunContext, function_tool
from antiphon.errors import ProviderConnectionError
from antiphon.registry import Registry
from antiphon.testing import (
    Call,
    Caller,
    Fail,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
    ScriptedVAD,
    run,
)

ARIA = "Once there was a king who had three daughters and a very old and very tired horse."


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You help with invoices.", id="clerk")

    async def on_enter(self) -> None:
        self.session.say("Good day to you.")

    @function_tool
    async def look_up(self, ctx: RunContext, number: int) -> str:
        """Looks up an invoice."""
        await asyncio.sleep(0.8)
        return f"invoice {number} is paid"

    @function_tool
    async def weigh(self, ctx: RunContext) -> str:
        """Weighs it."""
        await asyncio.sleep(0.5)
        return "four pounds"

    @function_tool
    async def hand_over(self, ctx: RunContext) -> Agent:
        """Hands over to the story teller."""
        return Teller()


class Teller(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You tell stories.", id="teller")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="greet")

    async def on_exit(self) -> None:
        self.session.say("Good night.")

    @function_tool
    async def back(self, ctx: RunContext) -> tuple[Agent, str]:
        """Goes back to the clerk."""
        return Clerk(), "back to business"


REPLIES = {
    "invoice three": [Call("look_up", number=3), Call("weigh")],
    "four pounds": "It is paid, and weighs four pounds.",
    "tell me a story": Call("hand_over"),
    "greet": "I am the teller of tales, at your service.",
    "go on": ARIA,
    "go back": Call("back"),
    "back to business": "As you wish.",
    "": "I see.",
}


async def converse(log: list[str], *, seed: int | None = 7) -> list[str]:
    """Holds the conversation; every event goes into `log`, as text."""
    caller = Caller(pause="emulated", position="reported")
    session: AgentSession[None] = AgentSession(
        stt=ScriptedSTT(fail_at=Fail(ProviderConnectionError("the line broke"), after=4.0)),
        llm=ScriptedLLM(REPLIES),
        tts=ScriptedTTS(
            fail_at=Fail(ProviderConnectionError("the voice broke"), call=5, after=1.0)
        ),
        vad=ScriptedVAD(),
        turn_detector=ScriptedTurnDetector([0.9, 0.2, 0.9], latency=0.05),
        registry=Registry(entry_points=(), environ={}),
        seed=seed,
    )
    loop = asyncio.get_running_loop()

    def note(event: object) -> None:
        text = repr(event)
        if "framework=" in text:  # CPU time, which is real
            text = text.partition("framework=")[0]
        log.append(f"{loop.time():.9f} {text}")

    session.on("*", note)
    caller.speak_at(3.0, "what about invoice three", seconds=1.6)
    caller.mumble_at(8.0, 0.8)
    caller.speak_at(13.0, "tell me a story", seconds=1.6)
    caller.speak_at(18.4, "and", seconds=0.4)
    caller.speak_at(22.0, "go on please", seconds=1.2)
    caller.speak_at(26.5, "stop there and go back", seconds=2.0)
    caller.speak_at(27.0 + 3.0, "I said go back", seconds=1.6)
    await session.start(Clerk(), transport=caller)
    await caller.wait_until(45)
    await session.aclose()
    for entry in caller.timeline:
        log.append(repr(entry))
    for item in session.history:
        log.append(repr(item))
    return log


def main() -> None:
    for line in run(lambda: converse([]), until=600):
        print(line)


if __name__ == "__main__":
    main()
