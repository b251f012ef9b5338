"""Shared resources: one per key and loop, counted, closed when idle."""

from __future__ import annotations

import asyncio
import logging

import pytest

from antiphon.errors import ProviderConnectionError
from antiphon.registry import resources as resources_module
from antiphon.registry.resources import IDLE_SECONDS, ProviderEnv, Resources
from antiphon.testing import Deadlock, run


class Worker:
    """A resource that writes down what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: BaseException | None = None
        self.opened = 0

    async def open(self) -> str:
        self.opened += 1
        name = f"worker {self.opened}"
        self.events.append(f"opening {name}")
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return name

    async def close(self, name: str) -> None:
        self.events.append(f"closed {name}")


async def settle() -> None:
    """Lets everything run that is due now."""
    for _ in range(10):
        await asyncio.sleep(0)


async def pass_time(seconds: float) -> None:
    """Virtual seconds, and everything that is due at their end."""
    await asyncio.sleep(seconds)
    await settle()


def test_users_of_one_key_share_what_is_opened_once() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        worker.gate.clear()
        waiting = [
            asyncio.create_task(pool.acquire("w", worker.open, worker.close)) for _ in range(3)
        ]
        await settle()
        assert worker.events == ["opening worker 1"]
        worker.gate.set()
        leases = [await task for task in waiting]
        assert [lease.value for lease in leases] == ["worker 1"] * 3
        other = await pool.acquire("v", worker.open, worker.close)
        assert other.value == "worker 2"
        assert pool.count() == 2
        await pool.close_all()
        assert worker.events[2:] == ["closed worker 2", "closed worker 1"]
        assert pool.count() == 0

    run(body)


def test_it_is_closed_a_while_after_its_last_use() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        first = await pool.acquire("w", worker.open, worker.close)
        second = await pool.acquire("w", worker.open, worker.close)
        await first.aclose()
        await first.aclose()
        await pass_time(IDLE_SECONDS * 2)
        assert worker.events == ["opening worker 1"], "one share is still out"
        await second.aclose()
        await pass_time(IDLE_SECONDS - 1)
        async with await pool.acquire("w", worker.open, worker.close) as value:
            assert value == "worker 1"
            await pass_time(IDLE_SECONDS * 2)
        await pass_time(IDLE_SECONDS - 1)
        assert worker.events == ["opening worker 1"], "the time counts from the last use"
        await pass_time(1)
        assert worker.events == ["opening worker 1", "closed worker 1"]
        assert pool.count() == 0
        again = await pool.acquire("w", worker.open, worker.close)
        assert again.value == "worker 2"
        await pool.close_all()

    run(body)


def test_an_idle_resource_keeps_the_clock_busy_no_longer_than_until_it_is_closed() -> None:
    closed_at = []

    async def body() -> None:
        pool, worker = Resources(), Worker()

        async def close(name: str) -> None:
            closed_at.append((name, asyncio.get_running_loop().time() - started))

        started = asyncio.get_running_loop().time()
        used = await pool.acquire("used", worker.open, close)
        await (await pool.acquire("idle", worker.open, close)).aclose()
        await asyncio.Event().wait()
        await used.aclose()

    # Had any timer been left, or been set again, the loop would have gone on.
    with pytest.raises(Deadlock):
        run(body)
    # The one in use is closed with the loop, which takes no time.
    assert closed_at == [("worker 2", IDLE_SECONDS), ("worker 1", IDLE_SECONDS)]


def test_a_failure_to_open_reaches_all_who_wait_and_is_not_kept() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        worker.gate.clear()
        worker.error = ValueError("no port")
        waiting = [
            asyncio.create_task(pool.acquire("w", worker.open, worker.close)) for _ in range(3)
        ]
        await settle()
        worker.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert results == [worker.error] * 3
        assert pool.count() == 0
        worker.error = None
        lease = await pool.acquire("w", worker.open, worker.close)
        assert lease.value == "worker 2"
        await pool.close_all()

    run(body)


def test_cancelling_who_asked_first_leaves_the_others_waiting() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        worker.gate.clear()
        first = asyncio.create_task(pool.acquire("w", worker.open, worker.close))
        second = asyncio.create_task(pool.acquire("w", worker.open, worker.close))
        await settle()
        first.cancel()
        await settle()
        worker.gate.set()
        assert (await second).value == "worker 1"
        assert first.cancelled()
        await (await second).aclose()
        await pass_time(IDLE_SECONDS)
        assert worker.events == ["opening worker 1", "closed worker 1"]

    run(body)


def test_what_nobody_waits_for_any_more_is_given_up() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        worker.gate.clear()
        only = asyncio.create_task(pool.acquire("w", worker.open, worker.close))
        await settle()
        only.cancel()
        await settle()
        assert pool.count() == 0
        worker.gate.set()
        lease = await pool.acquire("w", worker.open, worker.close)
        assert lease.value == "worker 2"
        await pool.close_all()

    run(body)


def test_an_open_that_succeeds_after_all_is_closed_when_nobody_wants_it() -> None:
    async def body() -> None:
        pool, closed = Resources(), []

        async def stubborn() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
            return "late"

        async def close(value: str) -> None:
            closed.append(value)

        only = asyncio.create_task(pool.acquire("w", stubborn, close))
        await settle()
        only.cancel()
        await settle()
        assert closed == ["late"]
        assert pool.count() == 0

    run(body)


def test_a_discarded_resource_is_replaced_and_closed_with_its_last_share() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        one = await pool.acquire("w", worker.open, worker.close)
        two = await pool.acquire("w", worker.open, worker.close)
        one.discard()
        fresh = await pool.acquire("w", worker.open, worker.close)
        assert fresh.value == "worker 2"
        two.discard()
        assert (await pool.acquire("w", worker.open, worker.close)).value == "worker 2"
        await one.aclose()
        assert worker.events == ["opening worker 1", "opening worker 2"]
        await two.aclose()
        assert worker.events[2:] == ["closed worker 1"]
        await pool.close_all()
        assert worker.events[3:] == ["closed worker 2"]

    run(body)


def test_closing_all_wakes_those_who_wait_and_makes_leases_harmless() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        lease = await pool.acquire("w", worker.open, worker.close)
        worker.gate.clear()
        waiting = asyncio.create_task(pool.acquire("v", worker.open, worker.close))
        await settle()
        await pool.close_all()
        assert worker.events[2:] == ["closed worker 1"]
        with pytest.raises(ProviderConnectionError) as caught:
            await waiting
        assert str(caught.value) == (
            "resource 'v' was given up while it was being opened; open it again"
        )
        await lease.aclose()
        await pool.close_all()
        await pass_time(IDLE_SECONDS)
        assert worker.events[2:] == ["closed worker 1"]

    run(body)


def test_a_close_that_fails_or_hangs_is_logged_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()

        async def fails(name: str) -> None:
            raise ValueError("already gone")

        async def hangs(name: str) -> None:
            await asyncio.Event().wait()

        await pool.acquire("a", worker.open, worker.close)
        await pool.acquire("b", worker.open, fails)
        await pool.acquire("c", worker.open, hangs)
        closing = asyncio.create_task(pool.close_all())
        await settle()
        await pass_time(resources_module.CLOSE_SECONDS)
        await closing
        assert worker.events[-1] == "closed worker 1"

    with caplog.at_level(logging.WARNING):
        run(body)
    assert caplog.messages == [
        "closing resource 'c' took longer than 5 s; it was abandoned",
        "closing resource 'b' failed: ValueError: already gone",
    ]


def test_each_loop_has_its_own_closed_with_it() -> None:
    pool = Resources()
    values = []
    workers = []

    async def body() -> None:
        worker = Worker()
        workers.append(worker)
        lease = await pool.acquire("w", worker.open, worker.close)
        values.append((lease.value, worker.opened, pool.count()))
        # Left open on purpose.

    asyncio.run(body())
    assert workers[0].events == ["opening worker 1", "closed worker 1"]
    asyncio.run(body())
    assert values == [("worker 1", 1, 1), ("worker 1", 1, 1)]
    assert workers[1].events == ["opening worker 1", "closed worker 1"]


def test_what_is_in_use_when_the_main_coroutine_fails_is_closed_too() -> None:
    pool, worker = Resources(), Worker()

    async def body() -> None:
        await pool.acquire("w", worker.open, worker.close)
        raise ValueError("a test that fails")

    with pytest.raises(ValueError, match="a test that fails"):
        asyncio.run(body())
    assert worker.events == ["opening worker 1", "closed worker 1"]


def test_a_loop_that_is_closed_by_itself_does_not_hold_up_the_next_one() -> None:
    pool, worker = Resources(), Worker()

    async def body() -> str:
        return str((await pool.acquire("w", worker.open, worker.close)).value)

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(body()) == "worker 1"
    loop.close()  # without loop.shutdown_asyncgens(), which asyncio.run does
    assert asyncio.run(body()) == "worker 2"
    assert worker.events == ["opening worker 1", "opening worker 2", "closed worker 2"]


def test_closing_all_leaves_nothing_for_the_end_of_the_loop() -> None:
    pool, worker = Resources(), Worker()

    async def body() -> None:
        await pool.acquire("w", worker.open, worker.close)
        await pool.close_all()
        assert worker.events == ["opening worker 1", "closed worker 1"]
        await pool.acquire("w", worker.open, worker.close)

    asyncio.run(body())
    assert worker.events[2:] == ["opening worker 2", "closed worker 2"]


def test_providers_and_tenants_never_share() -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        envs = [
            ProviderEnv(provider="acme", resources=pool, credentials={"ACME_KEY": "sk-1"}),
            ProviderEnv(provider="acme", resources=pool, credentials={"ACME_KEY": "sk-2"}),
            ProviderEnv(provider="other", resources=pool, credentials={"ACME_KEY": "sk-1"}),
            ProviderEnv(provider="acme", resources=pool, credentials={"ACME_KEY": "sk-1"}),
        ]
        leases = [await env.resource("socket", worker.open, worker.close) for env in envs]
        assert [lease.value for lease in leases] == [
            "worker 1",
            "worker 2",
            "worker 3",
            "worker 1",
        ]
        await pool.close_all()

    run(body)


def test_an_env_prints_no_key(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        pool, worker = Resources(), Worker()
        env = ProviderEnv(provider="acme", resources=pool, credentials={"ACME_KEY": "key-1"})
        assert repr(env) == "ProviderEnv(provider='acme')"
        assert env.log.name == "antiphon.acme"

        async def fails(name: str) -> None:
            raise ValueError("gone")

        worker.gate.clear()
        waiting = asyncio.create_task(env.resource("socket", worker.open, fails))
        await settle()
        assert "key-1" not in " ".join(task.get_name() for task in asyncio.all_tasks())
        worker.gate.set()
        await waiting
        await pool.close_all()

    with caplog.at_level(logging.WARNING):
        run(body)
    assert caplog.messages == ["closing resource 'socket' of 'acme' failed: ValueError: gone"]
