"""Transports that come with antiphon: WAV files, typed text, microphone and loudspeaker."""

from __future__ import annotations

from .console import ConsoleTransport
from .microphone import MicrophoneTransport
from .script import Utterance
from .wav import WavTransport

__all__ = ["ConsoleTransport", "MicrophoneTransport", "Utterance", "WavTransport"]
