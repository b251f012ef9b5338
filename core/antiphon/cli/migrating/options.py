"""The table, second part: options of classes and methods."""

from __future__ import annotations

from .rows import Row


def _drop(owner: str, names: str, text: str) -> list[Row]:
    return [Row(old=f"{owner}({name}=)", fate="dropped", text=text) for name in names.split()]


def _lack(owner: str, names: str, text: str) -> list[Row]:
    return [Row(old=f"{owner}({name}=)", fate="missing", text=text) for name in names.split()]


_FLAT_TURNS = {
    "allow_interruptions": "interruption=Interruption(enabled=…)",
    "min_interruption_duration": "interruption=Interruption(min_duration=…)",
    "min_interruption_words": "interruption=Interruption(min_words=…)",
    "resume_false_interruption": "interruption=Interruption(resume_false_interruption=…)",
    "false_interruption_timeout": "interruption=Interruption(false_interruption_timeout=…)",
    "agent_false_interruption_timeout": "interruption=Interruption(false_interruption_timeout=…)",
    "min_endpointing_delay": "endpointing=Endpointing(min_delay=…)",
    "max_endpointing_delay": "endpointing=Endpointing(max_delay=…)",
    "preemptive_generation": "preemptive_generation=…",
    "turn_detection": 'turn_detection="stt" | "vad" | "manual"',
}

