from __future__ import annotations

import asyncio

import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError
from antiphon.transport import Played
from antiphon.transports.playout import Heard, Playout

pytestmark = pytest.mark.virtual_time


def frame(milliseconds: int, value: int = 0) -> AudioFrame:
    return AudioFrame(bytes([value]) * (32 * milliseconds), 16000)


class Told:
    """What `on_played` was called with, and when."""

    def __init__(self) -> None:
        self.log: list[tuple[float, str, int]] = []

    def __call__(self, played: Played) -> None:
        assert played.exact
        now = round(asyncio.get_running_loop().time(), 6)
        self.log.append((now, played.segment, played.samples))


async def test_what_is_pushed_ahead_counts_down_on_the_clock() -> None:
    playout = Playout(16000)
    assert (playout.buffered(), playout.played()) == (0.0, None)
    for _ in range(20):
        playout.push(frame(20), "a")
    assert playout.buffered() == pytest.approx(0.4)
    assert playout.played() == Played("a", 0, exact=True)
    await asyncio.sleep(0.123)
    assert playout.buffered() == pytest.approx(0.277)
    assert playout.played() == Played("a", 1968, exact=True)
    await asyncio.sleep(1)
    assert (playout.buffered(), playout.played()) == (0.0, None)


async def test_clear_gives_the_exact_sample_at_any_instant() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    for milliseconds in (1, 19.9, 20, 333.3, 999):
        playout.push(frame(1000), f"at {milliseconds}")
        await asyncio.sleep(milliseconds / 1000)
        played = playout.clear()
        assert played == Played(f"at {milliseconds}", int(milliseconds * 16), exact=True)
        assert (playout.clear(), playout.played(), playout.buffered()) == (None, None, 0.0)
    await asyncio.sleep(2)
    assert told.log == []  # what is cleared is not told


async def test_each_segment_is_told_at_its_last_sample() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    playout.push(frame(300), "a")
    playout.push(frame(200), "a")
    playout.push(frame(100), "b")
    await asyncio.sleep(0.45)
    playout.push(frame(50), "b")
    playout.push(frame(10), "c")
    assert playout.played() == Played("a", 7200, exact=True)
    await asyncio.sleep(0.1)
    assert playout.played() == Played("b", 800, exact=True)
    await asyncio.sleep(1)
    assert told.log == [(0.5, "a", 8000), (0.65, "b", 2400), (0.66, "c", 160)]


async def test_clear_while_several_segments_wait_speaks_of_the_one_that_plays() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    for segment in "abc":
        playout.push(frame(100), segment)
    await asyncio.sleep(0.15)
    assert playout.clear() == Played("b", 800, exact=True)
    await asyncio.sleep(1)
    assert told.log == [(0.1, "a", 1600)]


async def test_clear_in_the_instant_of_the_last_sample_tells_the_whole_once() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    loop = asyncio.get_running_loop()
    cleared: list[Played | None] = []
    # scheduled before the push, so it runs before the playout's own timer of the same instant
    loop.call_at(loop.time() + 0.1, lambda: cleared.append(playout.clear()))
    playout.push(frame(100), "a")
    await asyncio.sleep(1)
    assert cleared == [Played("a", 1600, exact=True)]
    assert told.log == []


async def test_pause_keeps_the_sample_and_resume_goes_on_from_it() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    playout.push(frame(500), "a")
    await asyncio.sleep(0.2)
    playout.pause()
    playout.pause()
    await asyncio.sleep(5)
    assert playout.buffered() == pytest.approx(0.3)
    assert playout.played() == Played("a", 3200, exact=True)
    playout.push(frame(100), "a")
    assert playout.buffered() == pytest.approx(0.4)
    assert told.log == []
    playout.resume()
    playout.resume()
    await asyncio.sleep(0.1)
    assert playout.played() == Played("a", 4800, exact=True)
    await asyncio.sleep(1)
    assert told.log == [(5.6, "a", 9600)]


async def test_clear_ends_a_pause() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    playout.push(frame(500), "a")
    await asyncio.sleep(0.2)
    playout.pause()
    await asyncio.sleep(1)
    assert playout.clear() == Played("a", 3200, exact=True)
    playout.push(frame(100), "b")
    await asyncio.sleep(1)
    assert told.log == [(1.3, "b", 1600)]


async def test_audio_that_is_pushed_while_paused_waits() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    playout.pause()
    playout.push(frame(100), "a")
    await asyncio.sleep(3)
    assert playout.played() == Played("a", 0, exact=True)
    playout.resume()
    await asyncio.sleep(1)
    assert told.log == [(3.1, "a", 1600)]


