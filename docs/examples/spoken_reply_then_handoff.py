"""A tool that has something said, waits until it has been heard, and then hands over."""

from __future__ import annotations

from antiphon import Agent, AgentSession, function_tool, handoff
from antiphon.chat import AgentHandoff, ChatContext, ChatMessage, FunctionCall
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedTTS, run


class Sales(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You sell routers.")

    @function_tool()
    async def needs_technical_help(self) -> Agent:
        """Called when the caller's device does not work."""
        await self.session.generate_reply(instructions="Say that a technician will help.")
        return Technical(chat_ctx=self.session.chat_ctx)


class Technical(Agent):
    def __init__(self, chat_ctx: ChatContext) -> None:
        super().__init__(instructions="You repair routers.", chat_ctx=chat_ctx)

    async def on_enter(self) -> None:
        await self.session.generate_reply()

    @function_tool()
    async def back_to_sales(self) -> object:
        """Called when the caller wants to buy something."""
        return handoff(agent=Sales(), returns="Transferring to sales", context="last:6")


async def conversation() -> None:
    llm = ScriptedLLM(
        [
            Call("needs_technical_help"),
            "A technician will be with you.",
            "What colour is the light on your router?",
            Call("back_to_sales"),
            "I put you through to sales.",
        ]
    )
    caller = Caller(continuous=False)
    session = AgentSession[None](llm=llm, tts=ScriptedTTS())
    await session.start(agent=Sales(), transport=caller)
    for text in ("My router is broken.", "I would rather buy a new one."):
        caller.type(text)
        await session.wait_for_idle()
    print("the caller heard:", caller.heard_text())
    await session.aclose()
    for item in session.history:
        if isinstance(item, ChatMessage):
            print(f"{item.agent_id or item.role}: {item.text_content}")
        elif isinstance(item, FunctionCall):
            print(f"({item.name})")
        elif isinstance(item, AgentHandoff):
            print(f"[{item.old_agent_id} -> {item.new_agent_id}]")


def main() -> None:
    run(conversation)


if __name__ == "__main__":
    main()
