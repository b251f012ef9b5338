"""Scenarios as they are written: what is read, and what is told of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.errors import ConfigurationError
from antiphon.testing import Scenario, read_scenario, read_scenarios
from antiphon.testing.simulation.scenario import (
    CallerOptions,
    Expected,
    ExpectedCall,
    Reply,
    SlotChoice,
    Step,
    When,
)

FULL = """
name = "everything"
limit = 90

[caller]
words_per_second = 3
jitter = 0.5
greeting = 1.0
patience = 8
lingers = 2

[slots]
stt = "file"
tts = "none"
vad = { model = "scripted", min_silence = 0.4 }
llm = { model = "scripted", first_token = 0.2 }

[[reply]]
to = ["bill", "invoice"]
say = "One moment."
call = [{ name = "look_up", arguments = { number = 3 } }, "weigh"]
times = 2

[[reply]]
say = "I see."

[[step]]
say = "about my bill"
seconds = 2.0
at = 1.5
hears = "one moment"
hears_not = ["no", "never"]
hears_match = "^One"
calls = ["look_up", { name = "weigh", arguments = { exact = true } }]
agent = "desk"
within = 2

[[step]]
backchannel = "mhm"
into_agent = 1.0

[[step]]
mumble = 0.8
after_silence = 3

[[step]]
noise = 0.5
level = 0.3
after_last = 0.2

[[step]]
press = "12#"
after_words = "the number"
delay = 0.4

[[step]]
type = "thanks"
after_agent = 1.2

[[step]]
wait = 20

[[step]]
hang_up = "tired"

[expect]
heard = "one moment"
heard_not = "no"
heard_match = "moment"
agent = "desk"
handoffs = ["desk", "billing"]
calls = "look_up"
calls_not = ["delete"]
turns = 3
interruptions = 1
latency = 2.5
errors = 1
recovered = 2
close = "tired"
lost_turns = true
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a scenario and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str, name: str = "call.toml") -> str:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
        return name

    return write_file


def test_every_key_is_read(write):
    scenario = read_scenario(write(FULL))
    assert scenario == Scenario(
        name="everything",
        path=Path("call.toml"),
        limit=90.0,
        caller=CallerOptions(
            words_per_second=3.0, jitter=0.5, greeting=1.0, patience=8.0, lingers=2.0
        ),
        slots={
            "stt": SlotChoice(string="file"),
            "tts": SlotChoice(string="none"),
            "vad": SlotChoice(string="scripted", settings={"min_silence": 0.4}),
            "llm": SlotChoice(string="scripted", settings={"first_token": 0.2}),
        },
        replies=(
            Reply(
                to=("bill", "invoice"),
                say="One moment.",
                calls=(("look_up", {"number": 3}), ("weigh", {})),
                times=2,
            ),
            Reply(say="I see."),
        ),
        steps=(
            Step(
                number=1,
                action="say",
                text="about my bill",
                seconds=2.0,
                when=When(moment="at", seconds=1.5),
                hears=("one moment",),
                hears_not=("no", "never"),
                hears_match="^One",
                calls=(
                    ExpectedCall(name="look_up"),
                    ExpectedCall(name="weigh", arguments={"exact": True}),
                ),
                agent="desk",
                within=2.0,
            ),
            Step(
                number=2,
                action="backchannel",
                text="mhm",
                when=When(moment="into_agent", seconds=1.0),
            ),
            Step(
                number=3,
                action="mumble",
                seconds=0.8,
                when=When(moment="after_silence", seconds=3.0),
            ),
            Step(
                number=4,
                action="noise",
                seconds=0.5,
                level=0.3,
                when=When(moment="after_last", seconds=0.2),
            ),
            Step(
                number=5,
                action="press",
                text="12#",
                when=When(moment="after_words", seconds=0.4, words="the number"),
            ),
            Step(number=6, action="type", text="thanks", when=When(seconds=1.2)),
            Step(number=7, action="wait", seconds=20.0),
            Step(number=8, action="hang_up", text="tired"),
        ),
        expect=Expected(
            heard=("one moment",),
            heard_not=("no",),
            heard_match="moment",
            agent="desk",
            handoffs=("desk", "billing"),
            calls=(ExpectedCall(name="look_up"),),
            calls_not=("delete",),
            turns=3,
            interruptions=1,
            latency=2.5,
            errors=1,
            recovered=2,
            close="tired",
            lost_turns=True,
        ),
    )


