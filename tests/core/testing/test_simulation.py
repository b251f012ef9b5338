"""Simulated calls: what the caller does at which moment, and what is found out."""

from __future__ import annotations

import asyncio
import json
import tomllib

import pytest

from antiphon import Agent, AgentSession, StopResponse, function_tool
from antiphon.app import App
from antiphon.errors import ConfigurationError, ProviderNotFound, ProviderRejected
from antiphon.registry import Registry
from antiphon.testing import ScriptedLLM, simulate
from antiphon.testing.simulation.reading import scenario_of

MONOLOGUE = (
    "Once there was a king who had three daughters and a very old and very tired horse, which he "
    "loved more than all of them together."
)


class _Billing(Agent):
    def __init__(self, **options):
        super().__init__(id="billing", **options)

    async def on_enter(self):
        self.session.say("Billing here. Which invoice?")

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks an invoice up."""
        await asyncio.sleep(1.0)
        return f"invoice {number} is paid"


class Desk(Agent):
    def __init__(self, **options):
        super().__init__(id="desk", **options)

    async def on_enter(self):
        self.session.say("Good morning, this is the desk.")

    @function_tool
    async def to_billing(self) -> Agent:
        """Hands over."""
        return _Billing()

    @function_tool
    async def be_quiet(self) -> None:
        """Says nothing."""
        raise StopResponse

    @function_tool
    async def end(self) -> None:
        """Ends the call."""
        self.session.shutdown(reason="task_completed")


class Mute(Agent):
    def __init__(self):
        super().__init__(id="mute")


@pytest.fixture
def registry():
    return Registry(entry_points=(), environ={})


@pytest.fixture
def call(registry):
    """`call("[[step]] …", Desk, seed=3)`: what comes of a scenario."""

    def make(text, program=Desk, *, seed=0):
        scenario = scenario_of(tomllib.loads(text), name="call")
        return simulate(program, scenario, seed=seed, registry=registry)

    return make


def lines(outcome):
    """The transcript without times."""
    return [str(line)[10:] for line in outcome.transcript]


def at(outcome, text):
    """When something was said that has this text."""
    return next(line.at for line in outcome.transcript if text in line.text)


REPLIES = f"""
[[reply]]
to = "bill"
call = "to_billing"
[[reply]]
to = "seven"
say = "Let me see."
call = {{ name = "look_up", arguments = {{ number = 7 }} }}
[[reply]]
to = "is paid"
say = "It is paid."
[[reply]]
to = "story"
say = "{MONOLOGUE}"
[[reply]]
to = "quiet"
call = "be_quiet"
[[reply]]
to = "end"
call = "end"
[[reply]]
say = "I see."
"""

BILL = (
    REPLIES
    + """
