"""A transcriber: it hears and never answers."""

import livekit.agents as lk
from livekit.agents.llm import ChatContext, ChatMessage, StopResponse
from livekit.agents.voice.events import CloseEvent, CloseReason, UserInputTranscribedEvent
from livekit.plugins import deepgram

LINES: list[str] = []


class Transcriber(lk.Agent):
    def __init__(self) -> None:
        super().__init__(instructions="not needed", stt=deepgram.STTv2(model="flux-general-en"))

    async def on_user_turn_completed(self, chat_ctx: ChatContext, new_message: ChatMessage) -> None:
        LINES.append(f"turn: {new_message.text_content}")
        raise StopResponse()


async def entrypoint(ctx: lk.JobContext) -> None:
    session = lk.AgentSession()

    @session.on("user_input_transcribed")
    def on_transcript(ev: UserInputTranscribedEvent) -> None:
        if ev.is_final:
            LINES.append(f"final: {ev.transcript}")

    def on_close(ev: CloseEvent) -> None:
        if ev.reason == CloseReason.PARTICIPANT_DISCONNECTED or ev.reason != CloseReason.ERROR:
            LINES.append("closed")

    session.on("close", on_close)
    await session.start(
        agent=Transcriber(),
        room=ctx.room,
        room_output_options=lk.RoomOutputOptions(audio_enabled=False, transcription_enabled=True),
    )


if __name__ == "__main__":
    lk.cli.run_app(lk.WorkerOptions(entrypoint_fnc=entrypoint))