def test_a_byte_order_mark_is_passed_over(write):
    assert len(read_scenario(write('\ufeff[[step]]\nsay = "hello"\n')).steps) == 1


def test_what_is_left_out_has_its_default(write):
    scenario = read_scenario(write('[[step]]\nsay = "hello"\n', "small_talk.toml"))
    assert scenario.name == "small_talk"
    assert scenario.steps == (Step(number=1, action="say", text="hello"),)
    assert scenario.expect == Expected()
    assert scenario.caller == CallerOptions()
    choices = {slot: scenario.choice(slot).string for slot in ("stt", "llm", "tts", "vad")}
    assert choices == {"stt": "scripted", "llm": "file", "tts": "scripted", "vad": "scripted"}
    assert scenario.choice("turn_detector").string == "none"


def test_with_replies_the_llm_is_scripted(write):
    text = '[[reply]]\nsay = "hi"\n[[step]]\nsay = "hello"\n'
    assert read_scenario(write(text)).choice("llm").string == "scripted"


def test_a_directory_has_its_scenarios_by_name(write):
    for name in ("b", "a"):
        write('[[step]]\nsay = "hello"\n', f"calls/{name}.toml")
    write("no scenario", "calls/notes.txt")
    assert [scenario.name for scenario in read_scenarios("calls")] == ["a", "b"]
    assert [scenario.name for scenario in read_scenarios("calls/b.toml")] == ["b"]


