"""Virtual time: an event loop whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import math
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

from .. import clock
from ..errors import AntiphonError
from .waiting import describe_tasks

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

if sys.platform == "win32":
    _Loop = asyncio.ProactorEventLoop  # the selector loop has no subprocesses there
else:
    _Loop = asyncio.SelectorEventLoop


class Deadlock(AntiphonError, RuntimeError):
    """Something waits, and nothing is left that could wake it; the message lists the tasks."""


class OutOfTime(AntiphonError, TimeoutError):
    """The clock reached its limit; the message lists the waiting tasks."""


class HoldMissing(AntiphonError, RuntimeError):
    """A socket, pipe or process was opened in virtual time without holding the clock."""


class Hold:
    """One reason for the clock to stand still: `async with` on the loop, `with` on any thread."""

    __slots__ = ("_loop", "_reason", "_token")

    def __init__(self, loop: VirtualTimeLoop, reason: str) -> None:
        self._loop = loop
        self._reason = reason
        self._token = 0

    def __enter__(self) -> None:
        self._token = self._loop._begin_hold(self._reason)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop._end_hold_from_thread(self._token)

    async def __aenter__(self) -> None:
        self._token = self._loop._begin_hold(self._reason)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop._end_hold(self._token)


class _Timer(asyncio.TimerHandle):
    """A timer that orders equal instants by when they were scheduled; asyncio's does not."""

    __slots__ = ("_sequence",)
    _sequence: int
    _scheduled: bool
    _when: float

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, _Timer):
            return NotImplemented
        mine, theirs = self._when, other._when
        return mine < theirs or (mine == theirs and self._sequence < other._sequence)


class _Clockwork:
    """Stands in for the loop's selector: instead of waiting for a timer it moves the clock."""

    _POLL_EVERY = 64
    """Turns between looks at real I/O while none is expected: signals come by it."""
    _SLICE = 0.5
    """Seconds of one real wait, so that Ctrl-C is seen where a wait cannot be interrupted."""

    def __init__(self, loop: VirtualTimeLoop, selector: Any) -> None:
        self._loop = loop
        self._selector = selector
        self._turns = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None) -> Sequence[Any]:
        loop = self._loop
        self._turns += 1
        if timeout is not None and timeout <= 0:
            if loop._holds or not self._turns % self._POLL_EVERY:
                return self._poll(0)
            return ()
        if loop._holds:
            return self._wait_held()
        if self._expects_io() or timeout is None or not self._turns % self._POLL_EVERY:
            events = self._poll(0)
            if events or loop._something_ready():
                return events
        loop._jump()
        return ()

    def _poll(self, timeout: float) -> Sequence[Any]:
        events: Sequence[Any] = self._selector.select(timeout)
        return events or ()

    def _expects_io(self) -> bool:
        if sys.platform == "win32":
            return True
        return len(self._selector.get_map()) > 1  # the loop's own wake-up pipe is one

    def _wait_held(self) -> Sequence[Any]:
        loop = self._loop
        deadline = clock.real_time() + loop.hold_limit
        while True:
            left = deadline - clock.real_time()
            events = self._poll(max(0.0, min(left, self._SLICE)))
            if events or loop._something_ready() or not loop._holds:
                return events
            if left <= 0:
                loop._overheld()


