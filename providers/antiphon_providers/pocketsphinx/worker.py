"""The worker process: `python -m antiphon_providers.pocketsphinx.worker`.

PocketSphinx keeps the GIL while it decodes, so it must not share a process with an event loop.
Every request is answered by one message with the same `id`, in the order of the requests:

* `{"op": "open", "id": 1, "vocabulary": {"phrases": [...], "texts": [...]} or null}`
* `{"op": "audio", "id": 1}` with samples as payload; `{"op": "flush", "id": 1}`
* `{"op": "close", "id": 1}`, which has no answer

An answer holds `finals`, a list of `{"words": [[text, start, end, confidence], ...],
"confidence": 0.9}`; after audio also `partial`, the words so far; after `open` also `notes` for the
log. Or it holds `error`, a sentence, and the stream is closed.
"""

from __future__ import annotations

from typing import Any

from antiphon.subprocesses import worker_io

from .decoding import Ears, Models, Result


def main() -> None:
    """Answers requests until the parent closes the pipe."""
    io = worker_io()
    models = Models()
    streams: dict[int, Ears] = {}
    while (message := io.receive()) is not None:
        header, payload = message
        stream = header["id"]
        try:
            answer = _answer(models, streams, header, payload)
        except Exception as error:
            streams.pop(stream, None)  # its decoders may be broken: they are not kept
            answer = {"error": f"{type(error).__name__}: {error}"}
        if answer is not None:
            io.send({"id": stream, **answer})


def _answer(
    models: Models, streams: dict[int, Ears], header: dict[str, Any], payload: bytes
) -> dict[str, Any] | None:
    stream = header["id"]
    if header["op"] == "open":
        streams[stream] = models.open(header["vocabulary"])
        notes, models.notes = models.notes, []
        return {"finals": [], "notes": notes}
    if header["op"] == "close":
        ears = streams.pop(stream, None)
        if ears is not None:
            models.close(ears)
        return None
    ears = streams[stream]
    if header["op"] == "flush":
        return {"finals": [_final(result) for result in ears.flush()]}
    finals = [_final(result) for result in ears.push(payload)]
    return {"finals": finals, "partial": ears.partial()}


def _final(result: Result) -> dict[str, Any]:
    words = [[word.text, word.start, word.end, word.confidence] for word in result.words]
    return {"words": words, "confidence": result.confidence}


if __name__ == "__main__":
    main()