async def test_an_underrun_is_counted_and_the_segment_goes_on() -> None:
    told = Told()
    playout = Playout(16000, on_played=told, record=True)
    playout.push(frame(100), "a")
    await asyncio.sleep(0.35)
    playout.push(frame(100), "a")
    await asyncio.sleep(0.05)
    assert playout.played() == Played("a", 2400, exact=True)
    await asyncio.sleep(1)
    playout.push(frame(20), "b")
    await asyncio.sleep(1)
    assert told.log == [(0.1, "a", 1600), (0.45, "a", 3200), (1.42, "b", 320)]
    assert (playout.underruns, round(playout.underrun_seconds, 6)) == (1, 0.25)
    assert [(round(heard.run, 6), heard.offset, len(heard.data)) for heard in playout.take()] == [
        (0.0, 0, 3200),
        (0.35, 0, 3200),
        (1.4, 0, 640),
    ]


async def test_frames_pushed_just_in_time_join_without_a_gap() -> None:
    playout = Playout(16000, record=True)
    loop = asyncio.get_running_loop()
    for index in range(100):
        loop.call_at(index * 0.02, playout.push, frame(20), "a")
    await asyncio.sleep(3)
    assert playout.underruns == 0
    heard = playout.take()
    assert {piece.run for piece in heard} == {0.0}
    assert [piece.offset for piece in heard] == list(range(0, 32000, 320))


async def test_take_gives_exactly_what_was_played_and_when() -> None:
    playout = Playout(16000, record=True)
    playout.push(frame(20, 1), "a")
    playout.push(frame(20, 2), "a")
    await asyncio.sleep(0.03)
    assert playout.take() == [Heard(0.0, 0, b"\1" * 640), Heard(0.0, 320, b"\2" * 320)]
    assert playout.take() == []
    await asyncio.sleep(0.005)
    playout.pause()
    await asyncio.sleep(1)
    assert playout.take() == [Heard(0.0, 480, b"\2" * 160)]
    playout.resume()
    await asyncio.sleep(0.0025)
    playout.clear()
    playout.push(frame(1, 3), "b")
    await asyncio.sleep(1)
    assert playout.take() == [Heard(1.035, 0, b"\2" * 80), Heard(1.0375, 0, b"\3" * 32)]


async def test_when_it_is_audible_and_since_when_not() -> None:
    playout = Playout(16000)

    def sound() -> tuple[float | None, float | None]:
        audible, silent = playout.audible_since, playout.silent_since
        return audible and round(audible, 6), silent and round(silent, 6)

    assert sound() == (None, None)
    await asyncio.sleep(1)
    playout.push(frame(100), "a")
    await asyncio.sleep(0.05)
    assert sound() == (1.0, None)
    await asyncio.sleep(0.15)
    assert sound() == (None, 1.1)
    playout.push(frame(500), "b")  # after a breath of 0.1 s: still the same speech
    assert playout.audible_since == 1.0
    await asyncio.sleep(0.1)
    playout.pause()
    assert sound() == (None, 1.3)
    await asyncio.sleep(0.7)
    playout.resume()
    assert sound() == (2.0, None)
    await asyncio.sleep(0.1)
    playout.clear()
    await asyncio.sleep(5)
    assert sound() == (None, 2.1)


async def test_nothing_is_told_after_close() -> None:
    told = Told()
    playout = Playout(16000, on_played=told, record=True)
    playout.push(frame(100), "a")
    await asyncio.sleep(0.05)
    playout.close()
    await asyncio.sleep(1)
    assert told.log == []
    assert [len(heard.data) for heard in playout.take()] == [1600]


async def test_audio_of_another_shape_is_refused() -> None:
    playout = Playout(16000)
    with pytest.raises(AudioError) as caught:
        playout.push(AudioFrame(bytes(960), 24000), "a")
    assert str(caught.value) == (
        "audio of 24000 Hz with 1 channel was pushed to be played at 16000 Hz mono; "
        "resample it first"
    )
    with pytest.raises(AudioError) as caught:
        playout.push(AudioFrame(bytes(640), 16000, 2), "a")
    assert str(caught.value) == (
        "audio of 16000 Hz with 2 channels was pushed to be played at 16000 Hz mono; "
        "resample it first"
    )


async def test_an_hour_of_frames_stays_exact() -> None:
    told = Told()
    playout = Playout(16000, on_played=told)
    loop = asyncio.get_running_loop()
    pushed = 0.0
    while pushed < 3500:
        playout.push(frame(20_000), "a")
        pushed += 20
        await asyncio.sleep(max(0.0, playout.buffered() - 0.2))
    await asyncio.sleep(1)
    assert told.log == [(pushed, "a", round(pushed * 16000))]
    assert loop.time() == pytest.approx(pushed + 0.8)
