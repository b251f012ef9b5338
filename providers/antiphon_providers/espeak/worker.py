"""The process in which espeak-ng lives: `python -m antiphon_providers.espeak.worker`.

A process of its own because espeak-ng keeps its state in global variables (two threads crash it)
and is under the GPL.

Takes `{"id", "text", "voice", "rate", "volume", "pitch", "word_gap", "pause"}`, one after the
other, and answers each with frames `{"id", "words"}` whose payload is audio as it is made (int16,
22050 Hz, mono), and with a last one, `{"id", "end", "voiced", "pause"}`. All figures of the answer
are in samples. `words` lists `[position in the text from 0, first sample, last voiced sample before
it]`; `end` is the length of the audio, `voiced` its length without the silence at its end, and
`pause` what espeak puts between this and a next sentence, for one that ends with the punctuation
given as `pause`. `{"cancel": id}` drops the rest.
"""

from __future__ import annotations

import ctypes
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import espeakng_loader

from antiphon.subprocesses import WorkerIO, worker_io

# From espeak-ng 1.52, src/include/espeak-ng/speak_lib.h
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_END_PAUSE = 0x1000
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1
_RATE, _VOLUME, _PITCH, _WORD_GAP = 1, 2, 3, 7

# Below 32 are espeak's embedded commands ("\x01200P"), and NUL ends the text.
_CONTROL = {code: " " for code in range(32) if chr(code) not in "\t\n\r"}


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))
Heard: TypeAlias = Callable[[bytes, list[tuple[int, int]]], bool]
"""Takes audio, and `(position in the text, sample)` of the words that begin in it; False: stop."""


class Espeak:
    """espeak-ng, of which a process can have one."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        # It keeps no more than 160 bytes of the path, and on Windows opens it as ANSI text.
        os.chdir(Path(espeakng_loader.get_data_path()).parent)
        self.sample_rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DONT_EXIT)
        if self.sample_rate <= 0:
            raise SystemExit(f"espeak-ng finds no data in {os.getcwd()!r}; install it again")
        self._callback = _Callback(self._on_audio)  # kept, or it would be freed
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        self._library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self._heard: Heard = lambda audio, words: True
        self._how: tuple[Any, ...] = ()
        self._pauses: dict[tuple[Any, ...], int] = {}

    def _on_audio(self, audio: int | None, samples: int, events: Any) -> int:
        if not audio or samples <= 0:
            return 0
        words = []
        index = 0
        while (event := events[index]).type != _EVENT_LIST_TERMINATED:
            if event.type == _EVENT_WORD:
                words.append((event.text_position - 1, event.sample))
            index += 1
        # Returning 1 ends the synthesis there and then; the next one is not affected.
        return 0 if self._heard(ctypes.string_at(audio, samples * 2), words) else 1

    def use(self, voice: str, *, rate: int, volume: int, pitch: int, word_gap: int) -> bool:
        """Sets how the next texts are spoken; False when there is no such voice."""
        how = (voice, rate, volume, pitch, word_gap)
        if how == self._how:
            return True
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return False
        for parameter, value in ((_RATE, rate), (_VOLUME, volume), (_PITCH, pitch)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._library.espeak_SetParameter(_WORD_GAP, word_gap, 0)
        self._how = how
        return True

    def speak(self, text: str, heard: Heard, *, end_pause: bool = False) -> None:
        """Calls `heard` with the audio as it is made, until its end or until `heard` says stop."""
        self._heard = heard
        # Its breath and flutter are random, and seeded with the wall clock unless told otherwise.
        self._library.espeak_ng_SetRandSeed(1)
        data = text.translate(_CONTROL).encode("utf-8", "replace")
        flags = _CHARS_UTF8 | (_END_PAUSE if end_pause else 0)
        self._library.espeak_Synth(
            data, len(data) + 1, 0, _POSITION_CHARACTER, 0, flags, None, None
        )

    def pause_after(self, punctuation: str) -> int:
        """The samples of silence that it puts after a clause which ends so, at the present speed.

        Measured, once per way of speaking: a text's end has that silence only with a flag, and then
        nothing tells where the speech ended. So texts are spoken without it, and it is added when
        something follows.
        """
        key = (*self._how, punctuation)
        if key not in self._pauses:
            with_pause, without = (self._length(f"la{punctuation}", on) for on in (True, False))
            self._pauses[key] = max(0, with_pause - without)
        return self._pauses[key]

    def _length(self, text: str, end_pause: bool) -> int:
        samples = 0

        def count(audio: bytes, words: list[tuple[int, int]]) -> bool:
            nonlocal samples
            samples += len(audio) // 2
            return True

        self.speak(text, count, end_pause=end_pause)
        return samples


class _Answer:
    """What is sent for one request."""

    def __init__(self, io: WorkerIO, id: int, cancelled: set[int]) -> None:
        self._io = io
        self._id = id
        self._cancelled = cancelled
        self._samples = 0
        self._voiced = 0
        """Samples up to the last one that is not silent."""

    def heard(self, audio: bytes, words: list[tuple[int, int]]) -> bool:
        if self._id in self._cancelled:
            return False
        timed = [
            (position, sample, self._voiced_before(audio, sample)) for position, sample in words
        ]
        self._voiced = self._voiced_before(audio, self._samples + len(audio) // 2)
        self._samples += len(audio) // 2
        _send(self._io, {"id": self._id, "words": timed}, audio)
        return True

    def _voiced_before(self, audio: bytes, sample: int) -> int:
        """The end of the last sound before `sample`, which lies in `audio`, the next piece."""
        before = audio[: max(0, 2 * (sample - self._samples))].rstrip(b"\0")
        # An odd rest is a sample whose high byte is 0.
        return self._samples + (len(before) + 1) // 2 if before else self._voiced

    def end(self, pause: int) -> None:
        last = {"end": self._samples, "voiced": self._voiced, "pause": pause}
        _send(self._io, {"id": self._id, **last})


def _send(io: WorkerIO, header: dict[str, Any], payload: bytes = b"") -> None:
    try:
        io.send(header, payload)
    except OSError:
        os._exit(0)  # the parent is gone


def main() -> None:
    io = worker_io()
    espeak = Espeak()
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    open_ids: set[int] = set()
    cancelled: set[int] = set()

    def listen() -> None:
        while (message := io.receive()) is not None:
            header = message[0]
            if "cancel" not in header:
                open_ids.add(header["id"])
                requests.put(header)
            elif header["cancel"] in open_ids:
                cancelled.add(header["cancel"])
        os._exit(0)  # also in the middle of a sentence

    threading.Thread(target=listen, name="listen", daemon=True).start()
    while True:
        request = requests.get()
        id = request["id"]
        answer = _Answer(io, id, cancelled)
        how = {name: request[name] for name in ("rate", "volume", "pitch", "word_gap")}
        if not espeak.use(request["voice"], **how):
            _send(io, {"id": id, "error": f"espeak has no voice {request['voice']!r}"})
        elif id not in cancelled:
            espeak.speak(request["text"], answer.heard)
            if id not in cancelled:
                pause = request["pause"]
                answer.end(espeak.pause_after(pause) if pause else 0)
        open_ids.discard(id)
        cancelled.discard(id)


if __name__ == "__main__":
    main()