STEP = '[[step]]\nsay = "hello"\n'
STEP_KEYS = (
    "say, type, backchannel, mumble, noise, press, wait, hang_up, after_agent, into_agent, "
    "after_silence, after_last, after_words, at, delay, seconds, level, hears, hears_not, "
    "hears_match, calls, agent, within"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 1", " is not TOML: Invalid statement (at line 1, column 1)"),
        ("", " has no step; write [[step]] and what the caller does"),
        (
            STEP + "limit = 3\n",
            ": [[step]] 1 has no key 'limit' (it has: say, type, backchannel, mumble, noise, "
            "press, wait, hang_up, seconds, after_agent, into_agent, after_silence, after_last, "
            "after_words, at, hears, hears_not, hears_match, calls, agent, within)",
        ),
        (
            "stepp = 1\n" + STEP,
            " has no key 'stepp' (it has: caller, reply, slots, step, name, limit, expect); did "
            "you mean 'step'?",
        ),
        ("limit = 0\n" + STEP, " has limit = 0; it takes a number of 1 or more"),
        ("limit = true\n" + STEP, " has limit = true; it takes a number of 1 or more"),
        ('name = ""\n' + STEP, " has name = ''; it takes text"),
        ("step = 3\n", " has one 'step'; write [[step]] above each of them"),
        ("step = [3]\n", ": [[step]] 1 has to be a table, not 3"),
        ("caller = 3\n" + STEP, ": [caller] has to be a table, not 3"),
        (
            "[caller]\naudoi = false\n" + STEP,
            ": [caller] has no key 'audoi' (it has: audio, words_per_second, jitter, greeting, "
            "patience, lingers); did you mean 'audio'?",
        ),
        ("[caller]\naudio = 1\n" + STEP, ": [caller] has audio = 1; it takes true or false"),
        (
            "[slots]\nsst = 'file'\n" + STEP,
            ": [slots] has no key 'sst' (it has: stt, llm, tts, vad, turn_detector); did you mean "
            "'stt'?",
        ),
        (
            "[slots.stt]\nlatency = 1\n" + STEP,
            ': [slots], stt names no model; write model = "scripted" and its settings',
        ),
        (
            "[slots.stt]\nmodel = 'file'\nlatency = 1\n" + STEP,
            ": [slots], stt has settings for 'file', which takes none; name a model",
        ),
        (
            "[caller]\naudio = false\n[slots]\nstt = 'file'\n[[step]]\ntype = 'x'\n",
            ": [slots] has stt, and a caller who only types (audio = false); leave out one of them",
        ),
        (
            "[slots]\nllm = 'scripted'\n" + STEP,
            " has a scripted llm, and nothing for it to say; write [[reply]]",
        ),
        (
            "[slots]\nllm = 'file'\n[[reply]]\nsay = 'x'\n" + STEP,
            " has [[reply]], and an llm that is not scripted; leave out one of them, or write "
            'llm = "scripted"',
        ),
        ("[[reply]]\nto = 'x'\n" + STEP, ": [[reply]] 1 is empty; give it say or call"),
        (
            "[[reply]]\nsay = 'x'\n[[reply]]\nsay = 'x'\ntoo = 'x'\n" + STEP,
            ": [[reply]] 2 has no key 'too' (it has: call, to, say, times); did you mean 'to'?",
        ),
        ("[[reply]]\ncall = {}\n" + STEP, ': [[reply]] 1, call names no tool; write name = "…"'),
        (
            "[[reply]]\ncall = { name = 'x', arguments = 1 }\n" + STEP,
            ": [[reply]] 1, call has arguments = 1; it takes a table",
        ),
        (
            "[[reply]]\nsay = 'x'\ntimes = 0\n" + STEP,
            ": [[reply]] 1 has times = 0; it takes a whole number of 1 or more",
        ),
        (
            "[[reply]]\nsay = 'x'\nto = 3\n" + STEP,
            ": [[reply]] 1 has to = 3; it takes text, or a list of texts",
        ),
        (
            "[[step]]\nsya = 'hello'\n",
            f": [[step]] 1 has no key 'sya' (it has: {STEP_KEYS}); did you mean 'say'?",
        ),
        (
            "[[step]]\nhears = 'hello'\n",
            ": [[step]] 1 does not say what the caller does; give one of say, type, backchannel, "
            "mumble, noise, press, wait or hang_up",
        ),
        (
            "[[step]]\nsay = 'x'\ntype = 'x'\n",
            ": [[step]] 1 has say and type; what the caller does is one thing, keep one of them",
        ),
        (
            STEP + "at = 1\nafter_agent = 1\n",
            ": [[step]] 1 has after_agent and at; when it happens is one thing, keep one of them",
        ),
        (STEP + "at = -1\n", ": [[step]] 1 has at = -1; it takes a number of 0 or more"),
        (
            STEP + "after_words = 3\n",
            ": [[step]] 1 has after_words = 3; it takes text",
        ),
        (
            "[[step]]\npress = '12x'\n",
            ": [[step]] 1 has press = '12x'; it takes keys of a telephone: 0 to 9, *, #, A to D",
        ),
        (
            "[[step]]\nhang_up = false\n",
            ": [[step]] 1 has hang_up = false; it takes true, or the reason as text",
        ),
        (
            "[[step]]\nnoise = 1\nlevel = 2\n",
            ": [[step]] 1 has level = 2; it takes a number from 0 to 1",
        ),
        (
            "[[step]]\nhang_up = true\n" + STEP,
            ": [[step]] 1 hangs up, and there are more behind it; put it at the end",
        ),
        (
            "[caller]\naudio = false\n" + STEP,
            ": [[step]] 1 has say, and a caller who only types (audio = false); write type",
        ),
        (
            "[caller]\naudio = false\n[[step]]\ntype = 'x'\ninto_agent = 1\n",
            ": [[step]] 1 has into_agent, and a caller who only types (audio = false): nobody can "
            "interrupt what is read",
        ),
        (
            STEP + "hears_match = '('\n",
            ": [[step]] 1 has hears_match = '(', which is no regular expression: missing ), "
            "unterminated subpattern at position 0",
        ),
        (STEP + "calls = [{}]\n", ': [[step]] 1, calls names no tool; write name = "…"'),
        (
            STEP + "calls = { name = 'x', arguments = 3 }\n",
            ": [[step]] 1, calls has arguments = 3; it takes a table",
        ),
        (
            STEP + "[expect]\nturns = 1.5\n",
            ": [expect] has turns = 1.5; it takes a whole number of 0 or more",
        ),
        (
            STEP + "[expect]\nherd = 'x'\n",
            ": [expect] has no key 'herd' (it has: handoffs, heard, heard_not, heard_match, agent, "
            "calls, calls_not, turns, interruptions, latency, errors, recovered, close, "
            "lost_turns); did you mean 'heard'?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(write, text, message):
    with pytest.raises(ConfigurationError) as told:
        read_scenario(write(text))
    assert str(told.value) == f"'call.toml'{message}"


def test_a_file_that_is_not_there_is_told_with_the_near_miss(write):
    write(STEP, "billing.toml")
    with pytest.raises(ConfigurationError) as told:
        read_scenarios("biling.toml")
    assert str(told.value) == ("there is no scenario 'biling.toml'; did you mean 'billing.toml'?")


def test_a_directory_without_scenarios_is_told(write):
    write("x", "empty/notes.txt")
    with pytest.raises(ConfigurationError) as told:
        read_scenarios("empty")
    assert str(told.value) == "there is no scenario in 'empty'; scenarios are *.toml files"
