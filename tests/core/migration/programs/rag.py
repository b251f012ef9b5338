"""Answers from documents: what they say is put into the context by an llm_node of one's own."""

from collections.abc import AsyncIterable

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    ChatContext,
    FunctionTool,
    JobContext,
    ModelSettings,
    cli,
)
from livekit.agents.voice.room_io import AudioInputOptions, RoomOptions
from livekit.plugins import anthropic, cartesia, deepgram

DOCUMENTS = {
    "opening": "We are open from nine to five.",
    "parking": "Parking is behind the house.",
}


def look_up(question: str) -> list[str]:
    words = set(question.lower().replace("?", "").split())
    return [text for name, text in DOCUMENTS.items() if name in words]


class Librarian(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Answer from what you are given, in one sentence.")

    async def llm_node(
        self,
        chat_ctx: ChatContext,
        tools: list[FunctionTool],
        model_settings: ModelSettings,
    ) -> AsyncIterable[str]:
        questions = [item for item in chat_ctx.messages() if item.role == "user"]
        found = look_up(questions[-1].text_content or "") if questions else []
        if questions and not found:
            yield "That is not in my documents."
            return
        if found:
            chat_ctx.add_message(role="system", content="Documents: " + " ".join(found))
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            yield chunk

    async def tts_node(self, text: AsyncIterable[str], model_settings: ModelSettings):
        async def spoken() -> AsyncIterable[str]:
            async for piece in text:
                yield piece.replace("nine", "9")

        async for frame in super().tts_node(spoken(), model_settings):
            yield frame


server = AgentServer()


@server.rtc_session()
async def library(ctx: JobContext) -> None:
    session = AgentSession(
        stt=deepgram.STT(model="nova-3", language="multi", smart_format=True),
        llm=anthropic.LLM(model="claude-sonnet-4-6"),
        tts=cartesia.TTS(model="sonic-3", voice="f786b574", language="en"),
        allow_interruptions=False,
    )
    await session.start(
        agent=Librarian(),
        room=ctx.room,
        room_options=RoomOptions(audio_input=AudioInputOptions(sample_rate=16000)),
    )


if __name__ == "__main__":
    cli.run_app(server)
