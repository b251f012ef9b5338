"""Renders the recordings of the demo's caller again: needs Debian's `flite`. Run it by hand."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

from antiphon_providers.demo.caller import LINES, VOICES

QUIET = 150
"""Amplitude below which a sample at either end is silence and is cut off."""


def trimmed(path: Path) -> None:
    """Cuts the silence off both ends, so that the times of the demo are those of speech."""
    with wave.open(str(path), "rb") as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    loud = [index for index, value in enumerate(samples) if abs(value) > QUIET]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples[loud[0] : loud[-1] + 1])


def main() -> None:
    for voice in VOICES:
        for line in LINES:
            path = line.recording(voice)
            path.parent.mkdir(parents=True, exist_ok=True)
            command = ["flite", "-voice", voice, "-t", line.text, "-o", str(path)]
            subprocess.run(command, check=True)
            trimmed(path)


if __name__ == "__main__":
    main()
