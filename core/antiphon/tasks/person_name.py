"""The task that asks for a person's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..errors import SettingError, ToolError
from ..run_context import RunContext
from ..tools import function_tool
from .collecting import CollectTask

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions

LONGEST = 100
"""Characters of one part of a name."""


@dataclass(frozen=True, slots=True)
class GetNameResult:
    """What `GetNameTask` gives; parts that it was not asked for are None."""

    first_name: str | None = None
    middle_name: str | None = None
    """Also None when the caller has none."""
    last_name: str | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, (self.first_name, self.middle_name, self.last_name)))


def read_name(text: str, what: str) -> str:
    """One part of a name, without needless spaces. Raises `ToolError` that says what is wrong."""
    name = " ".join(text.split())
    problem = ""
    if not any(char.isalpha() for char in name):
        problem = "it has no letters" if name else "it is empty"
    elif any(char.isdecimal() or char in "@/\\_<>{}[]=" or not char.isprintable() for char in name):
        problem = "it has signs that are in no name"
    elif len(name) > LONGEST:
        problem = f"it has more than {LONGEST} characters"
    if problem:
        raise ToolError(f"{text!r} cannot be the {what}: {problem}; ask the caller")
    return name


class GetNameTask(CollectTask[GetNameResult]):
    """Asks for a name: the parts that are switched on, of which the middle name may be missing.

    `verify_spelling`: has it spelled back letter by letter before it is confirmed.
    """

    def __init__(
        self,
        *,
        first_name: bool = True,
        last_name: bool = False,
        middle_name: bool = False,
        verify_spelling: bool = False,
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        asked = {"first_name": first_name, "middle_name": middle_name, "last_name": last_name}
        self._parts = [name for name, wanted in asked.items() if wanted]
        if not self._parts:
            raise SettingError(
                "GetNameTask asks for no part of the name; leave first_name, or set last_name=True"
            )
        words = [part.replace("_", " ") for part in self._parts]
        what = f"the caller's {' and '.join(words)}"
        tool = function_tool(self._update, raw_schema=self._schema(words))
        options["tools"] = [tool, *(options.get("tools") or ())]
        super().__init__(
            noun="name",
            what=what,
            hint=(
                "Callers may spell it, also by words (A as in Anna): write the name that they "
                "mean, with capitals, hyphens and apostrophes where they belong."
            ),
            readback=", spelled letter by letter" if verify_spelling else "",
            require_confirmation=require_confirmation or verify_spelling,
            extra_instructions=extra_instructions,
            **options,
        )

    def _schema(self, words: list[str]) -> dict[str, Any]:
        return {
            "name": "update_name",
            "description": "Notes the name, or the corrected one.",
            "parameters": {
                "type": "object",
                "properties": {
                    part: {
                        "type": "string",
                        "description": f"The {word}"
                        + (", empty if there is none" if part == "middle_name" else ""),
                    }
                    for part, word in zip(self._parts, words, strict=True)
                },
                "required": list(self._parts),
                "additionalProperties": False,
            },
        }

    async def _update(self, ctx: RunContext[Any], raw_arguments: dict[str, object]) -> str | None:
        parts: dict[str, str] = {}
        for part in self._parts:
            given = cast(str, raw_arguments[part])  # checked against the schema
            if part == "middle_name" and not given.strip() and len(self._parts) > 1:
                continue
            parts[part] = read_name(given, part.replace("_", " "))
        result = GetNameResult(**parts)
        return self.note(ctx, result, str(result))
