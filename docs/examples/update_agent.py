"""A session whose program changes the agent, and agents that are made directly."""

from __future__ import annotations

from antiphon import Agent, AgentSession
from antiphon.chat import AgentHandoff, ChatMessage
from antiphon.testing import Caller, ScriptedLLM, run

day = Agent(id="day", instructions="You are the day shift. Answer in one sentence.")
night = Agent(id="night", instructions="You are the night shift. Answer in three words.")


async def conversation() -> None:
    caller = Caller(audio=False)
    llm = ScriptedLLM(["We are open, come in.", "Come back tomorrow."])
    async with AgentSession[None](llm=llm) as session:
        await session.start(agent=day, transport=caller)
        caller.type("Are you open?")
        await session.wait_for_idle()

        await session.update_agent(night)  # waits for the switch; leave out `await` in a tool
        session.say("The shop is closing now.")

        caller.type("Are you still open?")
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
