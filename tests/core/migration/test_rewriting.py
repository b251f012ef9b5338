"""What becomes of single expressions, statements and imports."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from antiphon.cli.migrating.rewriting import Rewritten, rewrite
from antiphon.model import Model, parse


def migrated(source: str) -> Rewritten:
    """A source, rewritten; doing it again changes nothing and leaves the same."""
    first = rewrite(cst.parse_module(textwrap.dedent(source)))
    again = rewrite(cst.parse_module(first.text))
    assert again.text == first.text
    assert sorted(f.what for f in again.findings if f.left) == sorted(
        f.what for f in first.findings if f.left
    )
    return first


def left(source: str) -> list[tuple[int, str]]:
    return [(f.line, f.what) for f in migrated(source).findings if f.left]


def text(source: str) -> str:
    result = migrated(source)
    assert [f for f in result.findings if f.left] == []
    return result.text


MODELS = [
    ('deepgram.STT(model="nova-3", language="en")', '"deepgram/nova-3:en"'),
    ("deepgram.STT(model='nova-3', language='en')", "'deepgram/nova-3:en'"),
    ("deepgram.STT()", '"deepgram"'),
    ('deepgram.STT(language="en")', 'Model("deepgram", language="en")'),
    ('deepgram.STT(model="nova-3", language=LANG)', 'Model("deepgram/nova-3", language=LANG)'),
    ('deepgram.STTv2(model="flux-general-en")', '"deepgram/flux-general-en"'),
    (
        'deepgram.STT(model="nova-3", smart_format=True, language="en")',
        'Model("deepgram/nova-3:en", smart_format=True)',
    ),
    ('openai.LLM(model="gpt-4.1")', '"openai/gpt-4.1"'),
    ('openai.LLM(model="gpt-4.1", api_key=K)', 'Model("openai/gpt-4.1", api_key=K)'),
    ("openai.LLM(model=MODEL)", 'f"openai/{MODEL}"'),
    ('openai.LLM(model=os.environ["M"])', '"openai/" + os.environ["M"]'),
    ('openai.LLM(model="a" if X else "b")', '"openai/" + ("a" if X else "b")'),
    ('openai.LLM.with_ollama(model="llama3.2:1b")', '"ollama/llama3.2:1b"'),
    ('openai.LLM.with_x_ai(model="grok-4")', '"xai/grok-4"'),
    ('openai.LLM(model="gpt-4.1", **OPTIONS)', 'Model("openai/gpt-4.1", **OPTIONS)'),
    ('cartesia.TTS(model="sonic-3", voice="6f84")', '"cartesia/sonic-3:6f84"'),
    (
        'cartesia.TTS(model="sonic-3", voice="6f84", language="en")',
        'Model("cartesia/sonic-3:6f84", language="en")',
    ),
    ('cartesia.TTS(model="sonic-3", voice="a:b")', 'Model("cartesia/sonic-3", voice="a:b")'),
    ('elevenlabs.TTS(voice_id="x", model="flash")', '"elevenlabs/flash:x"'),
    ('cartesia.TTS(voice="6f84")', 'Model("cartesia", voice="6f84")'),
    ("silero.VAD.load()", '"silero"'),
    (
        "silero.VAD.load(activation_threshold=0.6, min_silence_duration=0.3)",
        'Model("silero", threshold=0.6, min_silence=0.3)',
    ),
    ('inference.STT("deepgram/nova-3", language="en")', '"deepgram/nova-3:en"'),
    ('inference.STT(model="deepgram/nova-3:en")', '"deepgram/nova-3:en"'),
    ('inference.STT("deepgram/nova-3:de", language="en")', '"deepgram/nova-3:de"'),
    ('inference.LLM("openai/gpt-4.1")', '"openai/gpt-4.1"'),
    ("inference.LLM(MODEL)", "MODEL"),
    (
        'inference.LLM("openai/gpt-4.1", extra_kwargs={"temperature": 0.2})',
        'Model("openai/gpt-4.1", temperature=0.2)',
    ),
    (
        'inference.LLM("openai/gpt-4.1", extra_kwargs=EXTRA)',
        'Model("openai/gpt-4.1", extra=EXTRA)',
    ),
    (
        'inference.TTS("cartesia/sonic-3:a", fallback=["acme/mouth-1"])',
        '["cartesia/sonic-3:a", "acme/mouth-1"]',
    ),
    ('inference.VAD(model="silero")', '"silero"'),
    (
        'llm.FallbackAdapter([openai.LLM(model="a"), anthropic.LLM(model="b")])',
        '["openai/a", "anthropic/b"]',
    ),
    ("stt.StreamAdapter(stt=openai.STT(), vad=silero.VAD.load())", '"openai"'),
]
IMPORTS = (
    "import os\nfrom livekit.agents import inference, llm, stt\n"
    "from livekit.plugins import anthropic, cartesia, deepgram, elevenlabs, openai, silero\n"
)


@pytest.mark.parametrize(("there", "here"), MODELS)
def test_what_makes_a_slot_becomes_a_model_string(there: str, here: str) -> None:
    result = text(f"{IMPORTS}x = {there}\n")
    assert result.splitlines()[-1] == f"x = {here}"
    assert ("from antiphon import Model" in result) == ("Model(" in here)
    assert "livekit" not in result


@pytest.mark.parametrize("here", [here for _, here in MODELS if "environ" not in here])
def test_what_is_written_is_a_model(here: str) -> None:
    names = {"MODEL": "acme/x", "K": "k", "LANG": "en", "OPTIONS": {}, "EXTRA": {}, "X": 1}
    value = eval(here, {"Model": Model, **names})
    for each in value if isinstance(value, list) else [value]:
        assert parse(each, "stt").provider == str(each).partition("/")[0]


IMPORT_LINES = [
    ("from livekit.agents import Agent", "x = Agent", "from antiphon import Agent\nx = Agent\n"),
    (
        "import livekit.agents",
        "x = livekit.agents.Agent",
        "from antiphon import Agent\nx = Agent\n",
    ),
    ("import livekit.agents as lk", "x = lk.Agent", "from antiphon import Agent\nx = Agent\n"),
    ("from livekit import agents", "x = agents.Agent", "from antiphon import Agent\nx = Agent\n"),
    (
        "from livekit.agents import llm as lk",
        "x = lk.function_tool",
        "from antiphon import function_tool\nx = function_tool\n",
    ),
    (
        "from livekit.agents import AgentSession as S",
        "x = S()",
        "from antiphon import AgentSession as S\nx = S()\n",
    ),
    (
        "from livekit.agents.voice.agent import Agent",
        "class A(Agent): pass",
        "from antiphon import Agent\nclass A(Agent): pass\n",
    ),
    (
        "from livekit.agents.llm.tool_context import StopResponse, ToolError",
        "x = ToolError, StopResponse",
        "from antiphon import StopResponse, ToolError\nx = ToolError, StopResponse\n",
    ),
    ("from livekit.agents import Agent", "pass", "from antiphon import Agent\npass\n"),
    (
        "from livekit.agents import AgentServer",
        "class App: pass\nx = AgentServer()",
        "import antiphon\nclass App: pass\nx = antiphon.App()\n",
    ),
    (
        "from livekit.agents import stt",
        "class STT(stt.STT):\n    def f(self) -> stt.STTCapabilities: pass",
        "import antiphon.stt\nfrom antiphon.stt import STTCapabilities\n"
        "class STT(antiphon.stt.STT):\n    def f(self) -> STTCapabilities: pass\n",
    ),
    (
        "from livekit.agents import CloseEvent, CloseReason",
        "def f(ev: CloseEvent): return ev.reason is CloseReason.ERROR",
        "from antiphon.events import CloseEvent\n"
        'def f(ev: CloseEvent): return ev.reason is "error"\n',
    ),
    (
        "from livekit.agents import AgentServer",
        'def f(server: "AgentServer | None"): pass',
        'from antiphon import App\ndef f(server: "App | None"): pass\n',
    ),
]


@pytest.mark.parametrize(("line", "code", "result"), IMPORT_LINES)
def test_imports_and_aliases(line: str, code: str, result: str) -> None:
    assert text(f"{line}\n{code}\n") == result


def test_comments_and_layout_stay() -> None:
    assert text(
        """
        # about the imports
        from livekit.agents import (  # all of them
            Agent,   # the agent
            AgentSession,
        )

        # about the agent
        class Desk(Agent):   # a desk
            x = {  'a':1 }


        s = AgentSession(
            # in English
            stt = "deepgram/nova-3:en",  # the ear
            min_endpointing_delay = 0.4,  # quick
            user_away_timeout=None,
        )
        """
    ) == textwrap.dedent(
        """
        # about the imports
        # all of them
        # the agent
        from antiphon import Agent, AgentSession, Endpointing, TurnHandling

        # about the agent
        class Desk(Agent):   # a desk
            x = {  'a':1 }


        s = AgentSession(
            # in English
            stt = "deepgram/nova-3:en",  # the ear
            turn_handling = TurnHandling(endpointing=Endpointing(min_delay=0.4)),  # quick
            user_away_timeout=None,
        )
        """
    )


def test_imports_in_functions_and_for_type_checkers() -> None:
    assert text(
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from livekit.agents import AgentSession

        def f(session: "AgentSession"):
            from livekit.agents import StopResponse
            raise StopResponse
        """
    ) == textwrap.dedent(
        """
        from antiphon import AgentSession, StopResponse
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            pass

        def f(session: "AgentSession"):
            raise StopResponse
        """
    )


