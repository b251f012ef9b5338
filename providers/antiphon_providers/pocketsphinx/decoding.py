"""The recogniser of one stream; runs in the worker process, and imports pocketsphinx."""

from __future__ import annotations

import json
import math
import tempfile
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pocketsphinx import Decoder, Vad

from .language_model import LanguageModel, build

SAMPLE_RATE = 16000
FRAME_BYTES = 960
"""30 ms: what the voice detector of pocketsphinx takes at a time."""
_FRAME_SECONDS = 0.03

_PREROLL_FRAMES = 10
"""300 ms before the first voiced frame go into an utterance: a soft consonant is not voiced."""
_ONSET_FRAMES = 3
"""Voiced frames among the last five that begin an utterance, or take it up again."""
_SETTLE_FRAMES = 9
"""After 270 ms of silence the utterance is finished ahead of need. An endpoint comes 400 ms or more
after the last voiced sample, so a flush then finds the result ready."""
_END_FRAMES = 27
"""After 810 ms of silence an utterance ends without a flush: silence costs nothing from then on."""
_LONGEST_FRAMES = 667
"""20 s: then an utterance ends in mid-speech, which bounds memory and the cost of its end."""
_CALIBRATION_FRAMES = 50
"""1.5 s of the first utterance give the cepstral mean that it is decoded again with."""
_CATCH_UP_FRAMES = 10
"""Frames that are decoded for each frame that comes while an utterance is decoded again."""

_MARGIN = 5.0
"""The vocabulary's model is believed when its score is better than the default model's by this
much per frame of 10 ms (in units of ln 1.0001). Measured on two flite voices: 5.1 to 30 for what is
in the vocabulary, other numbers included; below 1 for what has nothing to do with it."""

_CLEAR = 5.0
"""Above this much more than the margin the second pass of the default model, the costliest part of
an utterance's end, is not waited for: on those voices it moves the difference by 4 at most."""

_IDLE_DECODERS = 2
"""Decoders of one kind that are kept for the next stream: the default model takes 98 MB each."""
_VOCABULARIES = 8
"""Models of vocabularies that are kept."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A recognised word, with its times in seconds from the first sample of the stream."""

    text: str
    start: float
    end: float
    confidence: float
    """The posterior probability in the lattice, 0 to 1; 1 while the utterance is open."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was recognised."""

    words: tuple[HeardWord, ...]
    confidence: float = 0.0
    """0 to 1. From 0.5 up: the vocabulary's model was believed, 0.9 being a clear case. For the
    default model it is the geometric mean of the words' posteriors, and at most 0.5 if there was a
    vocabulary, which then did not fit."""


class Models:
    """The models of a worker, and the decoders that wait for a stream."""

    def __init__(self) -> None:
        self._words = Decoder(loglevel="FATAL")  # also asked for words while a stream has it
        self._general: list[Decoder] = [self._words]
        self._special: OrderedDict[str, tuple[LanguageModel | None, list[Decoder]]] = OrderedDict()
        self._initial_mean: str = self._words.get_cmn(False)
        self.notes: list[str] = []
        """What the log should say once; whoever reads it empties it."""

    def open(self, vocabulary: Mapping[str, Sequence[str]] | None) -> Ears:
        """A recogniser for one stream; give it back with `close`."""
        key = json.dumps(vocabulary) if vocabulary else ""
        special = self._take_special(key, vocabulary) if vocabulary else None
        general = self._general.pop() if self._general else Decoder(loglevel="FATAL")
        for decoder in (general, special):
            if decoder is not None:
                decoder.reinit_feat()  # forgets the noise that it has heard
        return Ears(general, special, key, self._initial_mean)

    def close(self, ears: Ears) -> None:
        """Takes the decoders back."""
        ears.stop()
        if len(self._general) < _IDLE_DECODERS:
            self._general.append(ears.general)
        if ears.special is not None and ears.key in self._special:
            idle = self._special[ears.key][1]
            if len(idle) < _IDLE_DECODERS:
                idle.append(ears.special)

    def _take_special(self, key: str, vocabulary: Mapping[str, Sequence[str]]) -> Decoder | None:
        if key not in self._special:
            model = build(vocabulary["phrases"], vocabulary["texts"], self._pronounce)
            self._note(model)
            self._special[key] = (model, [])
            if len(self._special) > _VOCABULARIES:
                self._special.popitem(last=False)
        self._special.move_to_end(key)
        model, idle = self._special[key]
        if model is None:
            return None
        return idle.pop() if idle else _decoder(model)

    def _pronounce(self, word: str) -> list[str]:
        found: list[str] = []
        while phones := self._words.lookup_word(f"{word}({len(found) + 1})" if found else word):
            found.append(phones)
        return found

    def _note(self, model: LanguageModel | None) -> None:
        if model is None:
            return
        if model.guessed:
            words = ", ".join(repr(word) for word in model.guessed)
            self.notes.append(f"not in the dictionary, pronunciation guessed: {words}")
        if model.left_out:
            words = ", ".join(repr(word) for word in model.left_out)
            self.notes.append(f"not in the dictionary and in no example, left out: {words}")


