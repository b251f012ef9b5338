import asyncio

import pytest

from antiphon import Agent, AgentTask, ToolError, function_tool
from antiphon.errors import ProviderConnectionError
from antiphon.streams import Flush
from antiphon.testing import Call, Fail, ScriptedLLM, ScriptedTTS, ScriptedWholeTextTTS
from antiphon.text import word_boundaries
from antiphon.text_transforms import pronounce, replace, spoken

pytestmark = pytest.mark.virtual_time

MARKED = (
    "**One** two [three](http://a.b/c) \U0001f600 *four* `five` six\n\n"
    "- __seven__ eight\n- nine **ten** \U0001f44d"
)
WORDS = "one two three four five six seven eight nine ten".split()


async def cut(t, text, stop):
    """Says `text`, and interrupts it `stop` seconds after its beginning."""
    begin = round(t.now + 1.0)
    await t.until(begin)
    before, recorded = t.heard, len(t.messages)
    handle = t.session.say(text)
    await t.until(begin + stop)
    handle.interrupt(force=True)
    await t.until(begin + stop + 1)
    assert handle.done()
    messages = t.messages[recorded:]
    return (messages[0] if messages else None), t.heard[len(before) :].strip()


def words(text):
    return [word.strip(",.!").lower() for word in spoken(text).split()]


STOPS = [0.15 + 0.2 + 0.4 * number for number in range(11)]


@pytest.mark.parametrize("voice", [ScriptedTTS, ScriptedWholeTextTTS])
async def test_cut_at_any_word_the_record_is_the_slice_of_the_text_that_was_heard(talk, voice):
    async with talk(tts=voice()) as t:
        for stop in STOPS:
            message, heard = await cut(t, MARKED, stop)
            if message is None:
                assert heard == ""
                continue
            assert MARKED.startswith(message.text_content)
            assert len(message.text_content) in word_boundaries(MARKED)
            assert words(message.text_content) == heard.lower().split()
            assert not message.estimated


async def test_what_is_left_out_behind_a_word_counts_as_heard_with_it(talk):
    async with talk() as t:
        message, heard = await cut(t, MARKED, 0.2 + 3 * 0.4 + 0.1)
        assert heard == "One two three"
        assert message.text_content == "**One** two [three](http://a.b/c)"
        assert (message.interrupted, message.generated_text) == (True, MARKED)


async def test_heard_out_the_whole_text_is_recorded_with_its_marks(talk):
    async with talk(replies=[MARKED]) as t:
        t.caller.type("hi")
        await t.session.wait_for_idle()
    assert t.tts.texts == [spoken(MARKED)]
    assert t.heard.lower().split() == WORDS
    assert t.said == [("user", "hi"), ("assistant", MARKED)]
    assert not t.messages[1].interrupted


async def test_a_cut_behind_the_last_word_is_the_whole_text(talk):
    # Silence follows the last word; the emoji behind it was not to be spoken.
    class Trailing(Agent):
        async def tts_node(self, text, model_settings):
            from antiphon.tts import Audio

            async for event in Agent.default.tts_node(self, text, model_settings):
                yield event
            yield Audio(bytes(32000), 16000)

    async with talk(Trailing()) as t:
        message, heard = await cut(t, "so *long* \U0001f600", 1.5)
        assert heard == "so long"
        assert (message.text_content, message.interrupted) == ("so *long* \U0001f600", False)


async def test_replaced_words_are_recorded_as_they_were_written(talk):
    transforms = [replace({"API": "A P I"}), pronounce({"nginx": "engine x"})]
    async with talk(tts_text_transforms=transforms) as t:
        text = "The API of nginx is fine"
        for stop, recorded, voiced in [
            (0.65, "The", "The"),
            (1.05, "The", "The A"),  # of what was put in all has to be heard
            (1.45, "The", "The A P"),
            (1.85, "The API", "The A P I"),
            (3.05, "The API of nginx", "The A P I of engine x"),
        ]:
            message, heard = await cut(t, text, stop)
            assert (message.text_content, heard, message.estimated) == (recorded, voiced, False)


async def test_without_word_times_the_record_is_a_share_of_the_spoken_text(talk):
    async with talk(tts=ScriptedTTS(word_times=False)) as t:
        for stop in STOPS:
            message, heard = await cut(t, MARKED, stop)
            if message is None:
                continue
            assert MARKED.startswith(message.text_content)
            assert len(message.text_content) in word_boundaries(MARKED)
            if message.text_content != MARKED:
                assert message.estimated
            assert abs(len(words(message.text_content)) - len(heard.split())) <= 1


async def test_a_tts_that_fails_goes_on_in_the_spoken_text(talk):
    tts = ScriptedTTS(fail_at=Fail(ProviderConnectionError("the voice broke"), call=1, after=1.2))
    async with talk(tts=tts) as t:
        t.session.say(MARKED)
        await t.session.wait_for_idle()
    assert t.heard.lower().split() == WORDS
    assert t.tts.texts[1] == "four five six\n\nseven eight\nnine ten "


