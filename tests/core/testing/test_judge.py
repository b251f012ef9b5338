import asyncio

import pytest

from antiphon import Model
from antiphon.errors import (
    ConfigurationError,
    ModelStringError,
    ProviderConnectionError,
    ProviderRateLimited,
    ProviderRejected,
    TruncatedStream,
)
from antiphon.hookspecs import hookimpl
from antiphon.llm import LLM, Finish, LLMCapabilities, TextDelta
from antiphon.provider import SEAM, Provider, Slot
from antiphon.registry import Registry
from antiphon.testing import (
    CUT,
    Call,
    ChatMessageAssert,
    NoVerdict,
    ScriptedLLM,
    Verdict,
    judge,
    virtual_clock,
)

from .hotel import hotel

pytestmark = pytest.mark.virtual_time

YES = Call("verdict", reason="it greets", passed=True)
NO = Call("verdict", reason="it only says good day", passed=False)


class TextLLM(LLM):
    """A model without tools."""

    capabilities = LLMCapabilities(tools=False)

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []
        self.closed = 0

    async def chat(self, chat_ctx, *, tools=(), tool_choice="auto", settings=None):
        assert not tools
        assert tool_choice == "none"
        self.seen.append(chat_ctx.copy())
        yield TextDelta(self.answers.pop(0))
        yield Finish("stop")

    async def aclose(self):
        self.closed += 1


# A message of a run


async def test_a_message_that_fits_passes_and_is_given_back():
    llm = ScriptedLLM([YES])
    async with hotel() as session:
        result = await session.run(user_input="hello")
        message = result.expect.next_event().is_message(role="assistant")
        assert await message.judge(llm, intent="greets the guest") is message
        assert isinstance(message, ChatMessageAssert)


async def test_a_message_that_does_not_fit_fails_with_the_reason_of_the_judge():
    async with hotel() as session:
        result = await session.run(user_input="room twelve")
        with pytest.raises(AssertionError) as caught:
            await result.expect[-1].is_message().judge(ScriptedLLM([NO]), intent="greets the guest")
    assert str(caught.value) == (
        "the judge says that event 3 does not fit the intent\n"
        "  intent: greets the guest\n"
        "  reason: it only says good day\n"
        "\n"
        "        user: room twelve\n"
        "     0  message               assistant (desk): One moment.\n"
        '     1  function_call         book(room=12, guest="Ann")\n'
        "     2  function_call_output  book -> 'Ann has room 12'\n"
        ">>   3  message               assistant (desk): It is done."
    )


async def test_the_judge_is_shown_what_led_up_to_the_message():
    llm = ScriptedLLM([YES])
    async with hotel() as session:
        result = await session.run(user_input="room twelve")
        await result.expect[-1].is_message().judge(llm, intent="says that it is done")
    (request,) = llm.requests
    assert [role for role, _ in request.texts] == ["system", "user"]
    assert request.texts[1][1] == (
        "<before>\n"
        "user: room twelve\n"
        "message assistant (desk): One moment.\n"
        'function_call book(room=12, guest="Ann")\n'
        "function_call_output book -> 'Ann has room 12'\n"
        "</before>\n"
        "<message>\n"
        "It is done.\n"
        "</message>\n"
        "<intent>\n"
        "says that it is done\n"
        "</intent>"
    )
    assert request.tool_names == ("verdict",)
    assert request.tool_choice == "verdict"
    assert request.settings is None


async def test_a_model_string_is_looked_up_in_the_registry_of_the_session():
    built = []

    class Acme:
        @hookimpl
        def antiphon_provider(self):
            def build(ref, settings, env):
                built.append((TextLLM("VERDICT: pass\nREASON: fine"), ref.model))
                return built[-1][0]

            return Provider("acme", seam=SEAM, llm=Slot(build, default="judge-1"))

    registry = Registry(entry_points=(), environ={})
    registry.add(Acme(), "acme")
    async with hotel(registry=registry) as session:
        result = await session.run(user_input="hello")
        message = result.expect.next_event().is_message()
        await message.judge("acme/judge-2", intent="greets")
        await message.judge(Model("acme"), intent="greets")
    assert [(llm.closed, model) for llm, model in built] == [(1, "judge-2"), (1, "judge-1")]


async def test_a_built_llm_stays_open():
    llm = TextLLM("VERDICT: pass", "VERDICT: pass")
    for _ in range(2):
        assert (await judge(llm, "Good day.", intent="greets")).passed
    assert llm.closed == 0


# Any text


async def test_any_text_can_be_judged():
    verdict = await judge(ScriptedLLM([NO]), "Good day.", intent="asks for the name")
    assert verdict == Verdict(False, "it only says good day")


@pytest.mark.parametrize(
    ("answer", "passed", "reason"),
    [
        ("VERDICT: pass\nREASON: it does", True, "it does"),
        ("verdict: FAIL\nreason: it does not\n", False, "it does not"),
        ("**Verdict:** Passed\n**Reason:** it does", True, "it does"),
        ('{"verdict": "fail", "reason": "no"}', False, "no"),
        ('```json\n{"passed": true, "reason": "yes"}\n```', True, "yes"),
        ('Sure: {"passed": false, "reason": "no"}. Anything else?', False, "no"),
        ("<think>verdict: fail? no.</think>\nVERDICT: pass", True, ""),
        ("It greets.\n\nVerdict - yes", True, ""),
    ],
)
async def test_an_answer_in_words_is_read(answer, passed, reason):
    assert await judge(TextLLM(answer), "Hi.", intent="greets") == Verdict(passed, reason)
    assert await judge(ScriptedLLM([answer]), "Hi.", intent="greets") == Verdict(passed, reason)


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ('{"passed": true}', True),
        ('{"passed": "false", "reason": 7}', False),
        ("{'passed': True, 'reason': 'ok',}", True),
        ('{"verdict": "pass"}', True),
    ],
)
async def test_the_arguments_of_the_call_may_be_a_little_off(arguments, passed):
    llm = ScriptedLLM([Call.raw("verdict", arguments)])
    assert (await judge(llm, "Hi.", intent="greets")).passed is passed


