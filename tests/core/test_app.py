"""App, JobContext, LocalRoom, the session report, and what FILE means."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from antiphon import Agent, AgentSession, ConfigurationError, Registry, TransportError
from antiphon.app import App, JobContext, app_for_agent, get_job_context
from antiphon.app.file import load_app
from antiphon.app.local_job import LocalJob, prewarm_models
from antiphon.app.local_room import LocalRoom, RpcInvocationData
from antiphon.app.report import make_report
from antiphon.hookspecs import hookimpl
from antiphon.provider import Provider, Slot
from antiphon.testing import Caller, ScriptedLLM

REGISTRY = Registry([], {})


class Greeter(Agent):
    """Says hello, and goodbye when it is left."""

    async def on_enter(self) -> None:
        self.session.say("hello")

    async def on_exit(self) -> None:
        await self.session.say("goodbye")


def talking(app: App, caller: Caller | None = None, **arguments) -> LocalJob:
    return LocalJob(app, room=LocalRoom(caller), registry=REGISTRY, **arguments)


def said(report: dict) -> list[str]:
    return [item["text"] for item in report["history"] if item.get("role") == "assistant"]


# The decorator


def test_the_session_decorator_works_bare_and_with_arguments():
    bare, full = App(name="shop"), App()

    def ended(ctx):
        pass

    @bare.session
    async def first(ctx):
        pass

    @full.session(agent_name="desk", on_session_end=ended, on_request=print)
    async def second(ctx):
        pass

    assert bare.session_function is first
    assert bare.agent_name == "shop"
    assert full.session_function is second
    assert (full.agent_name, full.on_session_end, full.on_request) == ("desk", ended, print)


def test_a_second_session_function_is_refused():
    app = App()

    @app.session
    async def first(ctx):
        pass

    async def second(ctx):
        pass

    with pytest.raises(ConfigurationError) as error:
        app.session(second)
    here = "test_a_second_session_function_is_refused.<locals>"
    assert str(error.value) == (
        f"the app has a session function already, '{here}.first'; "
        f"make '{here}.second' that of another App"
    )


def test_a_session_function_has_to_be_async_and_to_take_the_context():
    app = App()
    here = "test_a_session_function_has_to_be_async_and_to_take_the_context.<locals>"

    def plain(ctx):
        pass

    async def nothing():
        pass

    with pytest.raises(ConfigurationError) as error:
        app.session(plain)
    assert str(error.value) == (
        f"the session function '{here}.plain' is no `async def`; write: async def session(ctx): …"
    )
    with pytest.raises(ConfigurationError) as error:
        app.session(nothing)
    assert str(error.value) == (
        f"the session function '{here}.nothing' has to take one argument, the JobContext; "
        "write: async def session(ctx): …"
    )


def test_an_app_without_a_session_function_says_what_to_write():
    with pytest.raises(ConfigurationError) as error:
        _ = App().session_function
    assert str(error.value) == (
        "the app has no session function; put @app.session above an `async def` that takes "
        "the JobContext"
    )


def test_an_agent_that_needs_arguments_is_no_app_by_itself():
    class Needy(Agent):
        def __init__(self, customer, number) -> None:
            super().__init__()

    with pytest.raises(ConfigurationError) as error:
        app_for_agent(Needy)
    assert str(error.value) == (
        "agent 'Needy' cannot be started by itself: its constructor needs customer, number; "
        "write an App whose session function makes it"
    )


# A job


@pytest.mark.virtual_time
async def test_a_job_runs_a_session_in_its_room_until_the_caller_hangs_up():
    app = App()
    seen: list[object] = []

    @app.session(on_session_end=lambda ctx: seen.append(("end", ctx.make_session_report())))
    async def session(ctx: JobContext) -> None:
        await ctx.connect()
        ctx.add_shutdown_callback(lambda reason: seen.append(("bye", reason)))
        conversation = AgentSession(llm=ScriptedLLM({"": "fine"}), registry=REGISTRY)
        await conversation.start(agent=Greeter(), room=ctx.room)
        await ctx.connect()
        seen.append(get_job_context() is ctx)
        seen.append((await ctx.wait_for_participant()).identity)

    caller = Caller(audio=False)
    job = talking(app, caller, metadata="{}")
    running = asyncio.create_task(job.run())
    await asyncio.sleep(1)
    caller.type("how are you?")
    await asyncio.sleep(5)
    assert not running.done()
    caller.hang_up("hung_up")
    await running
    end = seen[2]
    assert seen[:2] == [True, "caller"]
    assert seen[3] == ("bye", "job_shutdown")
    # Nobody is there any more to hear the goodbye of `on_exit`.
    assert said(end[1]) == ["hello", "fine"]
    assert job.context.job.metadata == "{}"
    assert not job.context.room.isconnected()


@pytest.mark.virtual_time
async def test_shutdown_of_a_job_lets_on_exit_speak_and_runs_the_callbacks():
    app = App()
    log: list[str] = []

    @app.session
    async def session(ctx: JobContext) -> None:
        async def first() -> None:
            log.append("first")

        def broken() -> None:
            raise ValueError("no")

        ctx.add_shutdown_callback(first)
        ctx.add_shutdown_callback(broken)
        ctx.add_shutdown_callback(lambda reason: log.append(reason))
        conversation = AgentSession(registry=REGISTRY)
        conversation.on("close", lambda event: log.append(f"close {event.reason}"))
        await conversation.start(agent=Greeter(), room=ctx.room)
        await asyncio.Event().wait()

    job = talking(app, Caller(audio=False))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(1)
    job.context.shutdown("user_initiated", drain=False)
    job.context.shutdown("another")
    await running
    assert log == ["close user_initiated", "first", "user_initiated"]
    assert said(job.context.make_session_report()) == ["hello", "goodbye"]


@pytest.mark.virtual_time
async def test_a_session_function_that_never_returns_is_stopped_after_its_session(caplog):
    app = App()

    @app.session
    async def session(ctx: JobContext) -> None:
        conversation = AgentSession(registry=REGISTRY)
        await conversation.start(agent=Greeter(), room=ctx.room)
        conversation.shutdown()
        await asyncio.Event().wait()

    before = asyncio.get_running_loop().time()
    await talking(app).run()
    assert asyncio.get_running_loop().time() - before == pytest.approx(5.0, abs=0.1)
    assert caplog.messages == [
        "the session function was still running 5 s after its session had closed; it was cancelled"
    ]


@pytest.mark.virtual_time
async def test_a_job_without_a_session_and_one_that_fails_say_so():
    app, failing = App(), App()

    @app.session
    async def nothing(ctx: JobContext) -> None:
        pass

    @failing.session
    async def fails(ctx: JobContext) -> None:
        raise LookupError("no such customer")

    with pytest.raises(ConfigurationError) as error:
        await talking(app).run()
    assert str(error.value) == (
        "the session function 'test_a_job_without_a_session_and_one_that_fails_say_so.<locals>."
        "nothing' has started no session; write: await session.start(agent=…, room=ctx.room)"
    )
    with pytest.raises(LookupError, match="no such customer"):
        await talking(failing).run()


@pytest.mark.virtual_time
async def test_a_session_that_could_not_start_does_not_hold_up_the_job():
    app = App()

    class LateFailure(Caller):
        async def start(self, sink) -> None:
            await asyncio.sleep(1)
            raise TransportError("the line is dead")

    @app.session
    async def session(ctx: JobContext) -> None:
        with pytest.raises(TransportError):
            await AgentSession(registry=REGISTRY).start(agent=Greeter(), room=ctx.room)
        second = AgentSession(registry=REGISTRY)
        await second.start(agent=Greeter(), transport=Caller(audio=False))
        second.shutdown()

    job = talking(app, LateFailure(audio=False))
    await job.run()
    assert asyncio.get_running_loop().time() < 2
    assert len(job.context.sessions) == 1


@pytest.mark.virtual_time
async def test_slots_can_be_replaced_for_a_call_but_not_those_that_are_none_on_purpose():
    app = App()
    own, other = ScriptedLLM({"": "own"}), ScriptedLLM({"": "other"})
    asked: list[tuple[str, object]] = []

    def override(slot, value):
        asked.append((slot, value))
        return other if slot == "llm" else value

    @app.session
    async def session(ctx: JobContext) -> None:
        conversation = AgentSession(llm=own, registry=REGISTRY)
        await conversation.start(agent=Agent(tts=None), room=ctx.room)
        await conversation.generate_reply(user_input="hi")
        conversation.shutdown()

    job = talking(app, override=override)
    await job.run()
    assert said(job.context.make_session_report()) == ["other"]
    assert ("llm", own) in asked
    assert "tts" not in [slot for slot, _ in asked]
    assert "ScriptedLLM" in job.context.make_session_report()["usage"]


def test_outside_of_a_job_there_is_no_context():
    assert get_job_context(required=False) is None
    with pytest.raises(LookupError) as error:
        get_job_context()
    assert str(error.value) == (
        "there is no job here; get_job_context() works in an App's session function and in "
        "what it starts"
    )


def test_what_only_a_server_can_do_names_the_command():
    ctx = JobContext(room=LocalRoom())
    with pytest.raises(TransportError) as error:
        _ = ctx.api
    assert str(error.value) == (
        "ctx.api needs a server, and this call is a local one; "
        "rooms on a server come with a later release"
    )
    with pytest.raises(ConfigurationError) as missing:
        ctx.make_session_report()
    assert str(missing.value) == (
        "no session has been started in this job, so there is nothing to report; "
        "await session.start(agent=…, room=ctx.room) first"
    )


def test_prewarm_takes_strings_agents_and_agent_classes():
    class Plugin:
        @hookimpl
        def antiphon_provider(self):
            slot = {"default": "one", "models": ("one",)}
            return Provider(
                "acme",
                seam=1,
                tts=Slot(lambda *_: None, **slot),
                llm=Slot(lambda *_: None, models=("two",)),
            )

    registry = Registry([], {})
    registry.add(Plugin(), "acme")

    class Speaker(Agent):
        def __init__(self) -> None:
            super().__init__(tts=["acme/one", "acme"])

    entries = (Speaker, Agent(llm="acme/x"), "acme/two", "acme/three:v")
    assert prewarm_models(entries, registry) == [
        ("tts", "acme/one"),
        ("tts", "acme"),
        ("llm", "acme/x"),
        ("llm", "acme/two"),
        ("llm", "acme/three:v"),
        ("tts", "acme/three:v"),
    ]
    with pytest.raises(ConfigurationError) as error:
        prewarm_models((3,), registry)
    assert str(error.value) == (
        "prewarm=[…] takes model strings, Models, agents and agent classes, not 3"
    )


# The room


@pytest.mark.virtual_time
async def test_attributes_are_text_and_their_changes_are_told():
    room = LocalRoom(name="kitchen")
    changes: list[dict[str, str]] = []

    @room.on("participant_attributes_changed")
    def changed(attributes, participant) -> None:
        changes.append(attributes)

    await room.local_participant.set_attributes({"mood": "fine", "step": "1"})
    await room.local_participant.set_attributes({"mood": "fine", "step": ""})
    assert room.local_participant.attributes == {"mood": "fine"}
    assert changes == [{"mood": "fine", "step": "1"}, {"step": ""}]
    with pytest.raises(ConfigurationError) as error:
        await room.local_participant.set_attributes({"age": 3})
    assert str(error.value) == "attribute 'age' is 3; names and values are text"
    room.off("participant_attributes_changed", changed)
    with pytest.raises(ValueError):
        room.off("participant_attributes_changed", changed)


@pytest.mark.virtual_time
async def test_remote_procedure_calls_work_within_the_process():
    room = LocalRoom()
    caller = room.participant("caller")

    @room.local_participant.register_rpc_method("greet")
    async def greet(data: RpcInvocationData) -> str:
        return f"hello {data.payload} from {data.caller_identity}"

    caller.register_rpc_method("slow", lambda data: asyncio.sleep(60, "late"))
    caller.register_rpc_method("broken", lambda data: 1 / 0)
    caller.register_rpc_method("number", lambda data: 7)
    answer = await caller.perform_rpc(destination_identity="agent", method="greet", payload="you")
    assert answer == "hello you from caller"

    async def failing(method: str, to: str = "caller") -> str:
        with pytest.raises(TransportError) as error:
            await room.local_participant.perform_rpc(destination_identity=to, method=method)
        return str(error.value)

    assert await failing("slow") == (
        "method 'slow' of participant 'caller' gave no answer within 10 s"
    )
    assert await failing("broken") == (
        "method 'broken' of participant 'caller' failed: ZeroDivisionError: division by zero"
    )
    assert await failing("number") == (
        "method 'number' of participant 'caller' answered 7; it has to return text"
    )
    assert await failing("slo") == (
        "participant 'caller' has no method 'slo' (it has: broken, number, slow); "
        "did you mean 'slow'?"
    )
    assert await failing("x", to="agnt") == (
        "no participant 'agnt' is in the room 'local' (there are: agent, caller); "
        "did you mean 'agent'?"
    )
    caller.unregister_rpc_method("slow")
    assert await failing("slow") == (
        "participant 'caller' has no method 'slow' (it has: broken, number)"
    )


# The report


@pytest.mark.virtual_time
async def test_the_report_is_json_with_history_turns_and_usage():
    session = AgentSession(llm=ScriptedLLM({"": "fine"}), registry=REGISTRY)
    await session.start(agent=Agent(id="desk"))
    await session.generate_reply(user_input="how are you?")
    report = make_report(session)
    await session.aclose()
    assert json.loads(json.dumps(report)) == report
    assert report["schema"] == "antiphon.session_report/1"
    assert [item["type"] for item in report["history"]] == ["agent_handoff", "message", "message"]
    answer = report["history"][2]
    assert (answer["role"], answer["text"], answer["agent_id"]) == ("assistant", "fine", "desk")
    (turn,) = report["turns"]
    assert (turn["turn"], turn["text"], turn["agent_id"]) == (1, "how are you?", "desk")
    assert report["usage"]["ScriptedLLM"]["requests"] == 1


# FILE

AGENT = "from antiphon import Agent\n"
APP = "from antiphon.app import App\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write_file(name: str, source: str) -> str:
        Path(name).write_text(source, encoding="utf-8")
        return name

    yield write_file
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_file_means_its_app_or_its_only_agent_class(write):
    write("beside_it.py", AGENT + "class Helper(Agent): pass\n")
    found = load_app(write("only_agent.py", AGENT + "import beside_it\nclass Desk(Agent): pass\n"))
    assert isinstance(found, type) and found.__name__ == "Desk" and found.__module__ == "only_agent"
    source = AGENT + APP + "class A(Agent): pass\nclass B(Agent): pass\napp = App(name='x')\n"
    app = load_app(write("with_app.py", source))
    assert isinstance(app, App) and app.name == "x"
    # What others inherit from is no agent to be started.
    base = AGENT + "class _Base(Agent): pass\nclass Desk(_Base): pass\n"
    assert load_app(write("with_base.py", base)).__name__ == "Desk"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            APP + "one = App()\ntwo = App()\n",
            "'bad_file.py' has 2 apps: one, two; keep one at module level",
        ),
        (
            AGENT + "class A(Agent): pass\nclass B(Agent): pass\n",
            "'bad_file.py' has no App, and 2 agent classes: A, B; say which one takes the call: "
            "app = App(), with a session function that starts it",
        ),
        (
            AGENT + "def helper(): pass\nagent = Agent()\n",
            "'bad_file.py' has no App and no Agent subclass (found: helper, agent (an agent; only "
            "its class can be started)); write `app = App()` with a session function, or one class "
            "that inherits from Agent",
        ),
        (
            "",
            "'bad_file.py' has no App and no Agent subclass (found nothing of its own); write "
            "`app = App()` with a session function, or one class that inherits from Agent",
        ),
        (
            "x = 1\ndef f(:\n",
            "'bad_file.py' cannot be read: line 2, 'def f(:': SyntaxError: invalid syntax",
        ),
        (
            "x = 1\nimport not_there_at_all\n",
            "'bad_file.py' cannot be loaded: line 2, 'import not_there_at_all': "
            "ModuleNotFoundError: No module named 'not_there_at_all'",
        ),
        (
            AGENT + "\ndesk = Agent(tts='acme/')\n",
            "'bad_file.py' cannot be loaded: line 3, \"desk = Agent(tts='acme/')\": "
            "ModelStringError: model string 'acme/' has no model after '/'; write 'acme' for its "
            "default model, or 'acme/MODEL'",
        ),
        (
            "raise SystemExit(3)\n",
            "'bad_file.py' cannot be loaded: line 1, 'raise SystemExit(3)': it calls sys.exit(3); "
            'put that under `if __name__ == "__main__":`',
        ),
    ],
)
def test_a_file_that_cannot_be_run_says_why(write, source: str, message: str):
    path = write("bad_file.py", source)
    with pytest.raises(ConfigurationError) as error:
        load_app(path)
    assert str(error.value) == message


def test_a_file_that_is_not_there_or_no_module_says_so(write):
    write("shop.py", "")
    Path("folder").mkdir()
    write("notes.txt", "")
    write("json.py", "")
    write("pytest.py", "")

    def message(path: str) -> str:
        with pytest.raises(ConfigurationError) as error:
            load_app(path)
        return str(error.value)

    assert message("shp.py") == "there is no file 'shp.py'; did you mean 'shop.py'?"
    assert message("xyz/q.py") == "there is no file 'xyz/q.py'; antiphon new agent NAME writes one"
    assert message("folder") == "'folder' is a directory; give a Python file in it"
    assert message("notes.txt") == "'notes.txt' is not a Python file; give one that ends in .py"
    for name in ("json", "pytest"):
        assert message(f"{name}.py") == (
            f"'{name}.py' would hide the module '{name}', which is needed; "
            "give the file another name"
        )
