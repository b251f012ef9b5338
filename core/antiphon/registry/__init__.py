"""Finding and building providers."""

from .registry import (
    Readiness,
    Registry,
    build_llm,
    build_stt,
    build_tts,
    build_turn_detector,
    build_vad,
    default_registry,
)

__all__ = [
    "Readiness",
    "Registry",
    "build_llm",
    "build_stt",
    "build_tts",
    "build_turn_detector",
    "build_vad",
    "default_registry",
]