class VirtualTimeLoop(_Loop):
    """An event loop on which an hour passes as fast as its work is done.

    `time()` starts at 0 and jumps to the next timer whenever nothing is ready. Times are rounded
    to 1 ns; equal instants fire in the order in which they were scheduled, so a run repeats itself
    exactly. Inside `hold` the clock stands still (timeouts do not expire) and the loop waits for
    real I/O; jobs of `run_in_executor` hold by themselves. Opening a socket, pipe or process
    outside a hold raises `HoldMissing`. When something waits and no timer, hold or ready callback
    is left, the run ends with `Deadlock`.

    Whoever runs a thread of their own holds the clock while waiting for it: `with loop.hold("…")`
    may be used on any thread, but is only sure to stop the clock when it is begun on the loop, or
    under another hold.
    """

    if TYPE_CHECKING:  # of asyncio's own implementation; the same from Python 3.11 to 3.14
        _selector: Any
        _scheduled: list[_Timer]
        _ready: deque[asyncio.Handle]
        _stopping: bool
        _clock_resolution: float
        _default_executor: Executor | None

        def _check_closed(self) -> None: ...
        def _check_default_executor(self) -> None: ...

    def __init__(
        self, *, limit: float | None = None, seed: int = 0, hold_limit: float = 60.0
    ) -> None:
        """`limit`: virtual seconds after which `OutOfTime` ends the run. `hold_limit`: real seconds
        that a hold may wait without any I/O before `Deadlock` ends the run."""
        self._now = 0.0
        self._sequence = itertools.count()
        self._holds: dict[int, str] = {}
        self._tokens = itertools.count(1)
        self._pool: ThreadPoolExecutor | None = None
        self.limit = math.inf if limit is None else limit
        self.hold_limit = hold_limit
        self.seed = seed
        """What sessions on this loop seed their ids and jitter with, unless given a seed."""
        super().__init__()
        self._selector = _Clockwork(self, self._selector)
        # Half of what times are rounded to: a timer fires at its own instant, not before it.
        self._clock_resolution = 5e-10

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_closed()
        timer = _Timer(round(when, 9), callback, args, self, context)
        timer._sequence = next(self._sequence)
        timer._scheduled = True
        heapq.heappush(self._scheduled, timer)
        return timer

    def hold(self, reason: str) -> Hold:
        """Stops the clock: `async with` on the loop, `with` on a thread. Holds may overlap."""
        return Hold(self, reason)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """As any loop does; the clock is held until the job has ended, even if it is cancelled."""
        self._check_closed()
        if executor is None:
            self._check_default_executor()
            executor = self._default_executor
            if executor is None:
                executor = ThreadPoolExecutor(thread_name_prefix="asyncio")
                self.set_default_executor(executor)
        token = self._begin_hold(f"executor job {getattr(func, '__qualname__', func)!s}")
        try:
            job: Future[T] = executor.submit(func, *args)
        except BaseException:
            self._end_hold(token)
            raise
        # The order matters: first the result is delivered, then the hold ends.
        future = asyncio.wrap_future(job, loop=self)
        job.add_done_callback(lambda _: self._end_hold_from_thread(token))
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        async with self.hold("the threads of the executor end"):
            await super().shutdown_default_executor(*args, **kwargs)

    def _begin_hold(self, reason: str) -> int:
        token = next(self._tokens)
        self._holds[token] = reason
        return token

    def _end_hold(self, token: int) -> None:
        self._holds.pop(token, None)

    def _end_hold_from_thread(self, token: int) -> None:
        try:
            self.call_soon_threadsafe(self._end_hold, token)
        except RuntimeError:
            self._end_hold(token)  # the loop is closed: nobody waits any more

    def _something_ready(self) -> bool:
        return bool(self._ready or self._stopping)

    def _jump(self) -> None:
        scheduled: list[_Timer] = self._scheduled
        when = scheduled[0]._when if scheduled else math.inf
        if when == math.inf:
            raise Deadlock(
                f"deadlock at {self._now:.3f} s: nothing is ready, no timer is set and nothing "
                f"holds the clock, but {self._waiting()}\n"
                'what waits for a process, a socket or a thread does so inside hold("reason")'
            )
        if when > self.limit:
            limit, self.limit = self.limit, math.inf  # what is cleaned up afterwards may take time
            self._now = limit
            raise OutOfTime(
                f"out of time: the limit of {limit:g} s of virtual time is reached, but "
                f"{self._waiting()}\n"
                "end what repeats for ever, or raise the limit"
            )
        self._now = when

    def _overheld(self) -> None:
        reasons = ", ".join(repr(reason) for reason in self._holds.values())
        self._holds.clear()
        raise Deadlock(
            f"the clock was held for {self.hold_limit:g} s of real time, by {reasons}, and nothing "
            f"came, but {self._waiting()}"
        )

    def _waiting(self) -> str:
        tasks = asyncio.all_tasks(self)
        count = f"{len(tasks)} task waits" if len(tasks) == 1 else f"{len(tasks)} tasks wait"
        return "\n  ".join([f"{count}:", *describe_tasks(tasks)])


def _guard(name: str, opens: str) -> None:
    """Lets the loop's method `name` work inside a hold only."""
    original = getattr(_Loop, name, None)
    if original is None:
        return

    @functools.wraps(original)
    async def guarded(self: VirtualTimeLoop, *args: Any, **kwargs: Any) -> Any:
        if not self._holds:
            raise HoldMissing(
                f"{name!r} opens {opens} in virtual time, where real I/O never comes; do it inside "
                '`async with hold("reason")` (from antiphon.holding import hold), or use the '
                "real_time marker"
            )
        return await original(self, *args, **kwargs)

    setattr(VirtualTimeLoop, name, guarded)


for _name, _opens in {
    "create_connection": "a socket",
    "create_datagram_endpoint": "a socket",
    "create_server": "a socket",
    "create_unix_connection": "a socket",
    "create_unix_server": "a socket",
    "connect_accepted_socket": "a socket",
    "sock_accept": "a socket",
    "sock_connect": "a socket",
    "connect_read_pipe": "a pipe",
    "connect_write_pipe": "a pipe",
    "subprocess_exec": "a process",
    "subprocess_shell": "a process",
}.items():
    _guard(_name, _opens)


def virtual_clock() -> VirtualTimeLoop | None:
    """The running loop if it keeps virtual time, else None."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if isinstance(loop, VirtualTimeLoop) else None


def run(
    main: Callable[[], Coroutine[Any, Any, T]] | Coroutine[Any, Any, T],
    *,
    until: float | None = None,
    seed: int = 0,
) -> T:
    """Runs a coroutine, or what a coroutine function gives, on a fresh `VirtualTimeLoop`.

    Raises `OutOfTime` when it is not done at `until` virtual seconds. `seed` makes ids repeat
    themselves, those of `antiphon.clock.new_id` included.
    """
    coroutine = main if isinstance(main, Coroutine) else main()
    ids, clock._process_ids = clock._process_ids, clock.Ids(seed, "_0")
    try:
        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(limit=until, seed=seed)) as runner:
            return runner.run(coroutine)
    finally:
        clock._process_ids = ids