# Which list holds


async def spoken_by(talk, agent=None, **session):
    async with talk(agent, **session) as t:
        t.session.say("**a** \U0001f600 b")
        await t.session.wait_for_idle()
    return t.tts.texts


async def test_the_list_of_the_session_holds_unless_the_agent_has_its_own(talk):
    shout = [replace({"a": "A"})]
    assert await spoken_by(talk) == ["a b"]
    assert await spoken_by(talk, tts_text_transforms=shout) == ["**A** \U0001f600 b"]
    assert await spoken_by(talk, Agent(), tts_text_transforms=["filter_emoji"]) == ["**a** b"]
    assert await spoken_by(talk, Agent(tts_text_transforms=shout)) == ["**A** \U0001f600 b"]


@pytest.mark.parametrize("nothing", [None, []])
async def test_none_and_the_empty_list_change_nothing(talk, nothing):
    plain = ["**a** \U0001f600 b"]
    assert await spoken_by(talk, tts_text_transforms=nothing) == plain
    assert await spoken_by(talk, Agent(tts_text_transforms=nothing)) == plain


async def test_the_list_of_an_agent_can_be_changed(talk):
    async with talk() as t:
        t.session.say("**a**")
        await t.session.wait_for_idle()
        await t.agent.update_options(tts_text_transforms=None)
        t.session.say("**a**")
        await t.session.wait_for_idle()
    assert t.tts.texts == ["a", "**a**"]


async def test_a_task_speaks_as_the_agent_that_awaits_it(talk):
    class Ask(AgentTask[str]):
        async def on_enter(self):
            await self.session.say("**who**")
            self.complete("me")

    class Desk(Agent):
        def __init__(self):
            super().__init__(tts_text_transforms=[replace({"who": "which"})])

        @function_tool
        async def ask(self) -> str:
            """Asks."""
            return await Ask()

    async with talk(Desk(), replies=[Call("ask"), "fine"]) as t:
        t.caller.type("hi")
        await t.session.wait_for_idle()
    assert t.tts.texts == ["**which**", "fine"]


async def test_an_own_tts_node_gets_the_transformed_text(talk):
    class Louder(Agent):
        async def tts_node(self, text, model_settings):
            async def shouted():
                async for piece in text:
                    yield piece if isinstance(piece, Flush) else piece.upper()

            async for event in Agent.default.tts_node(self, shouted(), model_settings):
                yield event

    async with talk(Louder()) as t:
        message, heard = await cut(t, "**one** *two* three", 1.1)
    assert heard == "ONE TWO"
    assert (message.text_content, message.estimated) == ("**one** *two*", False)


async def test_ready_audio_keeps_its_text(talk):
    from antiphon.audio import AudioFrame
    from antiphon.testing import render

    async def jingle():
        yield AudioFrame(render("one two", seconds=1.0), 16000)

    async with talk() as t:
        t.session.say("**one** *two*", audio=jingle())
        await t.session.wait_for_idle()
    assert [m.text_content for m in t.messages] == ["**one** *two*"]


async def test_a_reply_of_signs_only_is_recorded_and_not_given_to_the_voice(talk):
    async with talk(replies=["\U0001f600", "**", "fine"]) as t:
        for _ in range(3):
            t.caller.type("hi")
            await t.session.wait_for_idle()
    assert t.tts.texts == ["**", "fine"]
    assert [m.text_content for m in t.messages if m.role == "assistant"] == [
        "\U0001f600",
        "**",
        "fine",
    ]


async def test_before_a_slow_tool_what_is_held_back_is_spoken(talk):
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            """Looks."""
            await asyncio.sleep(5.0)
            return "done"

    llm = ScriptedLLM([["one moment*", Call("look")], "fine"], first_token=0.1, total=0.1)
    async with talk(Desk(), llm=llm) as t:
        t.caller.type("hi")
        await t.until(3.0)
        assert t.heard == "one moment"


# Functions of the user's


async def exclaim(text):
    async for piece in text:
        yield piece.replace(".", "!")


async def test_a_function_that_changes_no_word_leaves_the_record_exact(talk):
    async with talk(tts_text_transforms=["filter_markdown", exclaim]) as t:
        message, heard = await cut(t, "**one** two three four. Five.", 1.1)
        assert t.tts.texts == ["one two three four! Five!"]
    assert (heard, message.text_content) == ("one two", "**one** two")
    assert not message.estimated


async def test_from_where_a_function_changes_the_text_the_record_is_estimated(talk):
    async def translate(text):
        async for piece in text:
            yield piece.replace("two", "zwei und").replace("three", "drei")

    async with talk(tts_text_transforms=[translate]) as t:
        text = "one two three four five six seven eight"
        first, _ = await cut(t, text, 0.7)
        later, heard = await cut(t, text, 3.1)
    assert (first.text_content, first.estimated) == ("one", False)
    assert text.startswith(later.text_content)
    assert later.estimated
    assert 0 < len(later.text_content.split()) <= len(heard.split())


