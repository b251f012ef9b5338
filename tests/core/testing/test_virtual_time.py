import asyncio
import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from antiphon import clock
from antiphon.holding import hold
from antiphon.testing import (
    Deadlock,
    HoldMissing,
    OutOfTime,
    VirtualTimeLoop,
    run,
    virtual_clock,
)


def test_an_hour_of_timers_passes_in_a_moment_and_to_the_nanosecond():
    async def main():
        loop = asyncio.get_running_loop()
        times = []

        async def beat():
            while True:
                await asyncio.sleep(0.1)
                times.append(loop.time())

        beating = asyncio.create_task(beat())
        await asyncio.sleep(3600)
        beating.cancel()
        return times, loop.time()

    started = clock.real_time()
    times, end = run(main)
    assert clock.real_time() - started < 5  # 0.3 s alone on one core
    assert end == 3600.0
    assert times[0] == 0.1
    assert len(times) in (35999, 36000)
    assert times[35998] == pytest.approx(3599.9, abs=1e-6)


def test_equal_instants_fire_in_the_order_they_were_scheduled():
    async def main():
        loop = asyncio.get_running_loop()
        fired = []
        # 0.1 + 0.2 is not 0.3 in floating point, but it is to the nanosecond.
        for number in range(200):
            loop.call_at(0.1 + 0.2 if number % 2 else 0.3, fired.append, number)
        loop.call_at(0.2, fired.append, "first")
        await asyncio.sleep(0.3)
        return fired

    assert run(main) == ["first", *range(200)]


def test_instants_one_nanosecond_apart_stay_apart():
    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        loop.call_at(1.000000002, lambda: seen.append(loop.time()))
        loop.call_at(1.000000001, lambda: seen.append(loop.time()))
        await asyncio.sleep(2)
        return seen

    assert run(main) == [1.000000001, 1.000000002]


def test_cancelled_timers_do_not_move_the_clock():
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(500):
            loop.call_later(7, lambda: None).cancel()
        await asyncio.sleep(1)
        return loop.time()

    assert run(main) == 1.0


def test_timeouts_work_in_virtual_time():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(31)
        return asyncio.get_running_loop().time()

    assert run(main) == 30.0


def test_deadlock_lists_who_waits_and_where():
    async def never(what):
        await what

    async def main():
        asyncio.current_task().set_name("main")
        task = asyncio.create_task(never(asyncio.Event().wait()), name="Task-10")
        asyncio.create_task(never(asyncio.Event().wait()), name="Task-2").add_done_callback(id)
        await asyncio.sleep(1.5)
        await task

    with pytest.raises(Deadlock) as caught:
        run(main)
    lines = {n: line for n, line in enumerate(Path(__file__).read_text().splitlines(), 1)}
    awaits_what = next(n for n, line in lines.items() if line.strip() == "await what")
    awaits_task = next(n for n, line in lines.items() if line.strip() == "await task")
    message = str(caught.value).splitlines()
    name = "test_deadlock_lists_who_waits_and_where.<locals>"
    wait = next(line for line in message if "Task-2" in line).partition(" > ")[2]
    assert wait.startswith("locks.py:") and wait.endswith(" in Event.wait")
    assert message == [
        "deadlock at 1.500 s: nothing is ready, no timer is set and nothing holds the clock, but "
        "3 tasks wait:",
        f"  'Task-2': test_virtual_time.py:{awaits_what} in {name}.never > {wait}",
        f"  'Task-10': test_virtual_time.py:{awaits_what} in {name}.never > {wait}",
        f"  'main': test_virtual_time.py:{awaits_task} in {name}.main",
        'what waits for a process, a socket or a thread does so inside hold("reason")',
    ]


def test_sleeping_for_ever_is_a_deadlock_and_cleaning_up_may_take_time():
    ended = []

    async def main():
        try:
            await asyncio.sleep(float("inf"))
        finally:
            await asyncio.sleep(5)
            ended.append(asyncio.get_running_loop().time())

    with pytest.raises(Deadlock, match=r"^deadlock at 0\.000 s: .* but 1 task waits:"):
        run(main)
    assert ended == [5.0]


def test_a_limit_ends_what_repeats_for_ever():
    async def main():
        asyncio.current_task().set_name("main")
        for _ in itertools.count():
            await asyncio.sleep(0.5)

    with pytest.raises(OutOfTime) as caught:
        run(main, until=60)
    first, place, last = str(caught.value).splitlines()
    assert first == ("out of time: the limit of 60 s of virtual time is reached, but 1 task waits:")
    assert place.startswith("  'main': test_virtual_time.py:") and "main > tasks.py:" in place
    assert last == "end what repeats for ever, or raise the limit"
    assert isinstance(caught.value, TimeoutError)


def test_executor_jobs_hold_the_clock():
    gate = threading.Event()

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, lambda: None)

        def job():
            gate.wait(0.05)  # real time passes; virtual time must not
            return loop.time()

        seen = await asyncio.to_thread(job)
        return seen, loop.time()

    assert run(main) == (0.0, 0.0)