TURNS = [
    ("allow_interruptions=False", "TurnHandling(interruption=Interruption(enabled=False))"),
    (
        "min_endpointing_delay=0.3, max_endpointing_delay=2.0",
        "TurnHandling(endpointing=Endpointing(min_delay=0.3, max_delay=2.0))",
    ),
    (
        "min_interruption_words=2, false_interruption_timeout=None",
        "TurnHandling(interruption=Interruption(min_words=2, resume_false_interruption=False))",
    ),
    ('turn_detection="vad"', 'TurnHandling(turn_detection="vad")'),
    ("preemptive_generation=True", "TurnHandling(preemptive_generation=True)"),
    (
        "turn_handling={'endpointing': {'mode': 'dynamic', 'alpha': 0.5}, "
        "'turn_detection': MultilingualModel()}",
        "{'endpointing': {'mode': 'adaptive'}}",
    ),
    (
        "turn_handling=TurnHandlingOptions(interruption=InterruptionOptions(mode='vad', "
        "min_words=1), user_turn_limit=UserTurnLimitOptions(max_words=9))",
        "TurnHandling(interruption=Interruption(min_words=1), "
        "user_turn_limit=UserTurnLimit(max_words=9))",
    ),
    (
        "turn_handling=TurnHandlingOptions(preemptive_generation="
        "PreemptiveGenerationOptions(enabled=False))",
        "TurnHandling(preemptive_generation=False)",
    ),
]


