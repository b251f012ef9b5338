"""A caller and a small machine that answers, on the scripted providers alone; prints its log.

Run as a program it holds the conversation that the determinism test compares between processes.
"""

import asyncio

from antiphon.audio import AudioFrame, split
from antiphon.chat import ChatContext
from antiphon.llm import TextDelta
from antiphon.streams import Channel
from antiphon.stt import Final
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD, run
from antiphon.tts import Audio


class Machine:
    """Answers every final; stops talking when the caller speaks."""

    def __init__(self, caller, llm, log):
        self.caller, self.llm, self.log = caller, llm, log
        self.tts = ScriptedTTS()
        self.audio = Channel()
        self.context = ChatContext.empty()
        self.vad = ScriptedVAD().stream(self.on_vad)
        self.tasks = []
        self.said = 0
        caller.on_played = lambda played: self.note("played", played)

    def note(self, *what):
        self.log.append((round(asyncio.get_running_loop().time(), 9), *map(str, what)))

    def audio_in(self, frame):
        self.vad.push(frame)
        self.audio.offer(frame)

    def on_vad(self, event):
        self.note("vad", event.type, event.at)
        if event.type == "speech_started":
            self.note("cleared", self.caller.clear())

    async def listen(self):
        async for event in ScriptedSTT().transcribe(self.audio):
            self.note("stt", event)
            if isinstance(event, Final):
                self.context.add_message(role="user", content=event.text)
                self.tasks.append(asyncio.create_task(self.answer(f"answer {len(self.tasks)}")))

    async def answer(self, segment):
        async def words():
            async for event in self.llm.chat(self.context):
                if isinstance(event, TextDelta):
                    yield event.text

        async for event in self.tts.synthesize(words()):
            if isinstance(event, Audio):
                for frame in split(AudioFrame(event.data, event.sample_rate), 320):
                    self.caller.push(frame, segment)
        self.note("said", segment)


class Sink:
    def __init__(self, machine):
        self.machine = machine

    def audio(self, frame):
        self.machine.audio_in(frame)

    def text(self, text):
        self.machine.note("typed", text)

    def dtmf(self, digit):
        self.machine.note("key", digit)

    def closed(self, reason):
        self.machine.note("closed", reason)
        self.machine.audio.close()


async def converse(script, replies, *, continuous=True):
    """Runs `script(caller)` against the machine; returns the log and the caller."""
    log = []
    caller = Caller(continuous=continuous)
    machine = Machine(caller, ScriptedLLM(replies), log)
    listening = asyncio.create_task(machine.listen())
    await caller.start(Sink(machine))
    await script(caller)
    caller.hang_up()
    await listening
    await asyncio.gather(*machine.tasks)
    await caller.aclose()
    return log, caller


async def small_talk(caller):
    await caller.wait_until(0.5)
    await caller.speak("hello machine", seconds=1.0)
    caller.type("and a line")
    await caller.listen_until()
    caller.speak_at(8.0, "stop it now", seconds=1.2)
    await caller.speak("tell me a long story", seconds=2.0)
    await caller.wait_until(9.2)
    await caller.listen_until()
    caller.press("12#")


REPLIES = {"hello": "Good day to you, caller!", "story": "Once " * 60, "": "Very well then."}


def main():
    log, caller = run(lambda: converse(small_talk, REPLIES), until=600)
    for line in log:
        print(*line)
    for entry in caller.timeline:
        print(entry)


if __name__ == "__main__":
    main()