def test_a_cancelled_executor_job_holds_until_its_thread_has_ended():
    started, gate, ended = threading.Event(), threading.Event(), []

    async def main():
        loop = asyncio.get_running_loop()

        def job():
            started.set()
            gate.wait(5)
            ended.append(loop.time())

        task = asyncio.create_task(asyncio.to_thread(job))
        await asyncio.sleep(0)
        started.wait(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        loop.call_soon(gate.set)
        await asyncio.sleep(10)
        return loop.time()

    assert run(main) == 10.0
    assert ended == [0.0]


def test_hold_waits_for_a_real_process_while_time_stands_still():
    async def main():
        loop = asyncio.get_running_loop()
        before_ten = []
        loop.call_later(0.001, lambda: before_ten.append(loop.time()))
        async with hold("a child answers"):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "print('hello', flush=True); input(); print('bye')",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            hello = await process.stdout.readline()
            assert loop.time() == 0.0 and before_ten == []
            bye, _ = await process.communicate(b"\n")
        now = loop.time()
        await asyncio.sleep(1)
        return hello.split(), bye.split(), process.returncode, now, before_ten

    assert run(main) == ([b"hello"], [b"bye"], 0, 0.0, [0.001])


@pytest.mark.parametrize(
    ("call", "name", "opens"),
    [
        (
            lambda loop: asyncio.create_subprocess_exec(sys.executable, "-V"),
            "subprocess_exec",
            "a process",
        ),
        (lambda loop: asyncio.create_subprocess_shell("true"), "subprocess_shell", "a process"),
        (lambda loop: asyncio.open_connection("127.0.0.1", 9), "create_connection", "a socket"),
        (
            lambda loop: loop.create_server(asyncio.Protocol, "127.0.0.1", 0),
            "create_server",
            "a socket",
        ),
        (
            lambda loop: loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            ),
            "create_datagram_endpoint",
            "a socket",
        ),
        (
            lambda loop: loop.sock_connect(None, ("127.0.0.1", 9)),
            "sock_connect",
            "a socket",
        ),
    ],
)
def test_opening_io_outside_a_hold_is_refused(call, name, opens):
    async def main():
        await call(asyncio.get_running_loop())

    with pytest.raises(HoldMissing) as caught:
        run(main)
    assert str(caught.value) == (
        f"{name!r} opens {opens} in virtual time, where real I/O never comes; do it inside "
        '`async with hold("reason")` (from antiphon.holding import hold), or use the real_time '
        "marker"
    )


def test_a_socket_served_and_called_inside_holds():
    async def main():
        async def answer(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()

        async with hold("a server and its client"):
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"echo\n")
            heard = await reader.read()
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
        return heard

    assert run(main) == b"ECHO\n"


def test_a_thread_may_hold_the_clock():
    async def main():
        loop = asyncio.get_running_loop()
        begun, gate = threading.Event(), threading.Event()
        seen = []

        def work():
            with loop.hold("a thread of our own"):
                begun.set()
                gate.wait(5)
                seen.append(loop.time())

        thread = threading.Thread(target=work)
        async with hold("the thread begins"):
            thread.start()
            begun.wait(5)
        loop.call_soon(gate.set)
        await asyncio.sleep(3)
        thread.join()
        return seen, loop.time()

    assert run(main) == ([0.0], 3.0)


def test_a_hold_that_nothing_ends_is_reported_with_its_reason():
    async def main():
        asyncio.current_task().set_name("main")
        async with hold("the worker answers"):
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(hold_limit=0.0)) as runner:
        with pytest.raises(Deadlock) as caught:
            runner.run(main())
    first, place = str(caught.value).splitlines()
    assert first == (
        "the clock was held for 0 s of real time, by 'the worker answers', and nothing came, but "
        "1 task waits:"
    )
    assert place.startswith("  'main': test_virtual_time.py:")


def test_hold_does_nothing_on_an_ordinary_loop():
    async def main():
        async with hold("nothing"):
            pass
        return virtual_clock()

    assert asyncio.run(main()) is None


def test_virtual_clock_is_the_running_loop():
    async def main():
        return virtual_clock() is asyncio.get_running_loop()

    assert run(main())
    assert virtual_clock() is None


_INTERRUPTED = """
import asyncio
from antiphon.holding import hold
from antiphon.testing import run

async def main():
    print("ready", flush=True)
    {body}

try:
    run(main)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one child")
@pytest.mark.parametrize(
    "body",
    [
        "async with hold('for ever'): await asyncio.Event().wait()",
        "while True: await asyncio.sleep(0.01)",
        "while True: await asyncio.sleep(0)",
    ],
    ids=["in a hold", "in a long run", "in a busy loop"],
)
def test_ctrl_c_works(body):
    with subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED.format(body=body)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=15)[0] == "interrupted\n"
        assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows loops have no signal handlers")
def test_signal_handlers_of_the_loop_are_called_in_long_runs():
    async def main():
        loop = asyncio.get_running_loop()
        called = []
        loop.add_signal_handler(signal.SIGUSR1, lambda: called.append(loop.time()))
        loop.call_later(1, signal.raise_signal, signal.SIGUSR1)
        for _ in range(1000):
            await asyncio.sleep(0.1)
        loop.remove_signal_handler(signal.SIGUSR1)
        return len(called) == 1 and 1 <= called[0] < 50

    assert run(main)


def test_ids_made_outside_any_session_repeat_themselves_under_a_seed():
    async def main():
        return clock.new_id("item"), clock.new_id("item")

    assert run(main, seed=7) == run(main, seed=7)
    assert run(main, seed=7) != run(main, seed=8)