@pytest.mark.parametrize(("there", "here"), TURNS)
def test_options_of_turn_taking_are_gathered(there: str, here: str) -> None:
    result = text(
        "from livekit.agents import (AgentSession, InterruptionOptions, TurnHandlingOptions,\n"
        "    PreemptiveGenerationOptions, UserTurnLimitOptions)\n"
        "from livekit.plugins.turn_detector.multilingual import MultilingualModel\n"
        f"s = AgentSession({there})\n"
    )
    assert result.splitlines()[-1] == f"s = AgentSession(turn_handling={here})"


def test_a_turn_detector_alone_is_taken_out_with_a_note() -> None:
    result = migrated(
        """
        from livekit.agents import AgentSession
        from livekit.plugins.turn_detector.english import EnglishModel
        s = AgentSession(llm="openai/gpt-4.1", turn_detection=EnglishModel())
        """
    )
    assert result.text.splitlines()[-1] == 's = AgentSession(llm="openai/gpt-4.1")'
    assert [(f.line, f.what, f.left) for f in result.findings] == [
        (4, "livekit.plugins.turn_detector.english.EnglishModel", False)
    ]


def test_the_frame_of_an_older_program() -> None:
    assert text(
        """
        from livekit.agents import AgentSession, JobContext, JobProcess, WorkerOptions, cli
        from livekit.plugins import silero

        def prewarm(proc: JobProcess):
            proc.userdata["vad"] = silero.VAD.load()

        # takes the call
        async def entrypoint(ctx: JobContext):
            await ctx.connect()
            session = AgentSession(vad=ctx.proc.userdata["vad"])

        if __name__ == "__main__":
            cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint, prewarm_fnc=prewarm, port=80))
        """
    ) == textwrap.dedent(
        """
        from antiphon import AgentSession, App, JobContext

        # takes the call
        app = App(prewarm=["silero"])


        @app.session
        async def entrypoint(ctx: JobContext):
            await ctx.connect()
            session = AgentSession(vad="silero")
        """
    )


