"""Several requests at once to one worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import ProviderConnectionError
    from ..streams import Channel
    from .pipes import Message
    from .process import Subprocess


class Multiplexer:
    """Several requests at once to one worker: routes its messages by their `"id"`.

    Takes over the reading from `worker`, needs no task of its own, and adds no hop. The channels
    have no bound, because one that is not read must not hold up the others: ask for bounded answers
    (a sentence, not a book). When the worker ends, every channel gives what it has and then the
    error.
    """

    def __init__(self, worker: Subprocess) -> None:
        self.worker = worker
        self._channels: dict[int | str, Channel[Message]] = {}
        self._last_id = 0
        self._error: ProviderConnectionError | None = None
        worker.divert(self)

    def next_id(self) -> int:
        """An id that was not used before; numbers of one's own are as good."""
        self._last_id += 1
        return self._last_id

    def request(self, id: int | str) -> Channel[Message]:
        """The channel of the messages with that `"id"`: open before sending, end it by `done`."""
        from ..streams import Channel

        if id in self._channels:
            raise ValueError(f"a request {id!r} to the {self.worker.name} worker is still open")
        channel: Channel[Message] = Channel()
        if self._error is not None:
            channel.fail(self._error)
        else:
            self._channels[id] = channel
        return channel

    def done(self, id: int | str) -> None:
        """Closes the channel; later messages with that id are dropped. Harmless when repeated."""
        channel = self._channels.pop(id, None)
        if channel is not None:
            channel.close()

    async def aclose(self, timeout: float = 1.0) -> None:
        """Closes the worker."""
        await self.worker.aclose(timeout)

    def route(self, message: Message) -> None:
        """Called by the worker's reader with each message; one that nobody waits for is dropped."""
        id = message[0].get("id")
        channel = self._channels.get(id) if isinstance(id, (int, str)) else None
        if channel is not None:
            channel.offer(message)

    def fail(self, error: ProviderConnectionError) -> None:
        """Called by the worker's reader at its end."""
        self._error = error
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.fail(error)
