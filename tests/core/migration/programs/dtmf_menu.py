"""A menu for the keys of a telephone."""

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, get_job_context
from livekit.agents.beta import EndCallTool
from livekit.plugins import openai

MENU = {"1": "sales", "2": "support"}


class Department(Agent):
    def __init__(self, name: str) -> None:
        super().__init__(
            instructions=f"You are {name}.",
            id=name,
            tools=[EndCallTool(extra_description="Not for questions.", delete_room=True)],
        )

    async def on_enter(self) -> None:
        self.session.say(f"This is {self.id}.")


class Menu(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You read out the menu.", llm=None)

    async def on_enter(self) -> None:
        room = get_job_context().room
        room.on("sip_dtmf_received", self._on_key)
        self.session.say("For sales press one, for support press two.")

    async def on_exit(self) -> None:
        self.session.say("One moment.")

    def _on_key(self, ev: rtc.SipDTMF) -> None:
        name = MENU.get(ev.digit)
        if name is None:
            self.session.say("That is no choice.")
        else:
            self.session.update_agent(Department(name))


server = AgentServer()


@server.rtc_session()
async def phone_menu(ctx: JobContext) -> None:
    await ctx.connect()
    session = AgentSession(
        llm=openai.LLM.with_ollama(model="llama3.2:1b"),
        tts=openai.TTS(voice="ash", model="gpt-4o-mini-tts"),
    )
    await session.start(agent=Menu(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
