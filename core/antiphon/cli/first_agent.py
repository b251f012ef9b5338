"""The agent that `antiphon talk` brings along, for those who have not written one yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..tools import function_tool

if TYPE_CHECKING:
    from ..run_context import RunContext


class Host(Agent):
    """Greets, tells the time, and hands over to the keeper of a notebook."""

    def __init__(self, greeting: str = "Hello! You are talking to antiphon.") -> None:
        super().__init__(
            instructions="You are the host of antiphon, a framework for voice agents. Answer in "
            "one or two short sentences, in plain spoken words.",
            examples=(
                "what time is it",
                "open the notebook",
                "what can you do",
                "thank you",
                "goodbye",
            ),
        )
        self._greeting = greeting

    async def on_enter(self) -> None:
        self.session.say(f"{self._greeting} What can I do for you?")

    @function_tool
    async def tell_time(self) -> str:
        """Tells what time it is."""
        from ..clock import wall_time

        now = wall_time().astimezone()
        return f"It is {now.hour} {now.minute:02d}."

    @function_tool
    async def open_notebook(self) -> Any:
        """Opens the notebook to write something down."""
        return Notebook(), "Here is the notebook."


class Notebook(Agent):
    """Keeps notes, for as long as the call lasts."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You keep the caller's notebook. Write down what you are told, read it "
            "out when you are asked, and close the notebook when the caller is done. Answer in "
            "one short sentence, in plain spoken words.",
            examples=("write a note", "read the notes", "close the notebook"),
        )
        self._notes: list[str] = []

    async def on_enter(self) -> None:
        self.session.say("What shall I write down?")

    @function_tool
    async def write_note(self, context: RunContext[Any], note: str) -> str:
        """Writes a note.

        Args:
            note: the note
        """
        self._notes.append(note)
        return f"I have written down: {note}."

    @function_tool
    async def read_notes(self) -> str:
        """Reads the notes."""
        return "; ".join(self._notes) or "The notebook is empty."

    @function_tool
    async def close_notebook(self) -> Any:
        """Closes the notebook and goes back to the host."""
        return Host("The notebook is closed.")