def test_the_class_of_a_slot_in_an_annotation_is_that_of_a_model_string() -> None:
    assert (
        text(
            "from livekit.agents import inference\nfrom livekit.plugins import silero\n"
            "def f(vad: silero.VAD | None = None, stt: inference.STT = None) -> None: pass\n"
        )
        == "def f(vad: str | None = None, stt: str = None) -> None: pass\n"
    )


def test_a_main_block_that_does_more_is_kept() -> None:
    result = text(
        """
        from livekit.agents import AgentServer, cli
        server = AgentServer()
        if __name__ == "__main__":
            print("hello")
            cli.run_app(server)
        """
    )
    assert result.endswith('if __name__ == "__main__":\n    print("hello")\n')


def test_options_of_rooms_become_one() -> None:
    result = text(
        """
        from livekit.agents import Agent, AgentSession, RoomInputOptions, RoomOutputOptions
        from livekit.plugins import noise_cancellation

        async def f(session: AgentSession, room):
            await session.start(
                agent=Agent(instructions=""),
                room=room,
                room_input_options=RoomInputOptions(
                    text_enabled=False, noise_cancellation=noise_cancellation.BVC()
                ),
                room_output_options=RoomOutputOptions(audio_enabled=False),
            )
        """
    )
    assert "        room_options=RoomOptions(text_input=False, audio_output=False),\n" in result
    assert "from antiphon import Agent, AgentSession, RoomOptions\n" in result


def test_mcp_servers_become_tool_sets() -> None:
    result = text(
        """
        from livekit.agents import Agent, function_tool, mcp
        a = Agent(
            instructions="",
            tools=[one],
            mcp_servers=[
                mcp.MCPServerHTTP("https://a.example/mcp", headers=H, timeout=9),
                mcp.MCPServerStdio("npx", ["-y"], client_session_timeout_seconds=5),
            ],
        )
        b = mcp.MCPToolset(id="shop", mcp_server=mcp.MCPServerHTTP(url="https://b.example"))
        """
    )
    assert (
        'MCPToolset(id="mcp_1", url="https://a.example/mcp", headers=H, connect_timeout=9)'
        in result
    )
    assert 'MCPToolset(id="mcp_2", command="npx", args=["-y"], timeout=5)' in result
    assert result.splitlines()[-1] == 'b = MCPToolset(id="shop", url="https://b.example")'


def test_ready_made_tasks_and_groups() -> None:
    assert text(
        """
        from livekit.agents.beta.workflows import GetDtmfTask, GetEmailTask, TaskGroup
        a = GetDtmfTask(num_digits=4, ask_for_confirmation=True)
        b = GetEmailTask(require_explicit_ask=True, allow_interruptions=False)
        c = TaskGroup(summarize_chat_ctx=False)
        """
    ) == textwrap.dedent(
        """
        from antiphon import GetDtmfTask, GetEmailTask, Interruption, TaskGroup, TurnHandling
        a = GetDtmfTask(num_digits=4, require_confirmation=True)
        b = GetEmailTask(turn_handling=TurnHandling(interruption=Interruption(enabled=False)))
        c = TaskGroup()
        """
    )


LEFT = [
    ("from livekit.agents import *\n", 1, "from livekit.agents import *"),
    ("from livekit.agents import RoomIO\nRoomIO()\n", 2, "livekit.agents.RoomIO"),
    (
        "from livekit.agents import AgentSession\ns = AgentSession(ivr_detection=True)\n",
        2,
        "AgentSession(ivr_detection=)",
    ),
    (
        "from livekit.agents import Agent\nclass A(Agent):\n    async def on_enter(self):\n"
        "        self.session.output.set_audio_enabled(False)\n",
        4,
        "AgentSession.output",
    ),
    (
        "from livekit.agents import JobContext\nasync def f(ctx: JobContext):\n"
        "    ctx.proc.userdata\n",
        3,
        "JobContext.proc",
    ),
    (
        "from livekit.agents import AgentSession\nsession = AgentSession()\n"
        "@session.on('session_usage_updated')\ndef f(ev): pass\n",
        3,
        'event "session_usage_updated"',
    ),
    (
        "from livekit.plugins import openai\nm = openai.realtime.RealtimeModel(voice='ash')\n",
        2,
        "livekit.plugins.*.realtime.RealtimeModel",
    ),
    (
        "from livekit.plugins import acme\nx = acme.Something()\n",
        2,
        "livekit.plugins.acme.Something",
    ),
    (
        "from livekit.agents import utils\nutils.aio.Chan()\n",
        2,
        "livekit.agents.utils.aio.Chan",
    ),
    (
        "from livekit.agents import AgentSession\ns = AgentSession(turn_detection=my_detector)\n",
        2,
        "turn_detection=",
    ),
    (
        "from livekit.agents import AgentServer, JobProcess\nserver = AgentServer()\n"
        "def warm(proc: JobProcess):\n    proc.userdata['x'] = open('x')\n"
        "server.setup_fnc = warm\n",
        3,
        "warm",
    ),
    (
        "from livekit.agents import llm\nasync def f(chunk: llm.ChatChunk): pass\n",
        2,
        "livekit.agents.llm.ChatChunk",
    ),
]


