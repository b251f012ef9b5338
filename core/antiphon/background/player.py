"""The player of background sounds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audio import AudioFrame, Resampler, to_mono
from ..clock import Chance
from ..errors import ConfigurationError
from ..transports.wav_file import WavReader
from .config import AudioChoice, AudioConfig, AudioSource, BuiltinAudioClip, chosen, configs
from .handle import PlayHandle
from .mixer import Mixer, Sound

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..session import AgentSession
    from ..transport import Transport

FADE = 0.1
"""Seconds in which a sound that is stopped fades out."""
THINKING_FADE_IN = 0.05
THINKING_FADE_OUT = 0.3
"""Seconds; the sound of thinking ends under the first word."""
AHEAD = 1.0
"""Seconds of a stream of frames that are held ready."""

log = logging.getLogger("antiphon.background")


class BackgroundAudioPlayer:
    """Plays sounds under a session's speech: `ambient_sound` all the time, `thinking_sound` while
    the agent thinks, and whatever `play` is given.

    Each takes a source, an `AudioConfig`, or a list of these of which one is chosen each time, by
    its probability. The transport mixes: nothing of it goes through the agent's speech, so a
    barge-in silences the agent and not the room, and what was heard is not confused. A transport
    that cannot mix plays nothing, with one warning.

    Made for one session. Raises `ConfigurationError` for what is no sound, `AudioError` for a file
    that is no WAV file.
    """

    def __init__(
        self, *, ambient_sound: AudioChoice = None, thinking_sound: AudioChoice = None
    ) -> None:
        self._ambient = configs(ambient_sound, "ambient_sound")
        self._thinking = configs(thinking_sound, "thinking_sound")
        for config in self._ambient:
            _check(config.source, loop=False)
        for config in self._thinking:
            _check(config.source, loop=True)
        self._mixer = Mixer(self._over)
        self._sounds: dict[PlayHandle, Sound | None] = {}
        """The sounds that play; None while one is being loaded."""
        self._tasks: dict[PlayHandle, asyncio.Task[None]] = {}
        self._files: dict[str, npt.NDArray[np.int16]] = {}
        """The WAV files that have been read."""
        self._thinks: PlayHandle | None = None
        self._session: AgentSession[Any] | None = None
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._plays = False
        self._listens: list[tuple[str, Callable[[Any], None]]] = []
        self._draws = 0
        self._closed = False

    async def start(
        self,
        session: AgentSession[Any] | None = None,
        *,
        room: Any = None,
        agent_session: AgentSession[Any] | None = None,
    ) -> None:
        """Begins with the ambience, and listens to the session's states.

        The session must have been started. `room` is accepted and not needed: sounds go where the
        session's speech goes. `agent_session` is the same as `session`. Raises `RuntimeError` for a
        player that was started, and for a session that was not.
        """
        session = session if session is not None else agent_session
        if session is None:
            raise ConfigurationError(
                "the player needs the session: await player.start(session=session)"
            )
        if self._session is not None or self._closed:
            raise RuntimeError("a player is started once; make a new BackgroundAudioPlayer")
        conversation = session._live
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._listen("close", self._on_close)
        transport = conversation.transport
        if transport is None or not transport.capabilities.background:
            log.warning(
                "%s mixes no background sounds, so none will be heard; use a transport that does "
                "(`TransportCapabilities(background=True)`), such as WavTransport or "
                "MicrophoneTransport",
                "a session without a transport" if transport is None else type(transport).__name__,
            )
        else:
            self._transport = transport
            self._listen("agent_state_changed", self._on_state)
            for config in (*self._ambient, *self._thinking):
                if not isinstance(config.source, AsyncIterable):
                    await self._load(config.source)
        if self._transport is None or self._closed:
            return
        ambient = self._draw(self._ambient)
        if ambient is not None:
            self._play(ambient, loop=not isinstance(ambient.source, AsyncIterable))
        if session.agent_state == "thinking":
            self._think()

    def _listen(self, event: str, listener: Callable[[Any], None]) -> None:
        assert self._session is not None
        self._session.on(event, listener)
        self._listens.append((event, listener))

    def play(self, audio: AudioSource | AudioConfig, *, loop: bool = False) -> PlayHandle:
        """Plays a sound, once or again and again, beside those that play. Returns at once.

        Raises `RuntimeError` before `start` and after `aclose`, `ConfigurationError` for what is no
        sound and for a stream that is to be repeated, `AudioError` for a file that is no WAV file.
        """
        if self._loop is None or self._closed:
            raise RuntimeError(
                "the player is not running; await player.start(session=…) first, and play before "
                "aclose()"
            )
        (config,) = configs(audio, "play(…)")
        return self._play(config, loop=loop)

    async def aclose(self) -> None:
        """Stops everything at once. Harmless when repeated."""
        self._stop_all()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _play(self, config: AudioConfig, *, loop: bool, fade_in: float = 0.0) -> PlayHandle:
        _check(config.source, loop=loop)
        handle = PlayHandle(self._stop)
        transport, running = self._transport, self._loop
        if transport is None or running is None:
            handle._finish()
            return handle
        sound = Sound(
            sample_rate=transport.capabilities.sample_rate,
            volume=config.volume,
            start=running.time(),
            fade_in=fade_in,
            loop=loop,
        )
        self._sounds[handle] = None
        ready = self._ready(config.source)
        if ready is not None:
            sound.add(ready)
            sound.end()
            self._begin(handle, sound)
        else:
            self._tasks[handle] = running.create_task(
                self._run(handle, sound, config.source), name="background sound"
            )
        return handle

    def _begin(self, handle: PlayHandle, sound: Sound) -> None:
        if handle.done():
            return
        self._sounds[handle] = sound
        self._mixer.add(sound)
        if not self._plays and self._transport is not None:
            self._plays = True
            self._transport.background(self._mixer)

    async def _run(self, handle: PlayHandle, sound: Sound, source: AudioSource) -> None:
        """Loads a sound that is not at hand, or reads a stream of it."""
        error: BaseException | None = None
        try:
            if isinstance(source, AsyncIterable):
                self._begin(handle, sound)
                await self._read(sound, source)
            else:
                sound.add(await self._load(source))
                sound.end()
                self._begin(handle, sound)
        except Exception as failure:
            log.exception("a background sound failed: %r", source)
            error = failure
            self._mixer.end(sound)
            if self._sounds.get(handle) is None or not sound.ahead:
                self._forget(handle, error)
            else:
                handle._error = error
        finally:
            self._tasks.pop(handle, None)

    async def _read(self, sound: Sound, frames: AsyncIterable[AudioFrame]) -> None:
        import numpy as np

        assert self._transport is not None
        rate = self._transport.capabilities.sample_rate
        resampler: Resampler | None = None
        try:
            async for frame in frames:
                mono = to_mono(frame)
                if resampler is None or resampler.from_rate != mono.sample_rate:
                    resampler = Resampler(mono.sample_rate, rate)
                data = np.frombuffer(resampler.push(mono.data), "<i2")
                while (ahead := self._mixer.feed(sound, data)) > AHEAD:
                    data = data[:0]
                    await asyncio.sleep(ahead - AHEAD / 2)
            if resampler is not None:
                self._mixer.feed(sound, np.frombuffer(resampler.flush(), "<i2"))
        finally:
            close = getattr(frames, "aclose", None)
            if close is not None:
                await close()
        self._mixer.end(sound)

    # Sounds that are held as samples

    def _ready(self, source: AudioSource) -> npt.NDArray[np.int16] | None:
        """A sound that needs no waiting for."""
        from . import synthesis

        assert self._transport is not None
        if isinstance(source, BuiltinAudioClip):
            return synthesis.made(source, self._transport.capabilities.sample_rate)
        if isinstance(source, AsyncIterable):
            return None
        return self._files.get(str(source))

    async def _load(self, source: AudioSource) -> npt.NDArray[np.int16]:
        """Makes or reads a sound in a thread: it may take longer than a frame."""
        from . import synthesis

        assert self._transport is not None and self._loop is not None
        rate = self._transport.capabilities.sample_rate
        if isinstance(source, BuiltinAudioClip):
            return await self._loop.run_in_executor(None, synthesis.render, source, rate)
        assert not isinstance(source, AsyncIterable)
        samples = await self._loop.run_in_executor(None, _read_file, Path(source), rate)
        self._files[str(source)] = samples
        return samples

    # Thinking

    def _on_state(self, event: Any) -> None:
        if event.new_state == "thinking":
            self._think()
        elif self._thinks is not None:
            handle, self._thinks = self._thinks, None
            self._stop(handle, THINKING_FADE_OUT)

    def _think(self) -> None:
        config = self._draw(self._thinking)
        if config is not None and self._thinks is None:
            self._thinks = self._play(config, loop=True, fade_in=THINKING_FADE_IN)

    def _draw(self, choice: tuple[AudioConfig, ...]) -> AudioConfig | None:
        assert self._session is not None
        self._draws += 1
        root = self._session._live.ids.root
        return chosen(choice, Chance(root, "background", self._draws).share())

    # Ending

    def _stop(self, handle: PlayHandle, fade: float = FADE) -> None:
        sound = self._sounds.get(handle)
        if sound is None or self._loop is None:
            self._forget(handle)
        else:
            self._mixer.fade_out(sound, self._loop.time(), fade)

    def _over(self, sound: Sound) -> None:
        """A sound has ended: told by whoever reads, perhaps in a thread of a device's."""
        if self._loop is None:
            return
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._forget_sound, sound)
        else:
            try:
                self._loop.call_soon_threadsafe(self._forget_sound, sound)
            except RuntimeError:
                return  # the loop is closed: nobody waits

    def _forget_sound(self, sound: Sound) -> None:
        for handle, each in list(self._sounds.items()):
            if each is sound:
                self._forget(handle, handle._error)

    def _forget(self, handle: PlayHandle, error: BaseException | None = None) -> None:
        sound = self._sounds.pop(handle, None)
        if sound is not None:
            self._mixer.remove(sound)
        task = self._tasks.get(handle)
        if task is not None and error is None:
            task.cancel()
        handle._finish(error)
        if self._plays and not any(self._sounds.values()):
            self._plays = False
            if self._transport is not None:
                self._transport.background(None)

    def _stop_all(self) -> None:
        if self._closed:
            return
        self._closed = True
        for handle in list(self._sounds):
            self._forget(handle)
        self._thinks = None
        for event, listener in self._listens:
            if self._session is not None:
                self._session.off(event, listener)
        self._listens.clear()

    def _on_close(self, event: Any) -> None:
        self._stop_all()


def _check(source: AudioSource, *, loop: bool) -> None:
    """Refuses what cannot be played, at once."""
    if isinstance(source, BuiltinAudioClip):
        return
    if isinstance(source, AsyncIterable):
        if loop:
            raise ConfigurationError(
                f"{source!r} is a stream, which cannot be repeated; give the path of a WAV file, "
                "or play it once"
            )
        return
    WavReader(Path(source))


def _read_file(path: Path, sample_rate: int) -> npt.NDArray[np.int16]:
    import numpy as np

    reader = WavReader(path, sample_rate=sample_rate)
    data = bytearray()
    while block := reader.read(sample_rate):
        data += block
    return np.frombuffer(bytes(data), "<i2")
