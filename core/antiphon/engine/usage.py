"""What a session has used, per model string."""

from __future__ import annotations

from ..streams import Usage


class UsageBook:
    """Adds up what the providers report."""

    __slots__ = ("by_model",)

    def __init__(self) -> None:
        self.by_model: dict[str, Usage] = {}

    def add(self, label: str, usage: Usage) -> None:
        """Counts a call, or a part of one."""
        before = self.by_model.get(label)
        self.by_model[label] = usage if before is None else before + usage
