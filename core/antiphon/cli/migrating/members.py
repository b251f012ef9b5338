"""The table, third part: methods and attributes."""

from __future__ import annotations

from .rows import Row

_ROOM = "it needs a room on a server"
NO_SERVER = (
    "it needs a server; to end the call: `session.shutdown()`, or the tool set `EndCallTool()`"
)
_INPUT = (
    'a transport carries audio and text; turn_detection="manual" and `commit_user_turn()` are '
    "push to talk"
)

MEMBERS: tuple[Row, ...] = (
    Row(old="AgentServer.rtc_session", fate="renamed", new="session"),
    Row(
        old="AgentServer.setup_fnc",
        fate="rewritten",
        new="App(prewarm=[…])",
        text="App(prewarm=[…]) names the model strings that are loaded before the first call",
    ),
    Row(old="AgentServer.run", fate="missing", text="run the file: `antiphon talk FILE`"),
    Row(
        old="JobContext.proc",
        fate="missing",
        text="there is no process per call: use a variable at module level, or App(prewarm=[…])",
    ),
    *(
        Row(old=f"JobContext.{name}", fate="missing", text=NO_SERVER)
        for name in ("api", "delete_room")
    ),
    *(
        Row(old=f"JobContext.{name}", fate="missing", text=_ROOM)
        for name in (
            "add_participant_entrypoint",
            "add_sip_participant",
            "transfer_sip_participant",
            "token_claims",
            "worker_id",
        )
    ),
    Row(
        old="JobContext.primary_session",
        fate="missing",
        text="`ctx.sessions[0]`",
    ),
    Row(
        old="JobContext.inference_executor", fate="missing", text="providers run their own workers"
    ),
    Row(
        old="JobContext.init_recording",
        fate="missing",
        text="`antiphon talk FILE --output call.wav`",
    ),
    Row(
        old="LocalParticipant.publish_dtmf",
        fate="missing",
        text='`await session.send_dtmf("1234#")`',
    ),
    Row(old="AgentSession.input", fate="missing", text=_INPUT),
    Row(old="AgentSession.output", fate="missing", text=_INPUT),
    Row(old="AgentSession.room_io", fate="missing", text=_ROOM),
    Row(
        old="AgentSession.update_options",
        fate="missing",
        text="`await session.current_agent.update_options(…)`",
    ),
    Row(old="AgentSession.emit", fate="missing", text="the session alone tells of events"),
    Row(old="AgentSession.options", fate="missing", text="keep what you gave"),
    Row(
        old="AgentSession.current_agent",
        fate="differs",
        text="after update_agent it is the old agent until the switch is done; "
        "`session.next_agent` is the one to come",
    ),
    *(
        Row(old=f"Agent.{slot}", fate="missing", text=f"`self.session.{slot}`: the slot in use")
        for slot in ("stt", "llm", "tts", "vad")
    ),
    Row(old="AgentSession.tools", fate="missing", text="`agent.tools` lists an agent's"),
    Row(old="AgentSession.mcp_servers", fate="missing", text="MCP servers are tool sets"),
    Row(old="AgentSession.turn_detection", fate="missing", text="keep what you gave"),
    Row(old="AgentSession.conn_options", fate="missing", text="keep what you gave"),
    Row(
        old="AgentSession.amd",
        fate="missing",
        text="answering machines are not detected",
    ),
    Row(old="SpeechHandle.scheduled", fate="missing", text="`done()` says whether it is over"),
    Row(old="Agent.realtime_llm_session", fate="missing", text="there are no realtime models"),
    Row(old="Agent.mcp_servers", fate="missing", text="MCP servers are tool sets, in tools="),
    *(
        Row(old=f"Agent.{name}", fate="missing", text="`agent.turn_handling`")
        for name in (
            "allow_interruptions",
            "min_endpointing_delay",
            "max_endpointing_delay",
            "turn_detection",
        )
    ),
    Row(
        old="ChatContext.to_provider_format",
        fate="missing",
        text="the provider formats; `to_dict()` gives JSON-able values",
    ),
    Row(old="ChatContext.is_equivalent", fate="missing", text="`==`"),
    Row(
        old="ChatContext.find_insertion_index",
        fate="missing",
        text="`insert(item)` puts it at its time",
    ),
    Row(
        old="ChatContext.readonly",
        fate="differs",
        text="`readonly()` makes a view that cannot be changed; changing one raises TypeError",
    ),
    Row(old="SpeechHandle.num_steps", fate="missing", text="`len(handle.chat_items)`"),
    Row(
        old="SpeechHandle.wait_if_not_interrupted",
        fate="missing",
        text="`asyncio.wait({task}, …)` with `handle.add_done_callback`",
    ),
    Row(old="SpeechHandle.input_details", fate="missing", text="the `user_turn` source says it"),
    Row(
        old="ChatMessage.raw_text_content",
        fate="missing",
        text="`text_content`; `generated_text` is what the model wrote",
    ),
    Row(
        old="ChatMessage.created_at",
        fate="differs",
        text="seconds from the start of the session; None before it is in one",
    ),
    Row(old="ChatMessage.metrics", fate="missing", text="`session.turns` has the figures"),
    Row(
        old="AudioFrame.num_channels",
        fate="renamed",
        new="channels",
    ),
    Row(
        old="RunContext.update",
        fate="differs",
        text="`ctx.update(text)` speaks it as it stands and returns its SpeechHandle at once",
    ),
)
"""`Owner.member`; what is not here is the same."""