@pytest.mark.parametrize(("source", "line", "what"), LEFT)
def test_what_has_no_counterpart_is_left_and_named(source: str, line: int, what: str) -> None:
    assert left(source) == [(line, what)]


def test_what_is_left_stays_as_it_is() -> None:
    source = "from livekit.agents import Agent, RoomIO\n\nx = RoomIO(Agent)\n"
    assert migrated(source).text == (
        "from antiphon import Agent\nfrom livekit.agents import RoomIO\n\nx = RoomIO(Agent)\n"
    )


@pytest.mark.parametrize(
    "source",
    [
        "from livekit import rtc\ndef f(track: rtc.Track, room: 'rtc.Room | None') -> None: ...\n",
        "import livekit\nprint(livekit)\n",
        "from antiphon import Agent, AgentSession\ns = AgentSession(llm='a/b')\n",
        "import os\nprint('livekit')\n",
        "",
    ],
)
def test_what_is_not_livekit_agents_is_not_touched(source: str) -> None:
    assert text(source) == source


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import livekit.rtc\nroom = livekit.rtc.Room()\n", [(2, "livekit.rtc.Room")]),
        (
            "from livekit import api, rtc\nx: rtc.Room = rtc.Room(), api.AccessToken()\n",
            [(2, "livekit.api.AccessToken"), (2, "livekit.rtc.Room")],
        ),
        ("from livekit.rtc import *\nRoom()\n", [(1, "from livekit.rtc import *")]),
    ],
)
def test_what_needs_a_server_or_its_room_is_left(source: str, found: list[tuple[int, str]]) -> None:
    assert left(source) == found
    assert migrated(source).text == source


HANG_UP = """\
from livekit import api
from livekit.agents import JobContext, RunContext, function_tool, get_job_context

@function_tool
async def hang_up(ctx: RunContext):
    job = get_job_context()
    {}
"""
DELETES = "await job.api.room.delete_room(api.DeleteRoomRequest(room=job.room.name))"


@pytest.mark.parametrize("job", ["job", "get_job_context()"])
def test_deleting_the_jobs_own_room_is_the_end_of_the_job(job: str) -> None:
    shown = text(HANG_UP.format(DELETES.replace("job.", f"{job}.")))
    assert shown.endswith(f"\n    {job}.shutdown()\n")
    assert "livekit" not in shown
    note = migrated(HANG_UP.format(DELETES)).findings[-1]
    assert (note.line, note.what, note.left) == (7, "DeleteRoomRequest", False)


@pytest.mark.parametrize(
    "statement",
    [
        DELETES.replace("job.room.name", '"another"'),
        f"done = {DELETES}",
        DELETES.replace("delete_room", "update_room"),
    ],
)
def test_other_requests_to_the_server_are_left(statement: str) -> None:
    result = migrated(HANG_UP.format(statement))
    assert statement in result.text
    text = (
        "it needs a server; to end the call: `session.shutdown()`, or the tool set `EndCallTool()`"
    )
    assert [(f.line, f.what, f.instead) for f in result.findings if f.left] == [
        (7, "JobContext.api", text),
        (7, "livekit.api.DeleteRoomRequest", text),
    ]


def test_names_of_others_that_are_spelled_the_same_are_not_touched() -> None:
    source = (
        "from acme import AgentServer, llm\nfrom livekit.agents import Agent\n"
        "def f(llm, inference): return inference.STT('x'), llm.ChatContext\n"
        "x = AgentServer(llm=llm, setup_fnc=1)\n"
    )
    assert text(source) == source.replace("livekit.agents", "antiphon")