[[step]]
say = "about my bill"
hears = "billing here"
agent = "billing"
[[step]]
say = "number seven"
hears = ["let me see", "it is paid"]
calls = { name = "look_up", arguments = { number = 7 } }
within = 1.5
[[step]]
say = "thanks"
hears_not = "paid"
hears_match = "^I see"
[expect]
handoffs = ["desk", "billing"]
calls = ["to_billing", "look_up"]
calls_not = "be_quiet"
turns = 3
interruptions = 0
latency = 1.5
recovered = 0
close = "hung_up"
"""
)


def test_a_call_that_is_as_expected_passes(call):
    outcome = call(BILL)
    assert outcome.failures == []
    assert outcome.passed
    assert lines(outcome) == [
        "[None -> desk]",
        "desk: Good morning, this is the desk.",
        "caller: about my bill",
        "(to_billing{} -> )",
        "[desk -> billing]",
        "billing: Billing here. Which invoice?",
        "caller: number seven",
        "billing: Let me see.",
        '(look_up{"number": 7} -> invoice 7 is paid)',
        "billing: It is paid.",
        "caller: thanks",
        "billing: I see.",
    ]
    assert (outcome.turns, outcome.replies, outcome.handoffs) == (3, 5, ["desk", "billing"])
    assert (outcome.errors, outcome.recovered, outcome.close) == ([], [], "hung_up")
    assert outcome.worst_latency == pytest.approx(1.0, abs=0.03)
    assert outcome.report["history"][0]["new_agent_id"] == "desk"


def test_an_outcome_can_be_written_as_json(call):
    outcome = call(BILL)
    values = json.loads(json.dumps(outcome.to_dict()))
    assert values["passed"] is True
    assert values["scenario"] == "call"
    assert values["transcript"][1] == {
        "at": 0.2,
        "who": "desk",
        "text": "Good morning, this is the desk.",
    }


# Seeds


def test_the_same_seed_gives_the_same_call_and_another_one_another(call):
    found = [call(BILL, seed=seed).to_dict() for seed in (0, 0, 5, 5, 6)]
    for values in found:
        del values["report"]  # has the day and CPU time, which are real
        assert values["failures"] == []
    assert found[0] == found[1]
    assert found[2] == found[3]
    transcripts = [values["transcript"] for values in found]
    assert transcripts[0] != transcripts[2] != transcripts[4]


def test_with_seed_0_everything_is_as_it_is_written(call):
    outcome = call('[[reply]]\nsay = "Yes."\n[[step]]\nat = 5\nsay = "hello"\n')
    assert at(outcome, "hello") == 5.0
    # 0.4 s of speech, 0.5 s for the endpoint, 0.3 s for the text, 0.2 s to the first sound
    assert at(outcome, "Yes.") == pytest.approx(6.4, abs=0.03)


def test_other_seeds_make_the_caller_later_and_latencies_differ(call):
    text = '[caller]\njitter = 0.5\n[[reply]]\nsay = "Yes."\n[[step]]\nat = 5\nsay = "hello"\n'
    outcomes = [call(text, seed=seed) for seed in range(1, 9)]
    began = [at(outcome, "hello") for outcome in outcomes]
    assert all(5.0 <= time <= 5.5 for time in began)
    assert len(set(began)) == 8
    waits = [outcome.worst_latency for outcome in outcomes]
    assert max(waits) - min(waits) > 0.02
    assert all(0.5 + 0.7 * 0.5 - 0.03 <= wait <= 0.5 + 1.3 * 0.5 + 0.03 for wait in waits)


# Moments


def test_after_agent_waits_for_the_end_of_all_that_is_being_said_and_done(call):
    outcome = call(
        REPLIES
        + '[[step]]\nsay = "my bill"\n[[step]]\nsay = "seven"\n[[step]]\nsay = "well"\n'
        + "after_agent = 0.3\n"
    )
    # "Let me see." ends 1 s before the tool does: the caller waits for what comes of it.
    assert lines(outcome).index("billing: It is paid.") < lines(outcome).index("caller: well")


def test_a_caller_speaks_first_when_the_agent_does_not(call):
    outcome = call('[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hello"\n', Mute)
    assert outcome.failures == []
    assert at(outcome, "hello") == 3.0


def test_into_agent_is_a_barge_in_so_far_into_its_speech(call):
    outcome = call(
        REPLIES
        + '[[step]]\nsay = "a story"\n[[step]]\nsay = "stop there please"\ninto_agent = 2\n'
        + "[expect]\ninterruptions = 1\n"
    )
    assert outcome.failures == []
    assert at(outcome, "stop") == pytest.approx(at(outcome, "Once") + 2.0, abs=0.021)


def test_after_words_is_when_they_have_been_heard(call):
    outcome = call(
        REPLIES
        + '[[step]]\nsay = "a story"\n'
        + '[[step]]\nsay = "stop there please"\nafter_words = "three daughters"\ndelay = 0.5\n'
        + "[expect]\ninterruptions = 1\n"
    )
    assert outcome.failures == []
    heard = next(line.text for line in outcome.transcript if "Once" in line.text)
    assert heard.startswith("Once there was a king who had three daughters and")
    # nine words of 0.4 s, half a second, and a look at the clock every 0.05 s
    assert at(outcome, "stop") == pytest.approx(at(outcome, "Once") + 3.6 + 0.5, abs=0.08)


def test_after_silence_needs_no_answer(call):
    outcome = call(
        REPLIES + '[[step]]\nsay = "be quiet"\n[[step]]\nsay = "well"\nafter_silence = 5\n'
    )
    assert outcome.failures == []
    assert at(outcome, "well") == pytest.approx(at(outcome, "be quiet") + 0.8 + 5.0, abs=0.03)


def test_after_last_and_wait_count_from_what_the_caller_did_before(call):
    outcome = call(
        REPLIES
        + '[[step]]\nat = 4\nsay = "well"\n[[step]]\nsay = "then"\nafter_last = 0.3\n'
        + '[[step]]\nwait = 6\n[[step]]\nsay = "hello"\nafter_last = 0\n[expect]\nturns = 2\n'
    )
    assert outcome.failures == []
    assert at(outcome, "then") == pytest.approx(4.7, abs=0.03)
    waited = at(outcome, "is silent for 6 s")
    assert at(outcome, "hello") == pytest.approx(waited + 6.0, abs=0.03)


# Actions


def test_backchannels_mumbles_and_noise_are_made_and_shown(call):
    class Patient(Desk):
        def __init__(self):
            super().__init__(turn_handling={"interruption": {"ignore_words": ["mhm"]}})

    outcome = call(
        REPLIES
        + '[[step]]\nsay = "a story"\n[[step]]\nbackchannel = "mhm"\ninto_agent = 1\n'
        + "[[step]]\nmumble = 0.3\ninto_agent = 3\n[[step]]\nnoise = 0.3\ninto_agent = 5\n"
        + '[expect]\nheard = "than all of them together"\ninterruptions = 0\n',
        Patient,
    )
    assert outcome.failures == []
    assert [line for line in lines(outcome) if line.startswith("caller: ")][1:] == [
        "caller: mhm",
        "caller: (mumble, 0.3 s)",
        "caller: (noise, 0.3 s)",
    ]


def test_keys_are_pressed_one_after_the_other(call):
    pressed = []

    class Keypad(Agent):
        async def on_enter(self):
            self.session.on("dtmf_received", lambda event: pressed.append((event.digit, event.at)))

    outcome = call('[[reply]]\nsay = "Yes."\n[[step]]\npress = "12#"\nat = 1\n', Keypad)
    assert pressed == [("1", 1.0), ("2", 1.25), ("#", 1.5)]
    assert "caller: (presses 12#)" in lines(outcome)


def test_hanging_up_ends_the_call_for_its_reason(call):
    outcome = call(
        REPLIES
        + '[[step]]\nsay = "a story"\n[[step]]\nhang_up = "tired"\ninto_agent = 1\n'
        + '[expect]\nclose = "tired"\n'
    )
    assert outcome.failures == []
    assert outcome.close == "tired"
    assert lines(outcome)[-1] == "caller: (hangs up)"


TYPED = (
    "[caller]\naudio = false\n"
    + REPLIES
    + """
