"""Tools of an agent or a task that would take the place of what that is."""

from __future__ import annotations

import pytest

from antiphon import Agent, AgentTask, CollectTask, TaskGroup, function_tool
from antiphon.errors import ToolDefinitionError


@pytest.mark.parametrize("name", ["done", "cancel", "complete", "result", "on_enter", "session"])
def test_a_tool_named_like_a_method_of_tasks_is_refused(name: str) -> None:
    async def tool(self: object) -> None:
        """Does something."""

    tool.__name__ = name
    with pytest.raises(ToolDefinitionError) as caught:
        type("Survey", (AgentTask,), {name: function_tool(tool)})
    assert str(caught.value) == (
        f"the tool '{name}' of Survey takes the place of the method `{name}` that every task has; "
        f'name the function otherwise: @function_tool(name="{name}") async def {name}_tool(self, …)'
    )


@pytest.mark.parametrize("base", [AgentTask, AgentTask[str], CollectTask, TaskGroup])
def test_so_it_is_in_every_kind_of_task(base: type) -> None:
    with pytest.raises(ToolDefinitionError, match="the tool 'done' of Survey"):

        class Survey(base):
            @function_tool
            async def done(self) -> None:
                """The caller is done."""


def test_a_mixin_and_a_static_tool_are_found_too() -> None:
    class Mixin:
        @staticmethod
        @function_tool
        async def cancel() -> None:
            """Cancels."""

    with pytest.raises(ToolDefinitionError, match="the tool 'cancel' of Survey"):

        class Survey(Mixin, AgentTask[str]):
            pass


def test_the_way_out_that_the_message_names_works() -> None:
    class Survey(AgentTask[str]):
        @function_tool(name="done")
        async def done_tool(self) -> None:
            """The caller is done."""

        def done(self) -> bool:
            return super().done()

    task = Survey()
    assert [tool.name for tool in task.tools] == ["done"]
    task.complete("x")
    assert task.done()


@pytest.mark.parametrize("name", ["session", "chat_ctx", "on_exit", "llm_node"])
def test_a_tool_named_like_a_name_of_agents_is_refused(name: str) -> None:
    async def tool(self: object) -> None:
        """Does something."""

    tool.__name__ = name
    with pytest.raises(ToolDefinitionError) as caught:
        type("Desk", (Agent,), {name: function_tool(tool)})
    assert str(caught.value) == (
        f"the tool '{name}' of Desk takes the place of the method `{name}` that every agent has; "
        f'name the function otherwise: @function_tool(name="{name}") async def {name}_tool(self, …)'
    )