async def test_a_function_may_wait_for_the_whole_text(talk):
    async def backwards(text):
        words = [piece async for piece in text]
        yield " ".join(reversed("".join(words).split()))

    async with talk(tts_text_transforms=[backwards], replies=["one two three"]) as t:
        t.caller.type("hi")
        await t.session.wait_for_idle()
    assert t.heard == "three two one"
    assert t.said[1] == ("assistant", "one two three")


async def test_functions_and_filters_run_in_their_order(talk):
    async def stars(text):
        async for piece in text:
            yield piece.replace("one", "**one** gif")

    transforms = [stars, "filter_markdown", exclaim, replace({"gif": "jif"})]
    async with talk(tts_text_transforms=transforms, replies=["one two."]) as t:
        t.caller.type("hi")
        await t.session.wait_for_idle()
    assert t.tts.texts == ["one jif two!"]


async def test_a_function_that_fails_is_reported_and_the_rest_is_spoken_as_it_is(talk):
    async def broken(text):
        async for piece in text:
            if "three" in piece:
                raise ValueError("no three")
            yield piece.upper()

    async def pieces():
        for piece in ("one ", "two ", "three ", "four ", "five"):
            yield piece
            await asyncio.sleep(0.1)

    async with talk(tts_text_transforms=[broken]) as t:
        t.session.say(pieces())
        await t.session.wait_for_idle()
    assert t.heard == "ONE TWO four five"
    assert t.errors == [("hook", ValueError, True)]
    assert t.said == [("assistant", "one two three four five")]


async def test_a_function_that_is_no_generator_is_reported_and_the_text_is_spoken(talk):
    def no_generator(text):
        return "hello"

    async with talk(tts_text_transforms=[no_generator]) as t:
        t.session.say("one two")
        await t.session.wait_for_idle()
    assert t.heard == "one two"
    assert t.errors == [("hook", TypeError, True)]


async def test_a_function_that_ends_early_leaves_the_rest_as_it_is(talk):
    async def first_only(text):
        async for piece in text:
            yield piece.upper()
            return

    async def pieces():
        for piece in ("one ", "two ", "three"):
            yield piece
            await asyncio.sleep(0.1)

    async with talk(tts_text_transforms=[first_only]) as t:
        t.session.say(pieces())
        await t.session.wait_for_idle()
    assert t.heard == "ONE two three"


async def test_what_a_function_says_after_a_flush_is_spoken_at_once(talk):
    async def slow(text):
        async for piece in text:
            await asyncio.sleep(0.5)
            yield piece

    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            """Looks."""
            await asyncio.sleep(6.0)
            raise ToolError("nothing")

    llm = ScriptedLLM([["one moment", Call("look")], "fine"], first_token=0.1, total=0.1)
    async with talk(Desk(), llm=llm, tts_text_transforms=[slow]) as t:
        t.caller.type("hi")
        await t.until(4.0)
        assert t.heard == "one moment"


async def test_an_interruption_ends_the_functions(talk):
    ended = []

    async def endless(text):
        try:
            async for piece in text:
                yield piece
        finally:
            ended.append(True)

    async def pieces():
        while True:
            yield "word "
            await asyncio.sleep(0.1)

    async with talk(tts_text_transforms=[endless]) as t:
        handle = t.session.say(pieces())
        await t.until(2.0)
        handle.interrupt()
        await t.until(2.1)
        assert ended == [True]
    assert t.said[0][1].split() == t.heard.split()


async def test_a_session_of_text_transforms_nothing(talk):
    from antiphon.testing import Caller

    async def never(text):
        raise AssertionError("nobody hears it")
        yield

    async with talk(
        caller=Caller(audio=False), replies=["**hi**"], tts_text_transforms=[never]
    ) as t:
        t.caller.type("hi")
        await t.session.wait_for_idle()
    assert t.said == [("user", "hi"), ("assistant", "**hi**")]
    assert t.errors == []


async def test_a_function_that_gives_no_text_is_reported_and_the_session_goes_on(talk):
    async def numbers(text):
        async for piece in text:
            yield len(piece)

    async with talk(tts_text_transforms=[numbers]) as t:
        t.session.say("one two")
        await t.session.wait_for_idle()
        assert [str(event.error) for event in t.events("error")] == [
            f"the text transform {numbers.__qualname__} gave 7; it must give texts"
        ]
        await t.agent.update_options(tts_text_transforms=None)
        t.session.say("three")
        await t.session.wait_for_idle()
    assert t.heard == "three"


async def test_what_a_function_that_ends_has_not_read_is_spoken(talk):
    async def none(text):
        return
        yield

    async with talk(tts_text_transforms=[none]) as t:
        t.session.say("one two")
        await t.session.wait_for_idle()
    assert t.heard == "one two"
    assert t.errors == []
