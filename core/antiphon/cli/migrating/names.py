"""The table, first part: what programs import from livekit-agents."""

from __future__ import annotations

from .rows import AGENTS, Row, missing, moved, renamed

_RTC = "livekit.rtc"
_BETA = f"{AGENTS}.beta"
_TASKS = f"{_BETA}.workflows"
_PLUGINS = "livekit.plugins"

_SLOT_CLASS = (
    "write the model string; a class of one's own derives from antiphon's seam, whose methods are "
    "others: stt `transcribe`, llm `chat`, tts `synthesize`, vad `stream`"
)
_STREAM = (
    "a slot is a stream of events (antiphon.stt, .llm, .tts), there is no class for its chunks"
)
_REALTIME = (
    "speech-to-speech models are not supported yet; give stt=, llm= and tts= as model strings"
)
_FALLBACK = "a list of model strings is a fallback order: llm=[first, second]"
_METRICS = "`metrics_collected` carries one Timeline per user turn; `session.turns` lists them"
_USAGE = "`session.usage` is the sum per model string; no collector is needed"
_SERVER = "it belongs to a server's worker, which decides it by its own settings"
_SIMULATION = "write a scenario for `antiphon simulate`, or a test with antiphon.testing"
_WRITE_TASK = "write an AgentTask that asks for it and calls `self.complete(…)`"
_ROOM = "it needs a room on a server; here the transport carries audio and text"