# No verdict


async def test_a_model_that_chats_is_asked_again_without_tools():
    llm = ScriptedLLM(["What a nice message!", "VERDICT: pass\nREASON: it is nice"])
    assert await judge(llm, "Hi.", intent="greets") == Verdict(True, "it is nice")
    first, second = llm.requests
    assert first.tool_names == ("verdict",)
    assert (second.tool_names, second.tool_choice) == ((), "none")
    assert second.texts[2] == ("assistant", "What a nice message!")
    assert second.texts[3][0] == "user"


@pytest.mark.parametrize(
    ("llm", "said"),
    [
        (ScriptedLLM(["Nice!", "Very nice!"]), "'Very nice!'"),
        (ScriptedLLM(["Nice!"]), "'Nice!'"),
        (ScriptedLLM([Call("verdict", reason="hm"), "Hm."]), "'Hm.'"),
        (ScriptedLLM([[], []]), "''"),
        (
            ScriptedLLM(["VERDICT: pass VERDICT: fail", "VERDICT: pass. VERDICT: fail"]),
            "'VERDICT: pass. VERDICT: fail'",
        ),
        (ScriptedLLM(["a", 300 * "b"]), f"'{200 * 'b'}'…"),
    ],
)
async def test_a_model_that_gives_no_verdict_raises_no_verdict(llm, said):
    with pytest.raises(NoVerdict) as caught:
        await judge(llm, "Hi.", intent="greets")
    assert str(caught.value) == (
        f"the judge ScriptedLLM gave no verdict, but the answer {said}; use a model that calls "
        "tools, or that answers `VERDICT: pass` or `VERDICT: fail`"
    )
    assert not isinstance(caught.value, AssertionError)


async def test_a_model_without_tools_that_gives_no_verdict_raises_it_at_once():
    llm = TextLLM("Nice!")
    with pytest.raises(NoVerdict, match="the judge TextLLM gave no verdict, but"):
        await judge(llm, "Hi.", intent="greets")
    assert len(llm.seen) == 1


async def test_a_model_that_refuses_forced_calls_is_asked_in_words():
    llm = ScriptedLLM([ProviderRejected("tool_choice is not supported"), "VERDICT: pass"])
    assert (await judge(llm, "Hi.", intent="greets")).passed


async def test_what_the_model_raises_is_raised():
    with pytest.raises(ProviderRateLimited):
        await judge(ScriptedLLM([ProviderRateLimited("slow down")]), "Hi.", intent="greets")
    with pytest.raises(ProviderRejected, match="wrong key"):
        await judge(
            ScriptedLLM([ProviderRejected("wrong key"), ProviderRejected("wrong key")]),
            "Hi.",
            intent="greets",
        )
    with pytest.raises(TruncatedStream) as caught:
        await judge(ScriptedLLM([["VERDICT: pa", CUT]]), "Hi.", intent="greets")
    assert str(caught.value) == "the judge's answer ended without its end marker; ask again"


@pytest.mark.parametrize("intent", ["", " "])
async def test_a_judge_needs_an_intent(intent):
    with pytest.raises(ValueError) as caught:
        await judge(ScriptedLLM([YES]), "Hi.", intent=intent)
    assert str(caught.value) == ("a judge needs an intent; say what the message is to do: intent=…")


async def test_a_judge_is_one_model():
    with pytest.raises(ModelStringError):
        await judge("", "Hi.", intent="greets")
    with pytest.raises(ConfigurationError):
        await judge(None, "Hi.", intent="greets")
    with pytest.raises(ConfigurationError) as caught:
        await judge(["acme/x", "acme/y"], "Hi.", intent="greets")
    assert str(caught.value) == "a judge is one model; give one of ['acme/x', 'acme/y']"


# Clocks


async def test_a_scripted_judge_takes_virtual_time():
    await judge(ScriptedLLM([YES], first_token=1, total=2), "Hi.", intent="greets")
    assert asyncio.get_running_loop().time() == 2


async def test_a_judge_over_a_socket_works_in_virtual_time():
    async def answer(reader, writer):
        await reader.readline()
        writer.write(b"VERDICT: pass\n")
        writer.close()

    class Remote(TextLLM):
        async def chat(self, chat_ctx, *, tools=(), tool_choice="auto", settings=None):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except Exception as error:
                raise ProviderConnectionError("no way through") from error
            writer.write(b"?\n")
            yield TextDelta((await reader.readline()).decode())
            yield Finish("stop")
            writer.close()

    loop = virtual_clock()
    async with loop.hold("the server starts"):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
    llm = Remote()
    llm.port = server.sockets[0].getsockname()[1]
    assert (await judge(llm, "Hi.", intent="greets")).passed
    assert loop.time() == 0
    async with loop.hold("the server ends"):
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