OPTIONS: tuple[Row, ...] = (
    *(
        Row(old=f"AgentSession({old}=)", fate="rewritten", new=f"turn_handling=TurnHandling({new})")
        for old, new in _FLAT_TURNS.items()
    ),
    *(
        Row(old=f"Agent({old}=)", fate="rewritten", new=f"turn_handling=TurnHandling({new})")
        for old, new in _FLAT_TURNS.items()
        if old
        in (
            "allow_interruptions",
            "min_endpointing_delay",
            "max_endpointing_delay",
            "turn_detection",
        )
    ),
    *(
        Row(
            old=f"{owner}(mcp_servers=)",
            fate="rewritten",
            new="tools=[MCPToolset(…)]",
            text="an MCP server is a tool set",
        )
        for owner in ("AgentSession", "Agent")
    ),
    *_drop("AgentSession", "loop", "the session runs in the loop it is started in"),
    *_drop(
        "AgentSession",
        "discard_audio_if_uninterruptible",
        "what is said over uninterruptible speech is heard, and kept as a turn",
    ),
    *_drop("AgentSession", "video_sampler", "video is not supported"),
    *_drop(
        "AgentSession",
        "use_tts_aligned_transcript",
        "the history always holds what was heard, by word times where the TTS has them",
    ),
    *_drop("Agent", "use_tts_aligned_transcript", "the history always holds what was heard"),
    *_lack("AgentSession", "ivr_detection", "answer `user_input_transcribed` with a tool or hook"),
    *_lack("AgentSession", "expressive", "write it into the instructions, or wrap tts_node"),
    *_lack(
        "AgentSession",
        "keyterms_options stt_context_options",
        "give the words to the STT: Model(…, vocabulary=[…]); `examples=` of the agents goes to it "
        "as well",
    ),
    *_lack("Agent", "tool_handling", "options of a tool: timeout=, on_duplicate="),
    *_lack("Agent", "expressive", "write it into the instructions, or wrap tts_node"),
    *_lack("AgentSession", "tool_handling", "options of a tool: timeout=, on_duplicate="),
    *_drop(
        "AgentSession",
        "min_consecutive_speech_delay session_close_transcript_timeout transcription_timeout",
        "the engine has its own bound",
    ),
    *_drop("Agent", "min_consecutive_speech_delay", "the engine has its own bound"),
    *_drop("EndCallTool", "delete_room", "the transport ends the call when the session closes"),
    *_lack(
        "EndCallTool",
        "on_tool_called on_tool_completed",
        "a `@function_tool` of your own that ends with `ctx.session.shutdown()`",
    ),
    *_drop("TaskGroup", "summarize_chat_ctx", "what was said in the group is in the context"),
    Row(
        old="GetDtmfTask(ask_for_confirmation=)",
        fate="renamed",
        new="require_confirmation",
    ),
    *(
        Row(
            old=f"{task}(require_explicit_ask=)",
            fate="dropped",
            text="the task asks unless the caller has said it already",
        )
        for task in (
            "GetAddressTask",
            "GetDOBTask",
            "GetEmailTask",
            "GetNameTask",
            "GetPhoneNumberTask",
        )
    ),
    *_drop("GetEmailTask", "verify_spelling", "it is read out letter by letter"),
    *_lack("GetNameTask", "name_format", "extra_instructions= can say it"),
    *_lack("GetDOBTask", "include_time", "an AgentTask of your own asks for the time"),
    *_drop("AudioConfig", "fade_in fade_out", "sounds begin and end as they are recorded"),
    *_drop("BackgroundAudioPlayer", "stream_timeout_ms", "sounds are mixed as they come"),
    *_drop("BackgroundAudioPlayer.start", "track_publish_options", "the transport decides"),
    *_lack(
        "RunContext.update",
        "template silent",
        "`ctx.update(text)` speaks the text; what the model is to know is the tool's result",
    ),
    *_lack("AgentSession.run", "output_options", "`output_type=` says what must come of it"),
    *_lack("Agent.update_options", "expressive", "write it into the instructions"),
    *_drop("ChatContext.add_message", "metrics", "`session.turns` has the figures"),
    *_drop("ChatContext.merge", "exclude_config_update", "there are no such items"),
    *_drop("ChatContext.to_dict", "exclude_config_update strip_markup", "there are no such items"),
    *_drop("AgentSession.start", "record", "`antiphon talk FILE --output call.wav` records a call"),
    *_drop("AgentSession.start", "capture_run", "use `session.run(user_input=…)`"),
    *_drop("AgentSession.start", "session_host", "it belongs to a server"),
    *_drop("AgentSession.generate_reply", "input_modality", "text given here is a turn of text"),
    *_lack(
        "AgentSession.generate_reply",
        "chat_ctx",
        "`await agent.update_chat_ctx(…)` first, or give instructions=",
    ),
    *_drop(
        "AgentSession.commit_user_turn",
        "transcript_timeout stt_flush_duration",
        "the engine waits 2 s for a late transcript",
    ),
    *_lack(
        "AgentSession.commit_user_turn",
        "skip_reply",
        "raise StopResponse in on_user_turn_completed",
    ),
    *_drop(
        "Agent.update_chat_ctx",
        "exclude_invalid_function_calls",
        "calls are kept, also those of tools that the agent does not have",
    ),
    *_drop("ChatContext.copy", "exclude_config_update", "there are no such items"),
    *_drop(
        "ChatContext.to_dict", "exclude_function_call exclude_audio exclude_metrics", "copy first"
    ),
    *_drop(
        "JobContext.connect", "auto_subscribe e2ee encryption rtc_config", "the transport decides"
    ),
    *_drop("JobContext.wait_for_participant", "kind", "the one caller is returned"),
    *_drop("AgentServer.rtc_session", "type", "there is one kind of job: a call"),
    *_lack(
        "AgentServer.rtc_session", "on_simulation_end", "`antiphon simulate` has its own report"
    ),
    *_drop("function_tool", "duplicate_scope", "`on_duplicate` is about calls of the same tool"),
    *_drop("SpeechHandle.interrupt", "source", "the event says why"),
    *_drop("AgentSession.say", "add_to_chat_ctx_on_interrupt", "what was heard is recorded"),
)
"""`Owner(option=)` and `Owner.method(option=)`; what is not here is taken as it is."""

TURN_OPTIONS: tuple[Row, ...] = (
    Row(old='EndpointingOptions(mode="dynamic")', fate="rewritten", new='mode="adaptive"'),
    Row(old="EndpointingOptions(alpha=)", fate="dropped", text="the engine has its own measure"),
    Row(
        old="InterruptionOptions(mode=)",
        fate="dropped",
        text="speech of min_duration pauses, min_words make it an interruption",
    ),
    Row(
        old="InterruptionOptions(discard_audio_if_uninterruptible=)",
        fate="dropped",
        text="what is said over uninterruptible speech is heard, and kept as a turn",
    ),
    Row(
        old="InterruptionOptions(backchannel_boundary=)",
        fate="dropped",
        text="ignore_words= names the words that never interrupt",
    ),
    Row(
        old="PreemptiveGenerationOptions(enabled=)",
        fate="rewritten",
        new="preemptive_generation=True",
        text="it begins the LLM only: no speech, no tools",
    ),
)
