"""Conversations that once broke a rule, as small as they could be made."""

from __future__ import annotations

import pytest

from .hunting import problems
from .invariants import broken
from .plan import (
    Aclose,
    Answer,
    Ask,
    Await,
    Clear,
    Commit,
    Ear,
    Errand,
    HangUp,
    Move,
    Mumble,
    Person,
    Plan,
    Say,
    Sleep,
    Speak,
    Stop,
    Trouble,
    Type,
    Work,
    World,
)
from .stage import play

STT_ONLY = World(detection="stt only", first_byte=0.0, first_token=0.0, total=0.0)
TWO_EARS = (Person(ears="own"), Person())

FOUND = {
    "a hook of a user turn that interrupts its own reply leaves the floor free": Plan(
        people=(Person(turn=(Stop(), Say(words=1))),), actions=((9.0, Type()),)
    ),
    "an interrupted reply to user_input is a declared silence": Plan(
        people=(Person(enter=(Ask(user_input=True), Stop())),)
    ),
    "an output whose call the context has lost is not shown to the llm": Plan(
        people=(Person(),),
        actions=((3.0, Speak(words=2, pace=1.0)), (5.0, Type()), (9.0, Speak(words=1))),
        answers=(
            Answer(words=1, work=(Work(),)),
            Answer(words=1),
            Answer(words=1, work=(Work(gives="function"),)),
            Answer(words=1, work=(Work(gives="never", kind="fragile"),)),
        ),
        ears=(Ear(event="function_tools_executed", deeds=(Ask(interruptible=False),)),),
    ),
    "a turn is answered after a hand-off to an agent with another stt that ends turns": Plan(
        world=STT_ONLY,
        people=TWO_EARS,
        actions=((0.0, Type()), (3.6, Speak(words=1)), (5.0, Type())),
        answers=(Answer(work=(Work(gives="fresh"), Work()), tail=2, slow=0.5),),
    ),
    "a reply asked for after such a hand-off is said": Plan(
        world=STT_ONLY,
        people=TWO_EARS,
        actions=((0.0, Type()), (4.0, Speak(words=1)), (6.0, Ask(wait=True))),
        answers=(Answer(words=8, work=(Work(gives="fresh"), Work())),),
    ),
    "an stt that is called again does not cut the word that is being said": Plan(
        world=STT_ONLY,
        actions=(
            (2.5, Speak(words=1)),
            (3.1, Speak(words=4, pace=0.15)),
            (4.12, Speak(words=2)),
        ),
        stt=(Trouble(after=1.9),),
    ),
    "words of a turn committed without its final are not taken for the next one too": Plan(
        world=World(detection="stt only", stt_latency=2.0),
        actions=((5.0, Speak(words=1, pace=0.1)), (7.0, Speak(words=1))),
    ),
    "nor when the final comes by a commit": Plan(
        world=World(detection="stt only", stt_latency=2.0),
        actions=(
            (1.0, Speak(words=2, pace=1.0)),
            (4.0, Mumble(seconds=2.0)),
            (5.0, Mumble(seconds=1.0)),
            (8.0, Commit()),
        ),
    ),
    "a call that replaces one which has not begun yet gives both an output": Plan(
        world=World(first_token=0.0, total=0.0),
        actions=((7.0, Type()),),
        answers=(Answer(words=1, work=(Work(kind="replaced"), Work(kind="replaced"))),),
    ),
    "a reply with a hook is shown the outputs that have come since": Plan(
        world=World(first_byte=0.0, first_token=0.0, total=0.0, max_tool_steps=1),
        people=(Person(turn=()),),
        actions=((11.0, Type()),),
        answers=(Answer(words=1, work=(Work(deeds=(Ask(user_input=True),)),)),),
    ),
    "what is said to a task that is about to leave is done when the caller hangs up": Plan(
        actions=((11.0, Type()), (13.0, Say(words=1)), (14.0, HangUp())),
        answers=(
            Answer(
                words=1,
                work=(Work(deeds=(Errand(enter=(Errand(ends="later"), Ask())),)),),
            ),
        ),
        world=World(first_byte=0.0, first_token=0.0, total=0.0),
    ),
    "what is said after a commit in mid-speech is recorded at the end": Plan(
        world=World(stt_latency=2.0, partials=False),
        actions=(
            (5.0, Speak(words=2)),
            (5.0, Speak(words=2)),
            (5.2, Commit()),
            (5.0, Speak()),
            (6.0, Mumble(seconds=1.0)),
            (10.0, Aclose()),
        ),
    ),
    "a hook may await a reply whose tool awaits a task": Plan(
        people=(Person(turn=(Ask(wait=True, tools=True),)),),
        actions=((5.0, Type()),),
        answers=(Answer(words=1, work=(Work(deeds=(Errand(),)),)),),
    ),
    "a call that runs on when its context is handed over has its output there too": Plan(
        world=World(first_byte=0.0, first_token=0.0, total=0.0),
        actions=((1.0, Type()), (2.0, Type()), (7.0, Type())),
        answers=(
            Answer(words=1, work=(Work(deeds=(Sleep(seconds=2.5),)),)),
            Answer(words=1, work=(Work(gives="full"),)),
        ),
    ),
    "a call of a task that still runs when the task leaves has its output in what is kept": Plan(
        world=World(detection="stt", stt_latency=1.5, first_byte=0.0, first_token=0.5, total=0.0),
        people=(
            Person(enter=(Ask(),)),
            Person(),
            Person(turn=(Sleep(seconds=0.1),), voice="none"),
        ),
        actions=(
            (0.0, Type()),
            (6.1, Speak(words=4, pace=0.15)),
            (8.72, Ask(user_input=True)),
            (11.32, Type()),
        ),
        answers=(
            Answer(words=1),
            Answer(words=1, work=(Work(), Work(gives="heard", to=2))),
            Answer(words=1),
            Answer(words=1, work=(Work(deeds=(Errand(exit=(Ask(),), kept=True),)),)),
            Answer(words=1),
            Answer(words=1, work=(Work(),), slow=1.5),
        ),
    ),
    "whoever awaits a switch of a task is told when the caller hangs up": Plan(
        actions=((1.0, Type()), (3.0, Move(wait=True)), (3.5, HangUp())),
        answers=(
            Answer(words=1, work=(Work(deeds=(Errand(ends="later", enter=(Say(words=8),)),)),)),
        ),
    ),
    "an stt is not left in the middle of an utterance that only it knows of": Plan(
        world=World(detection="stt only", stt_latency=2.0, first_byte=0.0, first_token=0.0),
        people=TWO_EARS,
        actions=(
            (3.0, Speak(words=1, pace=1.0)),
            (4.0, Move()),
            (5.6, Speak(words=1, pace=1.0)),
        ),
    ),
    "audio with gaps in it is handed to another stt whole": Plan(
        world=World(stt_latency=0.0, first_byte=0.0, total=0.0),
        people=(
            Person(enter=(Ask(), Move()), ears="own"),
            Person(exit=(Ask(),)),
        ),
        actions=(
            (0.0, Mumble(seconds=1.0)),
            (3.0, Move(to=0)),
            (4.0, Move(to=0)),
            (4.0, Mumble(seconds=1.0)),
            (7.0, Speak(words=4, pace=1.0)),
            (9.0, Mumble(seconds=1.0)),
            (9.0, Speak()),
        ),
    ),
    "an stt is not left while the voice goes on after a commit": Plan(
        world=World(stt_latency=0.0, flush_latency=0.4, first_byte=0.0, first_token=0.0, total=0.0),
        people=(
            Person(enter=(Ask(),), ears="own"),
            Person(),
            Person(enter=(Commit(),)),
        ),
        actions=((2.0, Speak(words=4, pace=0.6)), (4.3, Type()), (4.0, Speak(words=2))),
        answers=(
            Answer(words=1, work=(Work(deeds=(Move(to=0), Move(to=2))),)),
            Answer(words=1, fault="stall", after=1),
        ),
    ),
    "a final without word times is not heard again when the stt fails behind it": Plan(
        world=World(stt_latency=0.0, stt_words=False),
        actions=((2.2, Speak(pace=0.6)),),
        stt=(Trouble(after=2.0),),
    ),
    "without a vad, what follows the answer to a flush goes to the next stt": Plan(
        world=World(
            detection="stt only",
            stt_latency=0.0,
            flush_latency=0.4,
            first_byte=0.0,
            first_token=0.0,
            total=0.0,
            max_tool_steps=1,
        ),
        people=(Person(enter=(Move(),)), Person(ears="own")),
        actions=(
            (4.0, Speak(words=1)),
            (5.0, Type()),
            (7.0, Commit()),
            (7.0, Speak(words=2, pace=0.15)),
        ),
        answers=(Answer(words=1), Answer(words=2, work=(Work(gives="fresh", to=0), Work()))),
    ),
    "a voice that goes on after a commit is kept for the next stt": Plan(
        world=World(
            stt_latency=2.0,
            partials=False,
            first_byte=0.0,
            first_token=0.0,
            total=0.0,
            max_tool_steps=1,
        ),
        people=(Person(turn=(Move(to=2),)), Person(), Person(ears="own")),
        actions=(
            (2.0, Speak(words=1)),
            (2.0, Speak(pace=1.0)),
            (3.0, Commit()),
            (5.0, Speak(words=1)),
            (7.5, Speak(words=2, pace=1.0)),
        ),
    ),
    "word times count the gaps in the audio": Plan(
        world=World(detection="stt only", stt_latency=0.0, first_token=0.0, total=0.0),
        people=(Person(), Person(), Person(ears="own")),
        actions=((5.0, Mumble(seconds=1.0)), (8.0, Speak(words=2)), (9.0, Type())),
        answers=(Answer(words=1, work=(Work(gives="full", to=2),)),),
    ),
    "a turn whose reply ends with a task that was given up is a declared silence": Plan(
        world=World(detection="manual", stt_latency=0.0, first_token=0.0, total=0.0),
        people=(Person(exit=(Say(words=1, wait=True), Errand(ends="dropped"))),),
        actions=(
            (7.0, Say(words=1)),
            (7.0, Move()),
            (7.0, Speak(words=1)),
            (15.0, Say(words=3)),
        ),
    ),
    "a tool may not await the reply whose hook awaits the reply that called it": Plan(
        world=World(first_byte=0.0, first_token=0.0, total=0.0),
        people=(Person(turn=(Ask(wait=True, tools=True),)),),
        actions=((8.0, Type()),),
        answers=(Answer(words=1, work=(Work(deeds=(Await(back=2),)),)),),
    ),
    "nor may a hook await a reply whose hook awaits, over others, its own": Plan(
        people=(Person(turn=(Ask(wait=True, user_input=True), Await(back=2))),),
        actions=((8.0, Type()),),
    ),
    "no endpoint cuts the words that go on after a commit": Plan(
        world=World(stt_latency=0.0, first_byte=0.0, first_token=0.0, total=0.0),
        actions=(
            (2.2, Mumble(seconds=1.5)),
            (3.0, Speak(words=2)),
            (4.0, Commit()),
            (4.0, Mumble(seconds=1.5)),
            (6.0, Speak(words=2)),
        ),
    ),
    "the end of a turn that the stt announces is the end of the user's speech": Plan(
        world=World(detection="stt only", stt_latency=0.0),
        actions=(
            (0.5, Mumble(seconds=1.5)),
            (1.0, Mumble()),
            (2.0, Speak(pace=0.15)),
            (3.4, Mumble(seconds=1.0)),
        ),
    ),
    "a reply that waits is not lost to a sound without words": Plan(
        world=World(first_byte=0.0, first_token=0.0, total=0.0, resume=False),
        actions=(
            (3.34, Type()),
            (4.0, Ask(user_input=True)),
            (4.0, Mumble(seconds=1.0)),
        ),
    ),
    "a flush of an stt that was left is not waited for": Plan(
        world=World(
            detection="stt only",
            stt_latency=0.0,
            stt_words=False,
            first_byte=0.0,
            first_token=0.5,
            total=0.0,
            interruptions=False,
            max_tool_steps=1,
        ),
        people=(Person(), Person(), Person(turn=(Clear(), Ask(user_input=True)), ears="own")),
        actions=(
            (2.0, Type()),
            (2.4, Speak(pace=0.6)),
            (2.4, Speak()),
            (4.0, Type()),
            (4.0, Speak(words=2)),
            (4.0, Move(to=2)),
            (8.0, Mumble(seconds=0.3)),
            (10.0, Speak(words=1)),
        ),
        answers=(
            Answer(words=0, tail=1),
            Answer(),
            Answer(words=2),
            Answer(words=1, work=(Work(gives="heard", deeds=(Stop(),)),)),
        ),
    ),
}


@pytest.mark.parametrize("plan", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_stays_mended(plan: Plan) -> None:
    assert problems(plan) == []


def test_a_turn_of_a_tasks_window_is_not_answered_again_after_a_later_one() -> None:
    plan = Plan(
        world=World(stt_latency=0.0, first_token=0.0, total=1.0, max_tool_steps=1),
        people=(Person(),),
        actions=(
            (0.8, Ask()),
            (1.0, Move()),
            (1.0, Speak(words=1, pace=1.0)),
            (2.0, Ask()),
            (3.0, Speak(words=1)),
        ),
        answers=(
            Answer(words=1),
            Answer(words=0, work=(Work(deeds=(Errand(),)),)),
            Answer(words=1),
            Answer(work=(Work(deeds=(Errand(ends="later"),)), Work())),
        ),
    )
    record = play(plan)
    assert broken(record) == []
    answers = [event for _, event in record.of("speech_created") if event.source == "user_turn"]
    assert len(answers) == 1
