"""A tool that ends the call."""

from __future__ import annotations

from typing import Any

from .run_context import RunContext
from .tools import ToolFlag, Toolset, function_tool

_DESCRIPTION = (
    "Ends the call. To be called when the user has said that they are done, or says goodbye; not "
    "when they want to wait, or when it is unclear. Nothing can be said after it."
)


class EndCallTool(Toolset):
    """The tool `end_call`: the agent says goodbye, then the session closes.

    * `extra_description`: what the model is told of it besides, e.g. when not to call it.
    * `end_instructions`: the output of the call, which the model answers; None: nothing more is
      said.
    * `ignore_on_enter`: not offered while `on_enter` asks for its reply.
    """

    def __init__(
        self,
        *,
        extra_description: str = "",
        end_instructions: str | None = "say goodbye to the user",
        ignore_on_enter: bool = False,
    ) -> None:
        self._end_instructions = end_instructions
        tool = function_tool(
            self._end_call,
            name="end_call",
            description=f"{_DESCRIPTION} {extra_description}".strip(),
            flags=ToolFlag.IGNORE_ON_ENTER if ignore_on_enter else ToolFlag.NONE,
        )
        super().__init__(id="end_call", tools=[tool])

    async def _end_call(self, ctx: RunContext[Any]) -> str | None:
        session = ctx.session
        ctx.speech_handle.add_done_callback(lambda _: session.shutdown())
        return self._end_instructions
