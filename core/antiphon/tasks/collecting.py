"""The base of the tasks that ask the caller for one value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from ..errors import ToolError
from ..run_context import RunContext
from ..task import AgentTask
from ..tools import function_tool

if TYPE_CHECKING:
    from typing import Any, Unpack

    from ..speech import SpeechHandle
    from .options import TaskOptions

T = TypeVar("T")

_ALWAYS = (
    "You talk with a caller, and have one thing to do: to get {what}.\n"
    "{hint}\n"
    "- Take it from what the caller has said, if it is there already; otherwise ask for it.\n"
    "- What you are shown of speech may be misheard: ask when you are not sure. Never make "
    "anything up.\n"
    "- Call `{update}` with it. When that is refused, tell the caller in plain words what is "
    "wrong, and ask again.\n"
)
_CONFIRM = (
    "- When it is noted, read it back{readback}, and ask whether it is right. Call `{confirm}` "
    "only when the caller has said so. When they correct it, call `{update}` with the whole of it "
    "again.\n"
)
_NEXT = "it is not confirmed: read it back, ask whether it is right, and wait for the answer"
_END = (
    "- When the caller does not want to give it, call `{decline}`.\n"
    "- When they ask something else, answer in one short sentence, then come back to it.\n"
)


class CollectTask(AgentTask[T]):
    """Asks for one value, has code check it, and the caller confirm it.

    A subclass has one tool, `update_…`, by which the model gives what it has understood: the tool
    reads and checks it, raises `ToolError` that says what is wrong, or returns
    `self.note(ctx, value, shown)`. The tools `confirm_…` and `decline_…` are there already.

    * `noun`: the value in the names of the tools, e.g. `"email"`: `update_email`.
    * `what`: the value in words, e.g. `"the caller's e-mail address"`.
    * `hint`: what the model is to know of it.
    * `readback`: how it is read back, e.g. `", letter by letter where it could be misheard"`.
    * `require_confirmation`: the caller is asked whether it is right before the task is complete.
    * `extra_instructions`: come last.

    A caller who declines completes it with a `ToolError`.
    """

    def __init__(
        self,
        *,
        noun: str,
        what: str,
        hint: str = "",
        readback: str = "",
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        self._noun = noun
        self._what = what
        self._require_confirmation = require_confirmation
        self._noted: T | None = None
        self._asking: SpeechHandle | None = None
        """The reply in which it was noted: the caller cannot have confirmed it yet."""
        names = {"update": f"update_{noun}", "confirm": f"confirm_{noun}"}
        names["decline"] = f"decline_{noun}"
        text = _ALWAYS + (_CONFIRM if require_confirmation else "") + _END
        instructions = text.format(what=what, hint=hint, readback=readback, **names)
        own: list[Any] = [
            function_tool(
                self._decline,
                name=names["decline"],
                description=f"The caller does not want to give {what}, or cannot.",
            )
        ]
        if require_confirmation:
            own.insert(
                0,
                function_tool(
                    self._confirm,
                    name=names["confirm"],
                    description=f"The caller has heard {what} read back, and it is right.",
                ),
            )
        options["tools"] = [*own, *(options.get("tools") or ())]
        extra = extra_instructions.strip()
        super().__init__(instructions=f"{instructions}{extra}".strip(), **options)

    @property
    def what(self) -> str:
        """The value in words."""
        return self._what

    @property
    def require_confirmation(self) -> bool:
        """Whether the caller is asked whether it is right."""
        return self._require_confirmation

    async def on_enter(self) -> None:
        """Asks for the value."""
        self.session.generate_reply(
            instructions=f"Ask for {self._what}, unless the caller has given it already."
        )

    def note(self, ctx: RunContext[Any], value: T, shown: str) -> str | None:
        """Takes a value that has been checked: completes the task with it, or has the caller asked
        whether it is right. To be returned by the tool; `shown` is the value for the model, which
        gets it as `noted` of a JSON object; `next` there says what it is to do."""
        if not self._require_confirmation:
            self.complete(value)
            return None
        self.hold(value, ctx.speech_handle)
        return json.dumps({"noted": shown, "next": _NEXT}, ensure_ascii=False)

    def hold(self, value: T, asking: SpeechHandle) -> None:
        """Takes a checked value that did not come by the tool; `asking` is the reply in which the
        caller is asked whether it is right."""
        self._noted, self._asking = value, asking

    async def _confirm(self, ctx: RunContext[Any]) -> None:
        if self._noted is None:
            raise ToolError(
                f"there is nothing to confirm yet; call update_{self._noun} with what the caller "
                "has said"
            )
        if ctx.speech_handle is self._asking:
            raise ToolError(
                f"the caller has not heard it yet; read back {self._what} and wait for the answer"
            )
        self.complete(self._noted)

    async def _decline(self, reason: str = "") -> None:
        """Declines.

        Args:
            reason: What the caller said about it, in a few words
        """
        because = f": {reason.strip()}" if reason.strip() else ""
        self.complete(ToolError(f"the caller would not give {self._what}{because}"))
