"""Groups of tasks: steps in order, and the way back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentTask,
    ChatContext,
    ConfigurationError,
    TaskGroup,
    ToolError,
    function_tool,
)
from antiphon.tasks import TaskCompletedEvent
from antiphon.testing import Call

from .talking import Desk, lines, talk

pytestmark = pytest.mark.virtual_time


class Ask(AgentTask[str]):
    """Asks for one thing."""

    def __init__(self, what: str, **options: Any) -> None:
        super().__init__(instructions=f"Ask for the {what}.", id=what, **options)

    async def on_enter(self) -> None:
        self.session.say(f"Your {self.id}?")

    @function_tool
    async def record(self, value: str) -> None:
        """Records it."""
        self.complete(value)

    @function_tool
    async def refuse(self) -> None:
        """The caller refuses."""
        self.complete(ToolError(f"no {self.id}"))


def group(*names: str, **options: Any) -> TaskGroup:
    made = TaskGroup(**options)
    for name in names:
        made.add(lambda name=name: Ask(name), id=name, description=f"asks for the {name}")
    return made


REPLIES = {
    "it is noted": "Thank you.",
    "hello": Call("ask"),
    "record ada": Call("record", value="ada"),
    "record bob": Call("record", value="bob"),
    "record one": Call("record", value="one"),
    "record two": Call("record", value="two"),
    "refuse": Call("refuse"),
    "back to name": Call("go_back", step_ids=["name"]),
    "back to both": Call("go_back", step_ids=["email", "name"]),
    "back to nowhere": Call("go_back", step_ids=["nmae"]),
    "back to nothing": Call("go_back", step_ids=[]),
    "": "I see.",
}


def desk_of(*names: str, **options: Any) -> Desk:
    async def work() -> Any:
        return (await group(*names, **options)).task_results

    return Desk(work)


async def test_steps_follow_each_other_and_give_their_results_by_id() -> None:
    desk = desk_of("name", "email")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "record one")
        assert desk.got == [{"name": "ada", "email": "one"}]
        assert t.switches == [
            "None -> desk",
            "desk -> task_group",
            "task_group -> name",
            "name -> task_group",
            "task_group -> email",
            "email -> task_group",
            "task_group -> desk",
        ]
        assert t.of("desk:") == ["desk: Thank you."]
        assert t.errors == []


async def test_a_run_ends_when_a_step_waits_and_the_last_gives_the_groups_result() -> None:
    async with talk(desk_of("name"), REPLIES) as t:
        asked = await t.session.run(user_input="hello")
        asked.expect.contains_message(text="Your name?")
        done = await t.session.run(user_input="record ada")
        assert done.final_output.task_results == {"name": "ada"}


async def test_what_was_said_in_a_step_is_in_the_context_of_the_next_and_of_who_awaits() -> None:
    desk = desk_of("name", "email")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "what for", "record ada")
        assert lines(t.session.chat_ctx) == [
            "system: Ask for the email.",
            "name: Your name?",
            "user: what for",
            "name: I see.",
            "user: record ada",
            "task_group -> email",
            "email: Your email?",
        ]
        await t.hear("record one")
        assert [text for text in lines(desk.chat_ctx) if ":" in text] == [
            "user: hello",
            "name: Your name?",
            "user: what for",
            "name: I see.",
            "user: record ada",
            "email: Your email?",
            "user: record one",
            "output ask: it is noted",
            "desk: Thank you.",
        ]


async def test_the_first_step_is_shown_the_context_that_the_group_was_given() -> None:
    context = ChatContext()
    context.add_message(role="system", content="You are the desk.")
    context.add_message(role="user", content="I am Ada")

    async with talk(desk_of("name", chat_ctx=context), REPLIES) as t:
        await t.hear("hello")
        texts = lines(t.session.chat_ctx)
        assert texts[:2] == ["system: Ask for the name.", "user: I am Ada"]
        assert "system: You are the desk." not in texts


async def test_the_first_step_has_no_way_back_and_each_other_has() -> None:
    async with talk(desk_of("name", "email", "city"), REPLIES) as t:
        await t.hear("hello", "what", "record ada", "what", "record one", "what")
        offered = [
            [tool for tool in request.tools if tool.name == "go_back"] for request in t.llm.requests
        ]
        assert [len(tools) for tools in offered] == [0, 0, 0, 1, 1, 1]
        (tool,) = offered[-1]
        assert tool.description == (
            "Goes back to earlier steps: when the caller wants to change what they have given "
            "there, or to do it again. This step is left, and comes again after them. The steps "
            "to go back to: 'name' asks for the name; 'email' asks for the email."
        )
        assert tool.parameters["properties"]["step_ids"]["items"]["enum"] == ["name", "email"]


async def test_going_back_does_the_step_again_and_then_the_one_that_was_left() -> None:
    desk = desk_of("name", "email", "city")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "back to name")
        assert t.agent == "name"
        await t.hear("record bob")
        assert t.agent == "email"
        await t.hear("record one", "record two")
        assert desk.got == [{"name": "bob", "email": "one", "city": "two"}]
        assert t.errors == []
        assert [text.rpartition(" ")[2] for text in t.switches if "task_group ->" in text] == [
            "name",
            "email",
            "name",
            "email",
            "city",
            "desk",
        ]


async def test_several_steps_are_gone_back_to_in_the_order_of_the_group() -> None:
    desk = desk_of("name", "email", "city")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "record one", "back to both")
        seen = []
        for text in ("record bob", "record two", "record one"):
            seen.append(t.agent)
            await t.hear(text)
        assert seen == ["name", "email", "city"]
        assert desk.got == [{"name": "bob", "email": "two", "city": "one"}]


async def test_going_back_twice() -> None:
    desk = desk_of("name", "email")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "back to name", "record bob", "back to name")
        await t.hear("record ada", "record one")
        assert desk.got == [{"name": "ada", "email": "one"}]


async def test_a_step_that_is_done_again_offers_the_others_that_were_done() -> None:
    desk = desk_of("name", "email", "city")
    replies = {"then email": Call("go_back", step_ids=["email"]), **REPLIES}
    async with talk(desk, replies) as t:
        await t.hear("hello", "record ada", "record one", "back to name", "then email")
        assert t.agent == "email"
        tools = t.llm.requests[-1].tools
        (tool,) = [tool for tool in tools if tool.name == "go_back"]
        assert tool.parameters["properties"]["step_ids"]["items"]["enum"] == ["email"]
        seen = []
        for text in ("record two", "record bob", "record one"):
            seen.append(t.agent)
            await t.hear(text)
        assert seen == ["email", "name", "city"]
        assert desk.got == [{"name": "bob", "email": "two", "city": "one"}]


async def test_ids_that_are_no_steps_are_named() -> None:
    async with talk(desk_of("name", "email"), REPLIES) as t:
        await t.hear("hello", "record ada", "back to nowhere", "back to nothing")
        assert t.agent == "email"
        assert t.of("error go_back") == [
            "error go_back: the arguments of 'go_back' are not valid: 'step_ids.0' must be one of "
            "'name', not 'nmae'",
            "error go_back: name the steps to go back to: 'name'",
        ]


async def test_a_step_that_is_complete_is_not_left_for_another() -> None:
    replies = {
        "both": [Call("record", value="one"), Call("go_back", step_ids=["name"])],
        **REPLIES,
    }
    desk = desk_of("name", "email")
    async with talk(desk, replies) as t:
        await t.hear("hello", "record ada", "both")
        assert desk.got == [{"name": "ada", "email": "one"}]
        (output,) = t.of("error go_back")
        assert output == "error go_back: this step is over already"


# Exceptions


async def test_an_exception_of_a_step_ends_the_group_with_it() -> None:
    desk = desk_of("name", "email", "city")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "refuse")
        assert t.agent == "desk"
        (error,) = desk.errors
        assert isinstance(error, ToolError) and str(error) == "no email"
        assert t.errors == []


async def test_with_return_exceptions_it_is_the_result_and_the_group_goes_on() -> None:
    desk = desk_of("name", "email", return_exceptions=True)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "refuse", "record one")
        (results,) = desk.got
        assert results["email"] == "one"
        assert isinstance(results["name"], ToolError) and str(results["name"]) == "no name"


async def test_with_return_exceptions_a_step_that_failed_can_be_gone_back_to() -> None:
    desk = desk_of("name", "email", return_exceptions=True)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "refuse", "back to name", "record ada", "record one")
        assert desk.got == [{"name": "ada", "email": "one"}]


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (
            lambda: "Ada",
            "ConfigurationError: the factory of step 'broken' gave 'Ada', which is no AgentTask",
        ),
    ],
)
async def test_a_factory_that_makes_no_task_ends_the_group(factory: Any, message: str) -> None:
    async def work() -> Any:
        made = group("name", return_exceptions=True)
        return await made.add(factory, id="broken", description="fails")

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        assert t.agent == "desk"
        assert t.of("error ask") == [f"error ask: {message}"]


async def test_a_slot_of_a_step_that_cannot_be_filled_ends_the_group() -> None:
    async def work() -> Any:
        made = group("name")
        return await made.add(
            lambda: Ask("email", llm="nobody/there"), id="email", description="fails"
        )

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        assert t.agent == "desk"
        (error,) = desk.errors
        assert "no provider named 'nobody' is installed" in str(error)


async def test_the_same_task_twice_ends_the_group() -> None:
    one = Ask("name")

    async def work() -> Any:
        made = TaskGroup().add(lambda: one, id="a", description="asks")
        return await made.add(lambda: one, id="b", description="asks")

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        assert t.of("error ask") == [
            "error ask: RuntimeError: the task 'name' has been awaited already; make a new one: "
            "Ask(…)"
        ]


async def test_a_tool_of_a_step_that_is_named_like_the_groups_ends_the_group() -> None:
    class Taken(Ask):
        @function_tool
        async def go_back(self) -> None:
            """Something else."""

    async def work() -> Any:
        made = group("name")
        return await made.add(lambda: Taken("email"), id="email", description="asks")

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        (error,) = desk.errors
        assert str(error).startswith("two tools are named 'go_back': ")


# Callbacks


async def test_each_result_is_told_of() -> None:
    told: list[tuple[str, Any, str]] = []

    async def completed(event: TaskCompletedEvent) -> None:
        await asyncio.sleep(0)
        told.append((event.task_id, event.result, event.agent_task.id))

    desk = desk_of("name", "email", on_task_completed=completed)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "back to name", "record bob", "record one")
    assert told == [("name", "ada", "name"), ("name", "bob", "name"), ("email", "one", "email")]


async def test_a_callback_that_fails_ends_the_group() -> None:
    async def completed(event: TaskCompletedEvent) -> None:
        raise LookupError(f"no place for {event.task_id}")

    desk = desk_of("name", "email", on_task_completed=completed)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        assert t.agent == "desk"
        assert t.of("error ask") == ["error ask: LookupError: no place for name"]


async def test_what_is_said_during_a_slow_callback_is_answered_by_the_next_step() -> None:
    class Asking(Ask):
        async def on_enter(self) -> None:
            self.session.generate_reply()

    async def completed(event: TaskCompletedEvent) -> None:
        await asyncio.sleep(3)

    async def work() -> Any:
        made = group("name", on_task_completed=completed)
        made.add(lambda: Asking("email"), id="email", description="asks for the email")
        return (await made).task_results

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.type("record ada")
        await asyncio.sleep(0.5)
        assert t.agent == "task_group"
        t.caller.type("record one")
        await asyncio.sleep(5.9)
        assert t.agent == "desk"
        assert desk.got == [{"name": "ada", "email": "one"}]
        assert t.of("task_group:") == []


# Nested


def nested() -> TaskGroup:
    outer = group("name")
    outer.add(lambda: group("street", "city"), id="address", description="asks for the address")
    outer.add(lambda: Ask("email"), id="email", description="asks for the email")
    return outer


def desk_of_nested() -> Desk:
    async def work() -> Any:
        return (await nested()).task_results

    return Desk(work)


async def test_groups_nest() -> None:
    desk = desk_of_nested()
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "record one", "record two", "record bob")
        (results,) = desk.got
        assert results["address"].task_results == {"street": "one", "city": "two"}
        assert (results["name"], results["email"]) == ("ada", "bob")


async def test_a_step_of_an_inner_group_can_go_back_to_one_of_the_outer() -> None:
    desk = desk_of_nested()
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada", "record one")
        (tool,) = [tool for tool in t.session.current_agent.tools if tool.name == "go_back"]
        assert tool.parameters["properties"]["step_ids"]["items"]["enum"] == ["street", "name"]
        await t.hear("back to name")
        assert t.agent == "name"
        await t.hear("record bob")
        assert t.agent == "street"  # the step that was left was the inner group
        await t.hear("record one", "record two", "record ada")
        (results,) = desk.got
        assert results["name"] == "bob"
        assert results["address"].task_results == {"street": "one", "city": "two"}


async def test_going_back_to_a_group_does_all_of_it_again() -> None:
    desk = desk_of_nested()
    replies = {"back to the address": Call("go_back", step_ids=["address"]), **REPLIES}
    async with talk(desk, replies) as t:
        await t.hear("hello", "record ada", "record one", "record two", "back to the address")
        assert t.agent == "street"
        await t.hear("record two", "record one", "record bob")
        (results,) = desk.got
        assert results["address"].task_results == {"street": "two", "city": "one"}


# Leaving


async def test_a_hand_off_in_a_step_leaves_the_group() -> None:
    class Escaping(Ask):
        @function_tool
        async def operator(self) -> Agent:
            """Hands over."""
            return Agent(id="operator")

    async def work() -> Any:
        made = group("name", return_exceptions=True)
        return await made.add(lambda: Escaping("email"), id="email", description="asks")

    desk = Desk(work)
    replies = {"a person": Call("operator"), **REPLIES}
    async with talk(desk, replies) as t:
        await t.hear("hello", "record ada", "a person")
        assert t.agent == "operator"
        assert t.switches[-3:] == ["email -> task_group", "task_group -> desk", "desk -> operator"]
        assert t.of("error ask") == [
            "error ask: ToolError: the task 'task_group' gave way to agent 'operator'"
        ]
        assert t.errors == []


async def test_tools_of_the_group_are_offered_in_every_step() -> None:
    @function_tool
    async def operator() -> Agent:
        """Hands over."""
        return Agent(id="operator")

    replies = {"a person": Call("operator"), **REPLIES}
    async with talk(desk_of("name", "email", tools=[operator]), replies) as t:
        await t.hear("hello", "record ada")
        assert [tool.name for tool in t.session.current_agent.tools] == [
            "operator",
            "go_back",
            "record",
            "refuse",
        ]
        await t.hear("a person")
        assert t.agent == "operator"


async def test_update_agent_from_outside_leaves_a_nested_group() -> None:
    desk = desk_of_nested()
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        await t.session.update_agent(Agent(id="next"))
        assert t.agent == "next"
        assert t.switches[-4:] == [
            "street -> task_group",
            "task_group -> task_group",
            "task_group -> desk",
            "desk -> next",
        ]
        assert t.errors == []
        assert desk.got == []


async def test_a_close_in_a_step_ends_the_group() -> None:
    desk = desk_of("name", "email")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "record ada")
        t.session.shutdown()
        await t.session.wait_closed()
        (error,) = desk.errors
        assert str(error) == ("the session is closing; the task 'task_group' was not completed")
        assert t.errors == []


async def test_cancelling_the_await_ends_the_step_too() -> None:
    async def work() -> Any:
        async with asyncio.timeout(5):
            return await group("name", "email")

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        await asyncio.sleep(6)
        await t.session.wait_for_idle()
        assert t.agent == "desk"
        assert t.switches[-2:] == ["name -> task_group", "task_group -> desk"]
        assert [type(error) for error in desk.errors] == [TimeoutError]
        assert t.errors == []


async def test_cancelling_a_group_ends_it() -> None:
    made: list[TaskGroup] = []

    async def work() -> Any:
        made.append(group("name", "email"))
        return await made[0]

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        assert made[0].cancel()
        await asyncio.sleep(1)
        assert t.agent == "desk"
        assert str(desk.errors[0]) == "the task 'task_group' was cancelled"
        assert t.errors == []


async def test_a_session_may_start_with_a_group_and_closes_after_it() -> None:
    made = group("name", "email")
    async with talk(made, REPLIES) as t:
        await asyncio.sleep(0.1)
        await t.hear("record ada")
        t.caller.type("record one")
        await t.session.wait_closed()
        assert made.result().task_results == {"name": "ada", "email": "one"}


async def test_a_session_that_started_with_a_group_can_go_on_to_an_agent() -> None:
    async with talk(group("name", "email"), REPLIES) as t:
        await asyncio.sleep(0.1)
        await t.session.update_agent(Agent(id="next"))
        assert t.agent == "next"
        await t.hear("who is there")
        assert t.history[-1] == "next: I see."


# What is wrong


async def test_a_group_without_steps_says_so() -> None:
    desk = desk_of()
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        assert [str(error) for error in desk.errors] == [
            "the task group 'task_group' has no steps; add some: group.add(lambda: MyTask(), "
            "id='email', description='collects the e-mail address')"
        ]
        assert t.switches == ["None -> desk"]


def test_add_refuses_what_cannot_be_a_step() -> None:
    made = TaskGroup(id="data").add(lambda: Ask("name"), id="name", description="asks")
    with pytest.raises(ConfigurationError) as caught:
        made.add(lambda: Ask("name"), id="name", description="asks")
    assert str(caught.value) == (
        "the task group 'data' has a step 'name' already; give this one another id"
    )
    with pytest.raises(ConfigurationError) as caught:
        made.add(Ask("email"), id="email", description="asks")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "step 'email' got Ask(id='email'); give a function that makes the task, which may run "
        "more than once: lambda: MyTask()"
    )
    with pytest.raises(ConfigurationError) as caught:
        made.add(lambda: Ask("email"), id=" ", description="asks")
    assert str(caught.value) == "a step needs an id, not ' '; give one: id='email'"


async def test_a_group_that_has_begun_takes_no_more_steps() -> None:
    made = group("name")
    async with talk(Desk(lambda: _awaited(made)), REPLIES) as t:
        await t.hear("hello")
        with pytest.raises(RuntimeError) as caught:
            made.add(lambda: Ask("email"), id="email", description="asks")
    assert str(caught.value) == (
        "the task group 'task_group' has begun; add step 'email' before it is awaited"
    )


async def _awaited(task: AgentTask[Any]) -> Any:
    return await task