NAMES: tuple[Row, ...] = (
    # Agents, sessions, tools
    *moved(
        "antiphon",
        "Agent AgentHandoff AgentSession AgentTask BackgroundAudioPlayer ChatContext ChatMessage "
        "FunctionCall FunctionCallOutput JobContext ModelSettings NOT_GIVEN RunContext "
        "StopResponse ToolError function_tool get_job_context",
    ),
    *moved("antiphon", "SpeechHandle", at=f"{AGENTS}.voice"),
    *moved("antiphon", "ImageContent Tool ToolFlag Toolset", at=f"{AGENTS}.llm"),
    *moved("antiphon.chat", "ChatContent ChatItem ChatRole"),
    *moved("antiphon.tools", "FunctionTool"),
    *moved("antiphon.llm", "ToolChoice", at=f"{AGENTS}.llm"),
    *moved("antiphon", "RoomOptions", at=f"{AGENTS}.room_io"),
    *moved("antiphon", "EndCallTool", at=_BETA),
    Row(
        old=f"{_BETA}.Instructions",
        fate="differs",
        new="antiphon.Instructions",
        text="`Instructions(spoken, text=typed)`: each text is whole, none is a part of the other",
    ),
    *moved("antiphon", "TaskGroup", at=_TASKS),
    *moved("antiphon", "mock_tools"),
    *moved("antiphon", "AudioConfig BuiltinAudioClip PlayHandle"),
    *moved("antiphon", "APIConnectOptions"),
    *moved("antiphon", "SessionConnectOptions", at=f"{AGENTS}.voice.agent_session"),
    *moved("antiphon", "MCPToolset", at=f"{AGENTS}.mcp"),
    *(
        Row(
            old=f"{AGENTS}.mcp.{name}",
            fate="rewritten",
            new=f"MCPToolset(id=…, {place}=…)",
            text="an MCP server is a tool set, in tools=",
        )
        for name, place in (("MCPServerHTTP", "url"), ("MCPServerStdio", "command"))
    ),
    *moved(
        "antiphon.testing",
        "AgentHandoffEvent ChatMessageEvent EventAssert EventRangeAssert FunctionCallEvent "
        "FunctionCallOutputEvent RunAssert RunEvent RunResult",
    ),
    *renamed("antiphon", AgentServer="App"),
    *renamed(
        "antiphon",
        TurnHandlingOptions="TurnHandling",
        EndpointingOptions="Endpointing",
        InterruptionOptions="Interruption",
    ),
    *renamed("antiphon", UserTurnLimitOptions="UserTurnLimit"),
    Row(
        old=f"{AGENTS}.PreemptiveGenerationOptions",
        fate="rewritten",
        new="preemptive_generation=True",
        text="it begins the LLM only: no speech, no tools",
    ),
    *renamed("antiphon", FlushSentinel="Flush"),
    *renamed("antiphon.given", NotGivenOr="Maybe", NotGiven="NotGiven"),
    Row(
        old=f"{_RTC}.AudioFrame",
        fate="differs",
        new="antiphon.AudioFrame",
        text="its fields are data (bytes), sample_rate, channels, started_at; "
        "samples_per_channel is computed",
    ),
    Row(
        old=f"{_RTC}.SipDTMF",
        fate="renamed",
        new="antiphon.events.DtmfReceived",
        text="the event `dtmf_received` of the session; `digit` is the same",
    ),
    # Programs
    Row(
        old=f"{AGENTS}.cli.run_app",
        fate="dropped",
        text="run the file: `antiphon talk FILE`",
    ),
    Row(
        old=f"{AGENTS}.WorkerOptions",
        fate="rewritten",
        new="app = App(); @app.session above the entry point",
    ),
    Row(
        old=f"{AGENTS}.JobProcess",
        fate="rewritten",
        new="App(prewarm=[…]) with the model strings",
        text="there is no process per call, so nothing is handed from one to the calls; "
        "what is to be loaded before the first call goes into App(prewarm=[…]), "
        "anything else to module level",
    ),
    Row(
        old=f"{AGENTS}.AutoSubscribe",
        fate="dropped",
        text="`ctx.connect()`: the transport decides what is heard",
    ),
    *missing(
        "worker.ServerOptions WorkerType WorkerPermissions JobExecutorType JobRequest", _SERVER
    ),
    *missing("Plugin", "a provider is found by its entry point: see the page on model strings"),
    *missing("Plugin.registered_plugins", "`antiphon providers` lists what is installed"),
    *missing(
        "Scenario ScenarioGroup ScenarioUserdata SimulationContext SimulationDispatch "
        "SimulationRun SimulationVerdict",
        _SIMULATION,
    ),
    # Models
    Row(
        old=f"{AGENTS}.inference.STT",
        fate="rewritten",
        new='stt="acme/ear-1:en"',
    ),
    Row(
        old=f"{AGENTS}.inference.LLM",
        fate="rewritten",
        new='llm="acme/mind-1"',
    ),
    Row(
        old=f"{AGENTS}.inference.TTS",
        fate="rewritten",
        new='tts="acme/mouth-1:anna"',
    ),
    Row(old=f"{AGENTS}.inference.VAD", fate="rewritten", new='vad="acme"'),
    Row(
        old=f"{AGENTS}.inference.TurnDetector",
        fate="dropped",
        text="turns end by VAD and delay; `antiphon providers` lists turn detectors for "
        "turn_detector=",
    ),
    *missing("RealtimeModel DuplexModel", _REALTIME, at=f"{AGENTS}.inference"),
    *missing("AvatarSession", "avatars are not supported", at=f"{AGENTS}.inference"),
    Row(
        old=f"{_PLUGINS}.*.STT",
        fate="rewritten",
        new='stt="acme/ear-1:en"',
        text="settings have antiphon's names: `antiphon check FILE` tells of others",
    ),
    Row(old=f"{_PLUGINS}.*.LLM", fate="rewritten", new='llm=Model("acme/mind-1", temperature=0.2)'),
    Row(old=f"{_PLUGINS}.*.TTS", fate="rewritten", new='tts="acme/mouth-1:anna"'),
    Row(old=f"{_PLUGINS}.*.VAD.load", fate="rewritten", new='vad="acme"'),
    Row(
        old=f"{_PLUGINS}.turn_detector.*",
        fate="dropped",
        text="turns end by VAD and delay; `antiphon providers` lists turn detectors for "
        "turn_detector=",
    ),
    Row(
        old=f"{_PLUGINS}.noise_cancellation.*",
        fate="dropped",
        text="noise cancellation belongs to the room; the transport hears what it is given",
    ),
    *missing("*.realtime.RealtimeModel", _REALTIME, at=_PLUGINS),
    *missing("*.AvatarSession", "avatars are not supported", at=_PLUGINS),
    *(
        Row(
            old=f"{AGENTS}.{slot}.FallbackAdapter",
            fate="rewritten",
            new=f"{slot}=[first, second]",
            text=_FALLBACK,
        )
        for slot in ("stt", "llm", "tts")
    ),
    *(
        Row(
            old=f"{AGENTS}.{slot}.StreamAdapter",
            fate="rewritten",
            new="the model itself",
            text="antiphon wraps a batch STT and a TTS that takes whole text by itself",
        )
        for slot in ("stt", "tts")
    ),
    *(
        Row(old=f"{AGENTS}.{home}", fate="differs", new=f"antiphon.{home}", text=_SLOT_CLASS)
        for home in ("stt.STT", "llm.LLM", "tts.TTS", "vad.VAD")
    ),
    *missing("ChatChunk ChoiceDelta CompletionUsage LLMStream", _STREAM, at=f"{AGENTS}.llm"),
    *missing("FunctionToolCall", "`antiphon.llm.ToolCall`", at=f"{AGENTS}.llm"),
    *missing("SpeechEvent SpeechEventType SpeechData SpeechStream", _STREAM, at=f"{AGENTS}.stt"),
    *missing("SynthesizedAudio SynthesizeStream ChunkedStream", _STREAM, at=f"{AGENTS}.tts"),
    *missing("VADEvent VADEventType VADStream", _STREAM, at=f"{AGENTS}.vad"),
    *missing("RealtimeModel RealtimeSession", _REALTIME, at=f"{AGENTS}.llm"),
    *missing(
        "ToolContext find_function_tools is_function_tool",
        "`agent.tools` lists an agent's tools",
        at=f"{AGENTS}.llm",
    ),
    *missing("ProviderTool ToolResult", "a tool is a function: `@function_tool`"),
    *missing("LanguageCode", "languages are plain BCP 47 tags"),
    # Errors
    *renamed(
        "antiphon.errors",
        APIError="ProviderError",
        APIConnectionError="ProviderConnectionError",
        APITimeoutError="ProviderTimeout",
    ),
    Row(
        old=f"{AGENTS}.APIStatusError",
        fate="differs",
        new="antiphon.errors.ProviderError",
        text="`status` and `request_id`; a refused request is the subclass ProviderRejected",
    ),
    *missing(
        "create_api_error_from_http UnexpectedModelBehavior AssignmentTimeoutError",
        "raise one of antiphon.errors: ProviderRejected, ProviderTimeout, TruncatedStream",
    ),
    # Figures
    *missing("metrics.log_metrics", f"{_METRICS}; log what you want of it"),
    Row(
        old=f"{AGENTS}.metrics.UsageCollector",
        fate="rewritten",
        new="session.usage",
        text=_USAGE,
    ),
    Row(
        old=f"{AGENTS}.metrics.ModelUsageCollector",
        fate="rewritten",
        new="session.usage",
        text=_USAGE,
    ),
    *missing("metrics.UsageSummary", _USAGE),
    *missing(
        "metrics.AgentMetrics metrics.LLMMetrics metrics.STTMetrics metrics.TTSMetrics "
        "metrics.VADMetrics metrics.EOUMetrics",
        _METRICS,
    ),
    # Rooms
    *missing("RoomIO", _ROOM),
    Row(
        old=f"{AGENTS}.RoomInputOptions",
        fate="rewritten",
        new="room_options=RoomOptions(…)",
        text="the older form of RoomOptions",
    ),
    Row(
        old=f"{AGENTS}.RoomOutputOptions",
        fate="rewritten",
        new="room_options=RoomOptions(…)",
        text="the older form of RoomOptions",
    ),
    *(
        Row(
            old=f"{AGENTS}.room_io.{name}",
            fate="rewritten",
            new="a dict with the same keys",
            text="the parts of RoomOptions are plain dicts",
        )
        for name in (
            "AudioInputOptions",
            "AudioOutputOptions",
            "TextInputOptions",
            "TextOutputOptions",
            "VideoInputOptions",
        )
    ),
    *missing("AMD AMDCategory AMDPredictionEvent", "answering machines are not detected"),
    *missing("io avatar AudioRecognition", "a transport or a node takes its place"),
    *missing(
        "TextInputEvent", "the transport brings text: it is a user turn", at=f"{AGENTS}.room_io"
    ),
    # What is smaller, and not there
    *missing(
        "KeytermsOptions KeytermDetectionOptions STTContextOptions",
        "give the words to the STT: Model(…, vocabulary=[…])",
    ),
    *missing(
        "ExpressiveOptions NonverbalOptions SpeechSteeringOptions",
        "write it into the instructions, or wrap tts_node",
    ),
    *missing("RecordingOptions", "`antiphon talk FILE --output call.wav` records a call"),
    *missing("RunOutputOptions", "`session.run(user_input=…, output_type=…)`"),
    *missing(
        "ToolExecutionUpdatedEvent ToolCallStarted ToolCallUpdated ToolCallEnded ToolReplyUpdated",
        "the events `tool_ended` and `function_tools_executed`",
    ),
    *missing("SessionUsageUpdatedEvent", f"`metrics_collected`; {_USAGE}"),
    *missing("UserTranscriptionTimeoutEvent", "`turn_decision` and `transcript_dropped`"),
    *missing("AgentEvent", "`antiphon.events.EVENTS` has every class"),
    *missing("DEFAULT_API_CONNECT_OPTIONS", "`APIConnectOptions()`"),
    *missing("AgentConfigUpdate", "there are no such items in the history"),
    *missing(
        "AudioContent CacheBreakpoint MetricsReport",
        "a message holds text and ImageContent",
        at=f"{AGENTS}.llm",
    ),
    *missing(
        "CollectedResponse",
        "`await llm.complete(…)` returns the text",
        at=f"{AGENTS}.llm",
    ),
    *missing(
        "RawFunctionTool is_raw_function_tool",
        "`tool.raw` says whether its schema is its author's",
        at=f"{AGENTS}.llm",
    ),
    *missing("DuplicateScope", "`on_duplicate` is about calls of one tool", at=f"{AGENTS}.llm"),
    *missing(
        "execute_function_call FunctionCallResult",
        "`await tool.invoke(arguments, context)`",
        at=f"{AGENTS}.llm",
    ),
    *missing(
        "LLMError RealtimeError RealtimeModelError",
        "antiphon.errors.ProviderError",
        at=f"{AGENTS}.llm",
    ),
    *missing("STTError", "antiphon.errors.ProviderError", at=f"{AGENTS}.stt"),
    *missing("TTSError", "antiphon.errors.ProviderError", at=f"{AGENTS}.tts"),
    *missing(
        "DuplexModel DuplexSession DuplexRealtimeAdapter RealtimeCapabilities "
        "RealtimeModelFallbackAdapter GenerationCreatedEvent InputSpeechStartedEvent "
        "InputSpeechStoppedEvent InputTranscriptionCompleted MessageGeneration",
        _REALTIME,
        at=f"{AGENTS}.llm",
    ),
    *missing(
        "Choice Decision DecisionModel Probability Score",
        "ask an LLM: `await llm.complete(…)`",
        at=f"{AGENTS}.llm",
    ),
    *missing(
        "STTModels TTSModels LLMModels VADModels TurnDetectorModels",
        "a model string is a `str`",
        at=f"{AGENTS}.inference",
    ),
    *missing(
        "AdaptiveInterruptionDetector OverlappingSpeechEvent",
        "speech of min_duration pauses, and min_words make it an interruption",
        at=f"{AGENTS}.inference",
    ),
    *missing(
        "LLMModelUsage STTModelUsage TTSModelUsage ModelUsage AgentSessionUsage",
        "`session.usage`: one `antiphon.Usage` per model string",
        at=f"{AGENTS}.metrics",
    ),
    *(
        Row(old=f"{AGENTS}.{home}", fate="differs", new=f"antiphon.{home}", text=_SLOT_CLASS)
        for home in ("stt.STTCapabilities", "tts.TTSCapabilities")
    ),
    *missing("SentenceStreamPacer AudioEmitter", _STREAM, at=f"{AGENTS}.tts"),
    *missing("MultiSpeakerAdapter", "speakers are not told apart", at=f"{AGENTS}.stt"),
    # Ready-made tasks
    *moved(
        "antiphon",
        "GetAddressTask GetDOBTask GetDtmfTask GetEmailTask GetNameTask GetPhoneNumberTask "
        "TaskGroupResult",
        at=_TASKS,
    ),
    *moved(
        "antiphon.tasks",
        "GetAddressResult GetDOBResult GetDtmfResult GetEmailResult GetNameResult "
        "GetPhoneNumberResult TaskCompletedEvent",
        at=_TASKS,
    ),
    *missing("GetCreditCardTask GetCreditCardResult", _WRITE_TASK, at=_TASKS),
    *missing("WorkflowInstructions", "extra_instructions= of the task", at=_TASKS),
    *missing("utils.DtmfEvent", 'a key is text: "#"', at=_TASKS),
    *missing(
        "WarmTransferTask TwilioConnectorWarmTransferTask",
        "transfers need a server with telephony",
        at=_TASKS,
    ),
)
"""One row per name; a `*` stands for the module of any provider."""
