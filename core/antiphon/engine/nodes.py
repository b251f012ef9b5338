"""Calling an agent's nodes, whatever shape the user gave them, and closing what they opened."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..agent import Agent
from ..errors import ProviderTimeout
from ..nodes import ModelSettings

if TYPE_CHECKING:
    from ..streams import Stream
    from .live_settings import Tracked

T = TypeVar("T")
CLOSE_BOUND = 1.0
"""Seconds that a stream may take to close before it is named as a straggler."""

log = logging.getLogger("antiphon.session")

_takes_settings: dict[tuple[type[Agent], str], bool] = {}


def is_default(agent: Agent, node: str) -> bool:
    """Whether nobody has overridden the node: then the engine calls the slot itself."""
    return getattr(type(agent), node) is getattr(Agent, node) and node not in vars(agent)


def call_node(agent: Agent, node: str, *arguments: Any, settings: ModelSettings) -> Any:
    """Calls a node, without `model_settings` where an override leaves it out.

    The signature is looked at once per class.
    """
    method = getattr(agent, node)
    key = (type(agent), node)
    takes = _takes_settings.get(key)
    if takes is None:
        takes = _takes_settings[key] = _accepts(method, len(arguments) + 1)
    return method(*arguments, settings) if takes else method(*arguments)


def _accepts(method: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(method).bind(*range(count))
    except TypeError:
        return False
    return True


async def node_stream(result: Any) -> AsyncIterator[Any] | None:
    """What a node returned, as an async iterator: it may be one, or an awaitable of one or of
    None."""
    if inspect.isawaitable(result):
        result = await result
    if result is None:
        return None
    if not hasattr(result, "__aiter__"):
        raise TypeError(
            f"a node returned {type(result).__name__}; it must be an async generator, "
            "or return an async iterable or None"
        )
    iterator: AsyncIterator[Any] = result.__aiter__()
    return iterator


class StreamStack:
    """The streams that one task has opened, to be closed by it, the innermost first.

    Closing an outer generator does not close an inner `super().llm_node(…)`: so those register
    here.
    """

    __slots__ = ("_streams",)

    def __init__(self) -> None:
        self._streams: list[Any] = []

    def register(self, stream: Any) -> None:
        """Adds a stream that has just been opened."""
        self._streams.append(stream)

    async def aclose(self) -> None:
        """Closes them all, each within its bound."""
        streams, self._streams = self._streams, []
        for stream in reversed(streams):
            if stream.release() if type(stream) is SlotStream else _over(stream):
                continue  # the common case, which need not be timed
            close = getattr(stream, "aclose", None)
            if close is None:
                continue
            try:
                async with asyncio.timeout(CLOSE_BOUND):
                    await close()
            except TimeoutError:
                log.warning("the stream %r did not close within %.0f s", stream, CLOSE_BOUND)
            except Exception:
                log.exception("the stream %r failed to close", stream)


stream_stack: ContextVar[StreamStack | None] = ContextVar("antiphon_streams", default=None)


class SlotStream(Generic[T]):
    """A provider's stream as nodes see it: opened when first read, watched, registered to be
    closed."""

    __slots__ = (
        "_expired",
        "_limit",
        "_live",
        "_loop",
        "_open",
        "_owed",
        "_since",
        "_stream",
        "_task",
        "_timer",
        "_what",
    )

    def __init__(
        self,
        open: Callable[[], Stream[T]],
        *,
        what: str,
        limit: float | None = None,
        owed: Callable[[], bool] | None = None,
        live: Tracked | None = None,
    ) -> None:
        self._open = open
        self._live = live
        self._stream: Any = None
        self._what = what
        self._limit = limit
        """Seconds without an event after which the provider counts as stalled; None: never."""
        self._owed = owed
        """Whether the provider owes an event now; None: always."""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._since: float | None = None
        self._task: asyncio.Task[Any] | None = None
        self._expired = False

    def __repr__(self) -> str:
        return f"<stream of {self._what}>"

    def __aiter__(self) -> SlotStream[T]:
        return self

    async def __anext__(self) -> T:
        if self._stream is None:
            stack = stream_stack.get()
            if stack is not None:
                stack.register(self)
            self._stream = self._open()
            if self._live is not None:
                self._live.opened(self._stream)
        if self._limit is None:
            return await self._stream.__anext__()  # type: ignore[no-any-return]
        self._since = self._loop.time()
        if self._timer is None:
            self._task = asyncio.current_task()
            self._timer = self._loop.call_later(self._limit, self._check)
        try:
            return await self._stream.__anext__()  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            if self._expired and self._task is not None and self._task.uncancel() <= 0:
                raise ProviderTimeout(f"{self._what} gave nothing for {self._limit:g} s") from None
            raise
        finally:
            self._since = None

    def _check(self) -> None:
        # One timer per stream, put off lazily, in place of one per event.
        self._timer = None
        assert self._limit is not None
        if self._owed is not None and not self._owed() and self._since is not None:
            self._since = self._loop.time()
        waited = 0.0 if self._since is None else self._loop.time() - self._since
        if self._since is not None and waited >= self._limit - 1e-9 and self._task is not None:
            self._expired = True
            self._task.cancel()
            return
        self._timer = self._loop.call_later(self._limit - waited, self._check)

    def release(self) -> bool:
        """Stops the watch; says whether nothing is left that has to be closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._live is not None:
            self._live.closed()
        stream = self._stream
        if stream is None or stream is _CLOSED or _over(stream):
            self._stream = _CLOSED
            return True
        return False

    async def aclose(self) -> None:
        """Closes the provider's stream; harmless when repeated."""
        if not self.release():
            stream, self._stream = self._stream, _CLOSED
            try:
                # A vendor's socket may never say goodbye: who reads the stream is not kept for it.
                async with asyncio.timeout(CLOSE_BOUND) as bound:
                    await stream.aclose()
            except TimeoutError:
                if not bound.expired():
                    raise
                log.warning("the %s did not close within %.0f s", repr(self)[1:-1], CLOSE_BOUND)


def _over(stream: Any) -> bool:
    """Whether it is a generator that has run to its end."""
    return type(stream) is AsyncGeneratorType and stream.ag_frame is None


class _Closed:
    async def __anext__(self) -> Any:
        raise StopAsyncIteration


_CLOSED = _Closed()