def _decoder(model: LanguageModel) -> Decoder:
    with tempfile.TemporaryDirectory(prefix="antiphon-") as folder:
        dictionary, arpa = Path(folder, "words.dict"), Path(folder, "words.lm")
        dictionary.write_text(model.dictionary, encoding="utf-8")
        arpa.write_text(model.arpa, encoding="utf-8")
        return Decoder(loglevel="FATAL", dict=str(dictionary), lm=str(arpa))


class Ears:
    """Recognises one stream of 16 kHz mono audio: `push`, `partial`, `flush`.

    A voice detector cuts the stream into utterances. Each is decoded as it comes by the default
    model and, if there is one, by the vocabulary's, and the better is believed. What is heard does
    not depend on how the audio was cut into pieces.
    """

    def __init__(self, general: Decoder, special: Decoder | None, key: str, mean: str) -> None:
        self.general = general
        self.special = special
        self.key = key
        self._decoders = [general] if special is None else [general, special]
        self._vad = Vad(mode=2, sample_rate=SAMPLE_RATE, frame_length=_FRAME_SECONDS)
        self._rest = b""
        self._frames = 0  # frames of the stream so far
        self._recent: deque[bool] = deque(maxlen=5)
        self._before: deque[bytes] = deque(maxlen=_PREROLL_FRAMES)
        self._mean = mean
        self._calibrated = False
        self._before_utterance = (mean, False)
        self._utterance: list[bytes] = []
        self._began_at = 0.0
        self._voiced_until = 0  # index in the utterance behind its last voiced frame
        self._decoded = 0  # frames of the utterance that the decoders have
        self._open: list[Decoder] = []
        """The decoders that have begun the utterance and not finished it."""
        self._settled: Result | None = None

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return bool(self._utterance)

    def push(self, data: bytes) -> list[Result]:
        """Takes audio; gives the utterances that ended in it."""
        data = self._rest + data
        ended: list[Result] = []
        whole = len(data) - len(data) % FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            result = self._frame(data[start : start + FRAME_BYTES])
            if result is not None:
                ended.append(result)
        self._rest = data[whole:]
        return ended

    def partial(self) -> tuple[str, ...]:
        """The words of the open utterance so far."""
        if self._settled is not None:
            return tuple(word.text for word in self._settled.words)
        if not self._open or self._decoded < _ONSET_FRAMES:
            return ()
        result = self._choose()
        return tuple(word.text for word in result.words)

    def flush(self) -> list[Result]:
        """Ends the open utterance and gives what was not given yet; one result at the least."""
        ended: list[Result] = []
        if self._rest:
            missing = FRAME_BYTES - len(self._rest)
            ended = self.push(bytes(missing))
        ended.append(self._end() or Result(()))
        return ended

    def stop(self) -> None:
        """Drops what is open."""
        self._finish(*self._open)
        self._utterance = []

    def _frame(self, frame: bytes) -> Result | None:
        voiced = bool(self._vad.is_speech(frame))
        self._recent.append(voiced)
        self._frames += 1
        onset = voiced and sum(self._recent) >= _ONSET_FRAMES
        if not self._utterance:
            self._before.append(frame)
            self._finish(*self._open)  # what the result did not wait for
            if onset:
                self._utterance = list(self._before)
                self._before.clear()
                self._began_at = (self._frames - len(self._utterance)) * _FRAME_SECONDS
                self._voiced_until = len(self._utterance)
                self._before_utterance = (self._mean, self._calibrated)
                self._start_decoders()
                self._decode()
            return None
        self._utterance.append(frame)
        if self._settled is not None:
            if not onset:
                silence = len(self._utterance) - self._voiced_until
                return self._end() if silence >= _END_FRAMES else None
            self._settled = None
            self._start_decoders()
        if voiced:
            self._voiced_until = len(self._utterance)
        self._decode()
        if len(self._utterance) >= _LONGEST_FRAMES:
            return self._end()
        if len(self._utterance) - self._voiced_until >= _SETTLE_FRAMES:
            self._settle()
        return None

    def _start_decoders(self) -> None:
        self._finish(*self._open)
        for decoder in self._decoders:
            decoder.set_cmn(self._mean)
            decoder.start_utt()
        self._decoded = 0
        self._open = list(self._decoders)

    def _finish(self, *decoders: Decoder) -> None:
        for decoder in decoders:
            decoder.end_utt()
            self._open.remove(decoder)

    def _decode(self, limit: int = _CATCH_UP_FRAMES) -> None:
        stop = min(len(self._utterance), self._decoded + limit)
        if not self._calibrated:
            stop = min(stop, _CALIBRATION_FRAMES)
        for frame in self._utterance[self._decoded : stop]:
            for decoder in self._decoders:
                decoder.process_raw(frame, False, False)
        self._decoded = stop
        if not self._calibrated and stop == _CALIBRATION_FRAMES:
            self._calibrate()

    def _calibrate(self) -> None:
        """Starts the utterance again with the cepstral mean of what was heard of it.

        The decoder's own mean begins with that of other speakers and microphones and adapts over
        several utterances: it counts as 500 frames (CMN_WIN), from which the mean of the new frames
        follows. On the default model this halves the errors in the first utterance.
        """
        prior = [float(value) for value in self._mean.split(",")]
        mixed = [float(value) for value in self.general.get_cmn(True).split(",")]
        frames = self.general.n_frames()
        self._finish(*self._open)
        if frames > 0:
            pairs = zip(prior, mixed, strict=True)
            own = [after + (after - before) * 500 / frames for before, after in pairs]
            self._mean = ",".join(f"{value:.4f}" for value in own)
        self._calibrated = True
        self._start_decoders()

    def _settle(self) -> None:
        """Finishes the utterance; speech that goes on starts it again from its audio."""
        self._decode(limit=len(self._utterance))
        if not self._calibrated:
            self._calibrate()
        self._decode(limit=len(self._utterance))
        if self.special is not None:
            self._finish(self.special)
            if self._margin() >= _CLEAR:
                self._settled = self._choose()
                return
        self._finish(self.general)
        self._settled = self._choose()

    def _end(self) -> Result | None:
        if not self._utterance:
            return None
        if self._settled is None:
            self._settle()
        result = self._settled
        if result is not None and result.words:
            self._mean = (self.special or self.general).get_cmn(False)
        else:  # a noise says nothing of the speaker
            self._mean, self._calibrated = self._before_utterance
        self._settled = None
        self._utterance = []
        self._before.clear()
        self._recent.clear()
        return result

    def _choose(self) -> Result:
        if self.special is not None:
            margin = self._margin()
            if margin >= 0:
                return Result(self._words(self.special), round(1 - 0.5 * math.exp(-margin / 6), 3))
        words = self._words(self.general)
        if not words:
            return Result(words)
        likely = math.prod(word.confidence for word in words) ** (1 / len(words))
        return Result(words, round(likely if self.special is None else min(likely, 0.5), 3))

    def _margin(self) -> float:
        """By how much the vocabulary's model is more than good enough to be believed."""
        return _score(self.special) - _score(self.general) - _MARGIN

    def _words(self, decoder: Decoder) -> tuple[HeardWord, ...]:
        length = len(self._utterance) * _FRAME_SECONDS
        words: list[HeardWord] = []
        for segment in decoder.seg() or ():
            text = segment.word.partition("(")[0]
            if not text or text[0] in "<[+":
                continue  # silence, breath and other fillers
            start = min(segment.start_frame / 100, length)
            end = min((segment.end_frame + 1) / 100, length)
            words.append(
                HeardWord(
                    text,
                    start=round(self._began_at + start, 2),
                    end=round(self._began_at + end, 2),
                    confidence=round(min(1.0, max(0.0, segment.prob)), 3),
                )
            )
        return tuple(words)


def _score(decoder: Any) -> float:
    """The score of the best path per frame of 10 ms, in units of ln 1.0001; 0 is the best."""
    best = decoder.hyp()
    frames = decoder.n_frames()
    if best is None or best.best_score <= 0 or frames <= 0:
        return -1e6
    return math.log(float(best.best_score)) / math.log(1.0001) / int(frames)
