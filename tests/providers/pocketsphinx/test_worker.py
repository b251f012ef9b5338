"""The worker: shared, killed, quick, and silent about streams that were given up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import aclosing
from typing import Any

import pytest

from antiphon.errors import ProviderConnectionError, ProviderError
from antiphon.streams import FLUSH, Channel
from antiphon.stt import Final, Partial
from antiphon.subprocesses import Multiplexer, Subprocess

pytest.importorskip("pocketsphinx", reason='needs pip install "antiphon[pocketsphinx]"')
pytestmark = pytest.mark.real_time
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals")


async def pid_of(stt: Any) -> int:
    lease = await stt._worker()
    pid: int = lease.value.worker.pid
    await lease.aclose()
    return pid


async def next_of(events: Any, kind: type[Any]) -> Any:
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def test_the_result_is_ready_when_the_endpoint_comes(recording: Any, silence: Any) -> None:
    loop = asyncio.get_running_loop()
    worker = Multiplexer(
        await Subprocess.open("antiphon_providers.pocketsphinx.worker", name="pocketsphinx")
    )
    try:
        answers = worker.request(1)
        await worker.worker.send({"op": "open", "id": 1, "vocabulary": None})
        # 0.4 s of silence, the least that an endpoint waits for.
        await worker.worker.send({"op": "audio", "id": 1}, recording("age-rms") + silence(0.4))
        for _ in range(2):
            await answers.__anext__()
        flushed_at = loop.time()
        await worker.worker.send({"op": "flush", "id": 1})
        header, _ = await answers.__anext__()
        took = loop.time() - flushed_at
    finally:
        await worker.aclose()
    words = [word for word, *_ in header["finals"][0]["words"]]
    assert words == "i am thirty four years old".split()
    # 1 ms on an idle machine; decoding to the end takes 110 ms at least.
    assert took < 0.04


async def test_two_streams_do_not_mix(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        pause = silence(0.5)
        alone = [
            await hear(stt, recording(f"{name}-{voice}"), pause, FLUSH)
            for name, voice in (("invoice", "slt"), ("bread", "rms"))
        ]
        pid = await pid_of(stt)
        together = await asyncio.gather(
            hear(stt, recording("invoice-slt"), pause, FLUSH),
            hear(stt, recording("bread-rms"), pause, FLUSH),
        )
        assert await pid_of(stt) == pid
    # Scores and partials may differ in the last digit: a decoder that has heard something begins
    # its search for the nearest Gaussians elsewhere than a new one.
    assert [heard.texts for heard in together] == [heard.texts for heard in alone]
    assert together[0].texts == ["what is the status of invoice 4017"]


@posix_only
async def test_a_worker_that_dies_is_named_and_the_next_call_starts_another(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, stream: Any, vocabulary: Any
) -> None:
    channel: Channel[Any] = Channel()
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        await stt.prewarm()
        pid = await pid_of(stt)
        async with aclosing(stt.transcribe(channel)) as events:
            async for frame in stream([recording("invoice-slt")]):
                channel.offer(frame)
            await next_of(events, Partial)
            os.kill(pid, signal.SIGKILL)
            async for frame in stream([recording("name-slt"), FLUSH]):
                channel.offer(frame)
            with pytest.raises(ProviderConnectionError) as caught:
                await next_of(events, Final)
        assert str(caught.value) == (
            f"the pocketsphinx worker (pid {pid}) ended with exit code -9; "
            "it wrote nothing to stderr"
        )
        assert (caught.value.provider, caught.value.retryable) == ("pocketsphinx", True)
        replayed = await hear(stt, recording("invoice-slt"), silence(0.5), FLUSH)
        assert replayed.texts == ["what is the status of invoice 4017"]
        assert await pid_of(stt) != pid


async def test_a_stream_that_is_given_up_disturbs_nobody(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, stream: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        other = asyncio.create_task(hear(stt, recording("age-rms"), silence(0.5), FLUSH))
        async with aclosing(stt.transcribe(stream([recording("invoice-slt"), FLUSH]))) as events:
            await next_of(events, Partial)
        assert (await other).texts == ["i am 34 years old"]
        heard = await hear(stt, recording("name-rms"), silence(0.5), FLUSH)
        assert heard.texts == ["my name is alice walker"]


async def test_a_stream_that_is_cancelled_disturbs_nobody(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        await stt.prewarm()
        for turns in (1, 5, 25):
            task = asyncio.create_task(hear(stt, recording("invoice-slt"), FLUSH))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        heard = await hear(stt, recording("name-rms"), silence(0.5), FLUSH)
        assert heard.texts == ["my name is alice walker"]


async def test_an_error_in_the_worker_ends_one_stream_only() -> None:
    worker = Multiplexer(
        await Subprocess.open("antiphon_providers.pocketsphinx.worker", name="pocketsphinx")
    )
    try:
        answers = worker.request(1)
        await worker.worker.send({"op": "flush", "id": 1})
        assert (await answers.__anext__())[0] == {"id": 1, "error": "KeyError: 1"}
        await worker.worker.send({"op": "open", "id": 1, "vocabulary": None})
        assert (await answers.__anext__())[0] == {"id": 1, "finals": [], "notes": []}
    finally:
        await worker.aclose()


async def test_an_error_in_the_worker_is_the_providers(
    pocketsphinx: Any, hear: Any, monkeypatch: Any
) -> None:
    async with pocketsphinx() as stt:
        send = Subprocess.send

        async def send_nonsense(self: Any, header: Any, payload: bytes = b"") -> None:
            await send(self, {**header, "op": "flush"}, payload)

        monkeypatch.setattr(Subprocess, "send", send_nonsense)
        with pytest.raises(ProviderError) as caught:
            await hear(stt, FLUSH)
    assert str(caught.value).startswith("pocketsphinx failed: KeyError: ")


@pytest.mark.virtual_time
async def test_in_virtual_time_results_come_with_the_audio(
    pocketsphinx: Any, recording: Any, silence: Any, stream: Any, vocabulary: Any
) -> None:
    loop = asyncio.get_running_loop()

    async def paced() -> Any:
        async for frame in stream([recording("wait-slt"), silence(0.5)]):
            await asyncio.sleep(frame.duration)
            yield frame
        yield FLUSH

    runs = []
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        await stt.prewarm()
        for _ in range(2):
            began = loop.time()
            log = [
                (round(loop.time() - began, 6), event) async for event in stt.transcribe(paced())
            ]
            runs.append(log)
    first, second = ([(at, e) for at, e in run if isinstance(e, Final)] for run in runs)
    assert [(at, event.text) for at, event in first] == [(at, event.text) for at, event in second]
    [(at, final)] = first
    assert final.text == "no wait"
    assert at == pytest.approx((len(recording("wait-slt")) / 32000) + 0.5, abs=1e-6)
