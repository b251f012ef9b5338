"""Runs: what a test asks of a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    from .engine.conversation import Conversation
    from .registry import Registry
    from .testing.run_result import RunResult

T = TypeVar("T")


class SessionRuns(ABC):
    """Gives a user turn, and watches what follows."""

    _registry: Registry | None

    @property
    @abstractmethod
    def _open(self) -> Conversation:
        """The running conversation. Raises what a session raises that does not run."""

    @abstractmethod
    def _only_on_loop(self, name: str) -> None:
        """Raises `RuntimeError` in another thread than the session's."""

    @overload
    def run(
        self,
        user_input: str,
        *,
        input_modality: Literal["text", "audio"] = "text",
        output_type: None = None,
    ) -> RunResult[Any]: ...
    @overload
    def run(
        self,
        user_input: str,
        *,
        input_modality: Literal["text", "audio"] = "text",
        output_type: type[T],
    ) -> RunResult[T]: ...
    def run(
        self, user_input: str, *, input_modality: str = "text", output_type: Any = None
    ) -> RunResult[Any]:
        """For tests: gives a typed user turn, once nothing else goes on, and watches what follows.

        Awaited, it ends when the session waits for the user again: see `antiphon.testing.RunResult`
        for what can be expected of it, and what it raises. `output_type`: what the task that is
        completed meanwhile must give. `input_modality` makes no difference.

        Raises `RuntimeError` while another run is in progress, `SessionClosed` after the end.
        """
        self._only_on_loop("run")
        from .engine.run_watch import RunWatch
        from .testing.run_result import RunResult

        watch = RunWatch(self._open, user_input)
        return RunResult(watch, output_type=output_type, registry=self._registry)
