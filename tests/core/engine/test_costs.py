"""What guards the speed, counted and not timed: tasks, turns of the loop, timers and copies."""

import asyncio
from collections import Counter

import pytest

from antiphon import Agent, AgentSession, AudioFrame
from antiphon.chat import ChatContext
from antiphon.llm import LLM, Finish, TextDelta
from antiphon.stt import STT, EndOfTurn, Final, STTCapabilities
from antiphon.transport import Transport, TransportCapabilities
from antiphon.tts import TTS, Audio, TTSCapabilities

pytestmark = pytest.mark.virtual_time
FRAME = b"\x01\x00" * 320


class Answer(LLM):
    async def chat(self, chat_ctx, *, tools=(), tool_choice="auto", settings=None):
        yield TextDelta("Very well.")
        yield Finish("stop")


class Beep(TTS):
    capabilities = TTSCapabilities(sample_rates=(16000,))

    def __init__(self, seconds=0.02):
        self.seconds = seconds

    async def synthesize(self, text, settings=None):
        async for piece in text:
            if isinstance(piece, str):
                for _ in range(round(self.seconds / 0.02)):
                    yield Audio(FRAME, 16000)


class EndsTurns(STT):
    """Ends a turn with a frame that is longer than 20 ms."""

    capabilities = STTCapabilities(end_of_turn=True)

    async def transcribe(self, audio, settings=None):
        async for frame in audio:
            if isinstance(frame, AudioFrame) and len(frame.data) > 640:
                yield Final("hello")
                yield EndOfTurn()


class Line(Transport):
    """Plays by the clock of the loop."""

    capabilities = TransportCapabilities(sample_rate=16000, position="exact", pause="native")

    def __init__(self):
        self.until = 0.0

    async def start(self, sink):
        self.sink = sink

    async def aclose(self):
        pass

    def push(self, frame, segment):
        now = asyncio.get_running_loop().time()
        self.until = max(self.until, now) + frame.duration

    def buffered(self):
        return max(0.0, self.until - asyncio.get_running_loop().time())

    def clear(self):
        self.until = 0.0


class Counted:
    """Counts what the loop is given to do."""

    def __init__(self, monkeypatch):
        self.tasks = 0
        self.timers = 0
        self.steps = Counter()
        loop = asyncio.get_running_loop()
        call_at, run = loop.call_at, asyncio.events.Handle._run

        def make(loop, coro, **options):
            self.tasks += 1
            return asyncio.Task(coro, loop=loop, **options)

        def at(when, callback, *args, **options):
            self.timers += 1
            return call_at(when, callback, *args, **options)

        def step(handle):
            owner = getattr(handle._callback, "__self__", None)
            self.steps[owner.get_name() if isinstance(owner, asyncio.Task) else ""] += 1
            run(handle)

        loop.set_task_factory(make)
        monkeypatch.setattr(loop, "call_at", at)
        monkeypatch.setattr(asyncio.events.Handle, "_run", step)


async def test_a_turn_takes_two_tasks_whatever_came_before_it(monkeypatch):
    line = Line()
    async with AgentSession(llm=Answer(), tts=Beep()) as session:
        await session.start(Agent(instructions="x"), transport=line)
        counted, found = Counted(monkeypatch), []
        for _ in range(60):
            tasks, steps = counted.tasks, sum(counted.steps.values())
            line.sink.text("hello")
            await session.wait_for_idle()
            found.append((counted.tasks - tasks, sum(counted.steps.values()) - steps))
    assert {tasks for tasks, _ in found} == {2}, "one replies, one voices"
    assert max(steps for _, steps in found) <= 8
    assert found[59][1] <= found[1][1] + 2, "the sixtieth turn is worked off like the second"


async def test_a_frame_of_the_caller_is_one_step_of_the_stt_and_nothing_else(monkeypatch):
    line = Line()
    async with AgentSession(llm=Answer(), tts=Beep(), stt=EndsTurns()) as session:
        await session.start(Agent(instructions="x"), transport=line)
        await asyncio.sleep(0.1)
        counted, loop = Counted(monkeypatch), asyncio.get_running_loop()
        for _ in range(50):
            line.sink.audio(AudioFrame(FRAME, 16000, 1, loop.time()))
            await asyncio.sleep(0)
        assert counted.tasks == 0
        assert counted.timers == 0
        assert counted.steps["stt"] <= 50
        line.sink.audio(AudioFrame(FRAME * 2, 16000, 1, loop.time()))  # it is heard, all the same
        await asyncio.sleep(0.1)
        assert session.history.messages()[0].text_content == "hello"


async def test_audio_that_is_played_takes_five_timers_a_second(monkeypatch):
    async with AgentSession(tts=Beep(10.0)) as session:
        await session.start(Agent(instructions="x"), transport=Line())
        session.say("a long story")
        await asyncio.sleep(2.0)
        counted = Counted(monkeypatch)
        await asyncio.sleep(4.0)
        assert counted.timers <= 1 + 4 * 5 + 1, "the sleep of the test, and one each 0.2 s"
        assert counted.tasks == 0


async def test_a_turn_copies_no_history(monkeypatch):
    copied = []
    plain = ChatContext.copy
    monkeypatch.setattr(
        ChatContext, "copy", lambda self, *a, **k: copied.append(self) or plain(self, *a, **k)
    )
    line = Line()
    async with AgentSession(llm=Answer(), tts=Beep()) as session:
        await session.start(Agent(instructions="x"), transport=line)
        copied.clear()
        for _ in range(5):
            line.sink.text("hello")
            await session.wait_for_idle()
        assert copied == []
        assert len(session.history.messages()) == 10


async def test_a_session_in_which_nothing_happens_costs_the_loop_nothing(monkeypatch):
    async with AgentSession(llm=Answer(), tts=Beep(), user_away_timeout=None) as session:
        await session.start(Agent(instructions="x"), transport=Line())
        await asyncio.sleep(0)
        counted = Counted(monkeypatch)
        loop = asyncio.get_running_loop()
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []
        for _ in range(5):
            await asyncio.sleep(0)
        assert sum(counted.steps.values()) == 5, "those of the test itself"