[[step]]
type = "my bill"
agent = "billing"
hears = "Billing here"
[[step]]
type = "seven"
hears = "it is paid"
calls = "look_up"
[[step]]
type = "thanks"
after_words = "paid"
delay = 2
hears = "I see"
[expect]
handoffs = ["desk", "billing"]
turns = 3
"""
)


def test_a_caller_may_type_and_read(call):
    outcome = call(TYPED)
    assert outcome.failures == []
    assert lines(outcome)[:6] == [
        "[None -> desk]",
        "desk: Good morning, this is the desk.",
        "caller: my bill",
        "(to_billing{} -> )",
        "[desk -> billing]",
        "billing: Billing here. Which invoice?",
    ]
    paid = at(outcome, "It is paid.")
    assert at(outcome, "thanks") == pytest.approx(paid + 2.0, abs=0.06)


# What is found out


@pytest.mark.parametrize(
    ("more", "failures"),
    [
        (
            '[[step]]\nsay = "well"\nhears = "no"\n',
            ["after step 1 (say 'well') the caller did not hear 'no', but 'I see.'"],
        ),
        (
            '[[step]]\nsay = "well"\nhears_not = "see"\n',
            ["after step 1 (say 'well') the caller heard 'see': 'I see.'"],
        ),
        (
            '[[step]]\nsay = "well"\nhears_match = "^No"\n',
            [
                "after step 1 (say 'well') what the caller heard does not match '^No': 'I see.'",
            ],
        ),
        (
            '[[step]]\nsay = "well"\ncalls = { name = "look_up", arguments = { number = 7 } }\n',
            [
                "after step 1 (say 'well') there was no call of look_up(number=7) in its place "
                "(calls: none)",
            ],
        ),
        (
            '[[step]]\nsay = "my bill"\nagent = "desk"\n',
            ["after step 1 (say 'my bill') the agent was 'billing', not 'desk'"],
        ),
        (
            '[[step]]\nsay = "well"\nwithin = 0.5\n',
            ["after step 1 (say 'well') the answer took 1.00 s, more than 0.5 s"],
        ),
        (
            '[[step]]\nsay = "be quiet"\nwithin = 0.5\n',
            ["after step 1 (say 'be quiet') there was no answer; one was to come within 0.5 s"],
        ),
        (
            '[[step]]\nsay = "be quiet"\n[[step]]\nsay = "well"\n',
            [
                "the agent did not answer: before step 2 (say 'well') the caller heard nothing "
                "more for 15 s; it declared a silence (the tools gave nothing to say): give the "
                "step after_silence",
            ],
        ),
        (
            '[[step]]\nsay = "well"\n[[step]]\nsay = "stop"\ninto_agent = 9\n',
            [
                "the agent did not speak for 9 s at a stretch: before step 2 (say 'stop') the "
                "caller heard nothing more for 15 s",
            ],
        ),
        (
            '[[step]]\nsay = "well"\n[[step]]\nsay = "stop"\nafter_words = "I hear"\n',
            [
                "the agent did not say 'I hear': before step 2 (say 'stop') the caller heard "
                "nothing more for 15 s",
            ],
        ),
        (
            '[[step]]\nsay = "end"\n[[step]]\nsay = "well"\n',
            ["the call ended before step 2 (say 'well')"],
        ),
        (
            '[[step]]\nsay = "well"\n[expect]\nheard = "no"\nheard_not = "desk"\n'
            'heard_match = "^X"\n',
            [
                "in all the caller did not hear 'no', but 'Good morning, this is the desk. I see.'",
                "in all the caller heard 'desk': 'Good morning, this is the desk. I see.'",
                "in all what the caller heard does not match '^X': 'Good morning, this is the "
                "desk. I see.'",
            ],
        ),
        (
            '[[step]]\nsay = "my bill"\n[expect]\nagent = "desk"\nhandoffs = ["desk"]\n'
            'calls = ["look_up"]\ncalls_not = ["to_billing"]\nturns = 2\ninterruptions = 1\n'
            'latency = 0.1\nclose = "tired"\n',
            [
                "the last agent was 'billing', not 'desk'",
                "the agents were desk -> billing, not desk",
                "in all there was no call of look_up() in its place (calls: to_billing{})",
                "to_billing{} was called",
                "the history has 1 turns of the caller's, not 2",
                "the agent was interrupted 0 times, not once",
                "after step 1 (say 'my bill') the answer took 1.00 s, more than 0.1 s",
                "the call ended by 'hung_up', not 'tired'",
            ],
        ),
    ],
)
def test_what_is_not_as_expected_is_a_sentence(call, more, failures):
    outcome = call(REPLIES + more)
    assert outcome.failures == failures
    assert not outcome.passed


def test_an_agent_that_does_not_answer_the_last_step_is_found(call):
    class Deaf(Agent):
        async def on_user_turn_completed(self, turn_ctx, new_message):
            await asyncio.sleep(100)

    outcome = call('[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hello"\n', Deaf)
    assert outcome.failures == [
        "the agent did not answer step 1 (say 'hello') within 15 s",
    ]


def test_a_declared_silence_is_an_answer_to_the_last_step(call):
    assert call(REPLIES + '[[step]]\nsay = "be quiet"\n').failures == []


def test_errors_are_found_unless_they_are_expected(call):
    class Fails(Agent):
        @function_tool
        async def to_billing(self):
            """Fails."""
            raise OSError("the printer is on fire")

    text = REPLIES + '[[step]]\nsay = "my bill"\n'
    found = call(text, Fails)
    assert found.errors + found.recovered == ["tool: the printer is on fire"]
    broken = call('[[reply]]\nto = "x"\nsay = "Yes."\n[[step]]\nsay = "hello"\n')
    assert broken.failures == [
        "the agent did not answer step 1 (say 'hello') within 15 s",
        "there was 1 error: llm: the scenario has no [[reply]] to 'hello' (tools: be_quiet, end, "
        "to_billing); add one, or one without `to`",
    ]


def test_no_key_is_in_what_is_told_of_an_error(call, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "planted-0123456789")

    class Fails(Agent):
        @function_tool
        async def to_billing(self):
            """Fails."""
            raise OSError("https://acme/?key=planted-0123456789 is down")

    found = call(REPLIES + '[[step]]\nsay = "my bill"\n', Fails)
    assert found.errors + found.recovered == ["tool: https://acme/?key=*** is down"]
    app = App()

    @app.session
    async def start(ctx):
        raise ValueError("planted-0123456789")

    failures = call('[[step]]\nsay = "hello"\n', app).failures
    assert failures == ["the session function failed: ValueError: ***"]


def test_a_lost_turn_is_found(call):
    class Forgetful(Agent):
        async def on_user_turn_completed(self, turn_ctx, new_message):
            new_message.content = "something else"

    text = '[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hello there"\n'
    assert call(text, Forgetful).failures == [
        "step 1 (say 'hello there') is not in the history, which has ['something else']"
    ]
    assert call(text + "[expect]\nlost_turns = true\n", Forgetful).failures == []


def test_the_words_of_a_call_that_ends_in_mid_sentence_are_kept(call):
    outcome = call(
        REPLIES + '[[step]]\nat = 1\nsay = "I only say this"\n'
        "[[step]]\nhang_up = true\nafter_last = 0\n"
    )
    assert outcome.failures == []
    assert outcome.turns == 1


def test_a_session_function_that_fails_is_a_failure(call):
    app = App()

    @app.session
    async def start(ctx):
        raise ValueError("no desk")

    assert call('[[step]]\nsay = "hello"\n', app).failures == [
        "the session function failed: ValueError: no desk",
    ]


def test_an_agent_whose_model_is_not_there_is_a_failure(call):
    class Needs(Agent):
        def __init__(self):
            super().__init__(llm="acme/brain-1")

    (problem,) = call('[[step]]\nsay = "hello"\n', Needs).failures
    assert problem == (
        "the session function failed: ProviderNotFound: no provider named 'acme' is installed "
        "(installed: scripted); install the package that brings it; needed for the llm of agent "
        "'needs'"
    )


def test_a_call_that_goes_on_for_ever_is_broken_off(call):
    outcome = call('limit = 30\n[[reply]]\nsay = "Yes."\n[[step]]\nwait = 100\n')
    assert len(outcome.failures) >= 1
    assert any(
        failure.startswith("out of time: the limit of 30 s of virtual time is reached")
        for failure in outcome.failures
    )


def test_words_that_do_not_fit_into_their_time_are_told(call):
    text = '[[reply]]\nsay = "Yes."\n[[step]]\nsay = "everything"\nseconds = 0.001\n'
    with pytest.raises(ConfigurationError, match=r"it takes a number of 0\.01 or more"):
        call(text)
    crammed = text.replace("everything", "everything " * 20).replace("0.001", "0.01")
    assert (
        call(crammed)
        .failures[0]
        .endswith(
            "cannot be said: the word 'everything' needs between 22 and 16777216 samples and is "
            "given 8; change seconds or words_per_second"
        )
    )


def test_a_task_that_is_left_is_found(call):
    class Leaves(Agent):
        async def on_enter(self):
            self.kept = asyncio.create_task(asyncio.sleep(10_000), name="forgotten")

    (failure,) = call('[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hi"\n', Leaves).failures
    assert failure.startswith("the call left a task running: 'forgotten': ")


# Slots


def test_the_models_of_the_program_are_kept_where_the_scenario_says_so(call):
    class Own(Agent):
        def __init__(self):
            super().__init__(id="own", llm=ScriptedLLM({"": "From the file."}))

    text = '[[step]]\nsay = "hello"\nhears = "from the file"\n'
    assert call(text, Own).failures == []


def test_a_slot_may_be_left_empty(call):
    outcome = call('[slots]\ntts = "none"\n[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hi"\n', Mute)
    assert outcome.replies == 1
    assert outcome.worst_latency is None


def test_settings_of_scripted_models_are_those_of_the_scenario(call):
    text = """
