"""The task that asks a question to be answered by yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..tools import function_tool
from .collecting import CollectTask

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions


class ConfirmTask(CollectTask[bool]):
    """Asks a question, e.g. `ConfirmTask("May we record the call?")`, and gives True for yes."""

    def __init__(
        self, question: str, *, extra_instructions: str = "", **options: Unpack[TaskOptions]
    ) -> None:
        if not isinstance(question, str) or not question.strip():
            raise ConfigurationError(
                f"ConfirmTask got {question!r}; give a question: ConfirmTask('May we call back?')"
            )
        super().__init__(
            noun="answer",
            what=f"an answer to the question {question.strip()!r}",
            hint=(
                "It is to be answered by yes or no. Ask again when the answer is unclear; 'maybe' "
                "and silence are no yes."
            ),
            require_confirmation=False,
            extra_instructions=extra_instructions,
            **options,
        )

    @function_tool
    async def update_answer(self, yes: bool) -> None:
        """Notes the caller's answer to the question.

        Args:
            yes: True when the answer is clearly yes, False when it is no
        """
        self.complete(yes)
