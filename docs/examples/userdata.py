"""An intake that fills the session's userdata, and hands over once it is complete."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon import Agent, AgentSession, RunContext, function_tool
from antiphon.chat import AgentHandoff, ChatMessage
from antiphon.testing import Call, Caller, ScriptedLLM, run


@dataclass
class MyInfo:
    name: str | None = None
    age: int | None = None

    @property
    def complete(self) -> bool:
        return self.name is not None and self.age is not None


class Intake(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Ask for the caller's name and age.")

    @function_tool()
    async def record_name(self, context: RunContext[MyInfo], name: str) -> Agent | None:
        """Records the name.

        Args:
            name: as the caller says it
        """
        context.userdata.name = name
        return self.next_agent(context.userdata)

    @function_tool()
    async def record_age(self, context: RunContext[MyInfo], age: int) -> Agent | None:
        """Records the age.

        Args:
            age: in years
        """
        context.userdata.age = age
        return self.next_agent(context.userdata)

    def next_agent(self, info: MyInfo) -> Agent | None:
        return CustomerService() if info.complete else None


class CustomerService(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You help with everything.")

    async def on_enter(self) -> None:
        info: MyInfo = self.session.userdata
        self.session.say(f"Welcome {info.name}. What can I do for you?")


async def conversation() -> None:
    llm = ScriptedLLM(
        [
            ["And how old are you?", Call("record_name", name="Ann")],
            Call("record_age", age=42),
        ]
    )
    caller = Caller(audio=False)
    session = AgentSession[MyInfo](userdata=MyInfo(), llm=llm)
    await session.start(agent=Intake(), transport=caller)
    for text in ("My name is Ann.", "I am forty two."):
        caller.type(text)
        await session.wait_for_idle()
    await session.aclose()
    for item in session.history:
        if isinstance(item, ChatMessage):
            print(f"{item.agent_id or item.role}: {item.text_content}")
        elif isinstance(item, AgentHandoff):
            print(f"[{item.old_agent_id} -> {item.new_agent_id}]")
    print(session.userdata)


def main() -> None:
    run(conversation)


if __name__ == "__main__":
    main()
