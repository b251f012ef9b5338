"""A front desk that greets, and transfers to billing with all that has been said."""

from __future__ import annotations

from antiphon import Agent, AgentSession, ChatContext, function_tool
from antiphon.chat import AgentHandoff, ChatMessage
from antiphon.testing import Call, Caller, ScriptedLLM, run


class FrontDesk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are the front desk. Answer in one sentence.")

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet the caller.")

    @function_tool()
    async def transfer_to_billing(self) -> tuple[Agent, str]:
        """Called when the caller has a question about a bill."""
        return Billing(chat_ctx=self.chat_ctx), "Transferring to billing"


class Billing(Agent):
    def __init__(self, chat_ctx: ChatContext | None = None) -> None:
        super().__init__(instructions="You answer questions about bills.", chat_ctx=chat_ctx)

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Say what you have understood.")


async def conversation() -> None:
    # With a real model: AgentSession(agent=FrontDesk(), llm="openai/gpt-5.1").
    llm = ScriptedLLM(
        [
            "Good morning, this is the front desk.",
            Call("transfer_to_billing"),
            "I transfer you to billing, one moment.",
            "Billing here. You asked about your bill.",
        ]
    )
    caller = Caller(audio=False)
    async with AgentSession[None](agent=FrontDesk(), llm=llm) as session:
        await session.start(transport=caller)
        await session.wait_for_idle()
        caller.type("I have a question about my bill.")
        await session.wait_for_idle()
        for item in session.history:
            if isinstance(item, ChatMessage):
                print(f"{item.agent_id or item.role}: {item.text_content}")
            elif isinstance(item, AgentHandoff):
                print(f"[{item.old_agent_id} -> {item.new_agent_id}]")


def main() -> None:
    run(conversation)


if __name__ == "__main__":
    main()
