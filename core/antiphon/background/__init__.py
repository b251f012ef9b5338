"""Background sounds: an ambience under the call, typing while the agent thinks, a sound when you
say."""

from __future__ import annotations

from .config import AudioConfig, AudioSource, BuiltinAudioClip
from .handle import PlayHandle
from .player import BackgroundAudioPlayer

__all__ = ["AudioConfig", "AudioSource", "BackgroundAudioPlayer", "BuiltinAudioClip", "PlayHandle"]
