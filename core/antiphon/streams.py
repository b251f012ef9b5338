"""Streams: what flows between the engine, the nodes and the providers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar, final, runtime_checkable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@runtime_checkable
class Stream(Protocol[T_co]):
    """An async iterator that can be closed: an async generator, or what `duplex` returns.

    One task opens, iterates and closes a stream. To stop one early, cancel that task or call
    `aclose()` in it; never call `aclose()` from another task.
    """

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    async def __anext__(self) -> T_co: ...

    async def aclose(self) -> None: ...


@final
class Flush:
    """A marker between pieces of input.

    To an STT: the user has stopped, finalise what you have heard, now. To a TTS: nothing follows
    for a while, speak what you have.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "FLUSH"


FLUSH: Final = Flush()
"""The one `Flush` there need be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call has cost, in the provider's own counts; those that do not apply stay 0.

    A provider may yield several per call: they are added up per turn, session and model string.
    """

    input_tokens: int = 0
    """LLM: tokens of the prompt, cached ones included."""
    output_tokens: int = 0
    """LLM: tokens of the answer, reasoning included."""
    cached_tokens: int = 0
    """LLM: tokens of the prompt read from the vendor's cache."""
    characters: int = 0
    """TTS: characters that were voiced."""
    audio_seconds: float = 0.0
    """STT: seconds heard. TTS: seconds made."""
    requests: int = 1
    """How many requests this adds."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            characters=self.characters + other.characters,
            audio_seconds=self.audio_seconds + other.audio_seconds,
            requests=self.requests + other.requests,
        )


class Closed(Exception):
    """A channel that will give nothing more."""


class Channel(Generic[T]):
    """A bounded queue for one writer side and one reader: a deque and one future.

    `put` waits while the channel is full; `offer` never waits and says whether it took the item.
    After `close` the reader gets what is left and then stops; after `fail` it gets the error.
    Iterating is the reader's side. `aclose` is the same as `close`, so a channel is a `Stream`.
    """

    __slots__ = ("_closed", "_error", "_getter", "_items", "_maxsize", "_putters")

    def __init__(self, maxsize: int = 0) -> None:
        self._items: deque[T] = deque()
        self._maxsize = maxsize
        self._closed = False
        self._error: BaseException | None = None
        self._getter: asyncio.Future[None] | None = None
        self._putters: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether nothing more may be put."""
        return self._closed

    def _wake(self) -> None:
        getter = self._getter
        if getter is not None and not getter.done():
            getter.set_result(None)

    def offer(self, item: T) -> bool:
        """Puts `item` if there is room and the channel is open; says whether it did."""
        if self._closed or (self._maxsize and len(self._items) >= self._maxsize):
            return False
        self._items.append(item)
        getter = self._getter
        if getter is not None and not getter.done():
            getter.set_result(None)
        return True

    async def put(self, item: T) -> None:
        """Puts `item`, waiting for room. Raises `Closed` once the channel is closed."""
        while not self._closed and self._maxsize and len(self._items) >= self._maxsize:
            waiter = asyncio.get_running_loop().create_future()
            self._putters.append(waiter)
            await waiter
        if self._closed:
            raise Closed
        self._items.append(item)
        self._wake()

    def drop_oldest(self) -> T | None:
        """Takes the oldest item out without waiting, or None when empty."""
        return self._items.popleft() if self._items else None

    def close(self) -> None:
        """Lets the reader have what is left, and then end."""
        self._closed = True
        self._wake()
        while self._putters:
            putter = self._putters.popleft()
            if not putter.done():
                putter.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Lets the reader have what is left, and then `error`."""
        self._error = self._error or error
        self.close()

    async def aclose(self) -> None:
        self.close()

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._getter = asyncio.get_running_loop().create_future()
            try:
                await self._getter
            finally:
                self._getter = None
        item = self._items.popleft()
        while self._putters:
            putter = self._putters.popleft()
            if not putter.done():
                putter.set_result(None)
                break
        return item


class Duplex(Generic[T]):
    """The stream that `duplex` returns; see there."""

    def __init__(
        self,
        send: Callable[[], Awaitable[None]],
        receive: Callable[[Callable[[T], Awaitable[None]]], Awaitable[None]],
        *,
        close: Callable[[], Awaitable[None]] | None,
        maxsize: int,
    ) -> None:
        self._send = send
        self._receive = receive
        self._on_close = close
        self._out: Channel[T] = Channel(maxsize)
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._closing: asyncio.Task[None] | None = None

    def _start(self) -> None:
        self._started = True
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._run_send(), name="duplex send"),
            loop.create_task(self._run_receive(), name="duplex receive"),
        ]

    async def _run_send(self) -> None:
        try:
            await self._send()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._out.fail(error)

    async def _run_receive(self) -> None:
        try:
            await self._receive(self._out.put)
        except asyncio.CancelledError:
            raise
        except Closed:
            pass
        except BaseException as error:
            self._out.fail(error)
        else:
            self._out.close()

    def __aiter__(self) -> Duplex[T]:
        return self

    async def __anext__(self) -> T:
        if not self._started:
            self._start()
        try:
            return await self._out.__anext__()
        except asyncio.CancelledError:
            raise
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Cancels both sides, runs `close`, and wakes a waiting reader. May be called from any
        task."""
        if self._closing is None:
            if not self._started:
                self._started = True
            self._closing = asyncio.get_running_loop().create_task(
                self._close(), name="duplex close"
            )
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._out.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            try:
                await task
            except asyncio.CancelledError:
                pass
        if self._on_close is not None:
            await self._on_close()


def duplex(
    send: Callable[[], Awaitable[None]],
    receive: Callable[[Callable[[T], Awaitable[None]]], Awaitable[None]],
    *,
    close: Callable[[], Awaitable[None]] | None = None,
    maxsize: int = 256,
) -> Duplex[T]:
    """A stream over a wire that sends and receives at once.

    `send()` feeds the wire and returns when its input has ended. `receive(emit)` reads the wire and
    awaits `emit(item)` for each thing that the stream gives; when it returns, the stream ends.
    `close()`, if given, runs once at the end, however it came.

    Both start when the first item is asked for. The first error of either side is raised, as it is,
    to the reader. The stream owns its two tasks; `aclose()` may be called from any task. `maxsize`
    bounds the items that wait to be read: beyond it `emit` waits.
    """
    return Duplex(send, receive, close=close, maxsize=maxsize)