[slots]
llm = { model = "scripted", first_token = 1.0, total = 1.0 }
tts = { model = "scripted", first_byte = 0.5 }
vad = { model = "scripted", min_silence = 0.4 }
stt = { model = "scripted", latency = 0.1 }
[[reply]]
say = "Yes."
[[step]]
at = 5
say = "hello"
"""
    assert call(text, Mute).worst_latency == pytest.approx(0.5 + 1.0 + 0.5, abs=0.03)


def test_a_reply_is_given_as_often_as_it_may_be_and_only_with_its_tools(call):
    text = """
[[reply]]
to = "hello"
say = "Hello."
times = 1
[[reply]]
call = "look_up"
[[reply]]
say = "Again."
[[step]]
say = "hello"
hears = "Hello"
[[step]]
say = "hello"
hears = "Again"
"""
    assert call(text, Mute).failures == []


def test_a_model_string_that_cannot_be_used_is_told_before_the_call(call):
    with pytest.raises(ProviderNotFound) as told:
        call('[slots]\nllm = "acme/brain"\n[[step]]\nsay = "hello"\n')
    assert str(told.value).startswith("no provider named 'acme' is installed")


def test_what_the_program_has_for_a_place_must_be_a_string(call):
    text = '[slots]\nllm = "acme/{file}"\n[[step]]\nsay = "hello"\n'

    class Own(Agent):
        def __init__(self):
            super().__init__(llm=ScriptedLLM({"": "Yes."}))

    for program, what in ((Own, "has an object, ScriptedLLM"), (Mute, "names none")):
        (failure,) = call(text, program).failures
        assert failure.startswith(
            "the session function failed: ConfigurationError: the scenario has llm = "
            f"'acme/{{file}}', and the program {what}; write a model string in the place of "
            "'{file}'"
        )


# Programs


def test_a_file_is_run_anew_for_each_call(tmp_path, registry, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "counting_desk.py"
    file.write_text(
        "from antiphon import Agent\n"
        "CALLS = []\n"
        "class Desk(Agent):\n"
        "    async def on_enter(self):\n"
        "        CALLS.append(1)\n"
        "        self.session.say(f'Call {len(CALLS)}.')\n",
        encoding="utf-8",
    )
    scenario = scenario_of(
        tomllib.loads('[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hi"\n[expect]\nheard = "call 1"'),
        name="call",
    )
    for seed in range(3):
        assert simulate(file, scenario, seed=seed, registry=registry).failures == []


def test_agents_without_an_id_have_the_same_one_in_every_call(call):
    app = App()

    @app.session
    async def start(ctx):
        await AgentSession().start(agent=Agent(instructions="x"), room=ctx.room)

    text = '[[reply]]\nsay = "Yes."\n[[step]]\nsay = "hi"\n'
    assert call(text, app).handoffs == call(text, app).handoffs


def test_an_agent_class_that_needs_arguments_is_told(call):
    class Needs(Agent):
        def __init__(self, customer):
            super().__init__()

    with pytest.raises(ConfigurationError, match="its constructor needs customer"):
        call('[[step]]\nsay = "hello"\n', Needs)


# A planted bug


class Careless(Agent):
    """Forgets to say that the order is placed when it is interrupted: a bug to be found."""

    def __init__(self):
        super().__init__(id="careless")
        self.orders = 0

    @function_tool
    async def order(self, pizza: str) -> str:
        """Orders a pizza."""
        self.orders += 1
        # The bug: every call orders again, even when the caller only repeats what was said.
        return f"{self.orders} pizzas ordered"


PIZZA = """
[[reply]]
to = "margherita"
call = { name = "order", arguments = { pizza = "margherita" } }
[[reply]]
to = "2 pizzas"
say = "I have ordered two pizzas for you."
[[reply]]
to = "pizzas ordered"
say = "I have ordered one pizza for you, and it will be with you in about half an hour."
[[reply]]
say = "What would you like?"
[[step]]
say = "one margherita please"
[[step]]
say = "a margherita I said"
into_agent = 1.0
[expect]
heard_not = "two pizzas"
"""


def test_a_planted_bug_is_found_by_a_scenario(call):
    failures = [call(PIZZA, Careless, seed=seed).failures for seed in range(3)]
    assert all(len(found) == 1 and "heard 'two pizzas'" in found[0] for found in failures)


def test_no_error_of_the_scripted_llm_is_worth_a_second_try():
    assert ProviderRejected.retryable is False
