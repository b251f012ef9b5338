"""E-mail addresses: reading them, and the task that asks for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from ..run_context import RunContext
from ..tools import function_tool
from .collecting import CollectTask

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions

_SYMBOLS = (
    (r"[\[(]\s*at\s*[\])]|\bat\s+sign\b", "@"),
    (r"[\[(]\s*dot\s*[\])]", "."),
    (r"(?<=\S)\s+(?:dot|period|point)\s+(?=\S)", "."),
    (r"(?<=\S)\s+underscore\s+(?=\S)", "_"),
    (r"(?<=\S)\s+(?:dash|hyphen|minus)\s+(?=\S)", "-"),
    (r"(?<=\S)\s+plus(?:\s+sign)?\s+(?=\S)", "+"),
)
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
"""Dot-atom of RFC 5321, 4.1.2; letters of other scripts by RFC 6531."""
_LABEL = re.compile(r"[^\W_](?:(?:[^\W_]|-)*[^\W_])?")
"""Letters, digits and inner hyphens: RFC 1123, 2.1; letters of other scripts by RFC 5890."""


@dataclass(frozen=True, slots=True)
class GetEmailResult:
    """What `GetEmailTask` gives."""

    email_address: str
    """In small letters."""


def read_email(text: str) -> str:
    """An address as it is written, in small letters, of what a model has understood: `Ada at
    example dot com` too. Raises `ToolError` that says what is wrong."""
    address = text.strip().strip("<>\"'").removeprefix("mailto:").rstrip(".").lower()
    for pattern, symbol in _SYMBOLS:
        address = re.sub(pattern, symbol, address)
    if "@" not in address:
        address = re.sub(r"(?<=\S)\s+at\s+(?=\S)", "@", address, count=1)
    address = re.sub(r"\s*([@.])\s*", r"\1", address)
    # Spelled: letters and digits one by one.
    address = re.sub(r"(?<![^\s@.])\w(?:\s+\w)+(?![^\s@.])", _joined, address)
    local, at, domain = address.rpartition("@")
    problem = ""
    if not at:
        problem = "it has no @"
    elif re.search(r"\s", address):
        problem = "it has a space; write it without, as the caller spells it"
    elif "@" in local:
        problem = "it has more than one @"
    elif not local:
        problem = "nothing stands before the @"
    elif _LOCAL.fullmatch(local) is None:
        problem = f"{local!r} before the @ has a sign, or a dot, where none can be"
    elif len(local.encode()) > 64:
        problem = "more than 64 characters stand before the @"
    else:
        problem = _domain_problem(domain)
    if not problem and len(address.encode()) > 254:
        problem = "it is longer than 254 characters"
    if problem:
        raise ToolError(f"{text.strip()!r} is no e-mail address: {problem}")
    return address


def _joined(spelled: re.Match[str]) -> str:
    return re.sub(r"\s+", "", spelled[0])


def _domain_problem(domain: str) -> str:
    labels = domain.split(".")
    if not domain:
        return "nothing stands behind the @"
    if len(labels) < 2:
        return f"{domain!r} behind the @ has no ending such as .com"
    for label in labels:
        if not label:
            return f"{domain!r} behind the @ has two dots together, or one at its edge"
        if _LABEL.fullmatch(label) is None or len(label) > 63:
            return f"{label!r} behind the @ cannot be part of a domain"
    if labels[-1].isdecimal() or len(labels[-1]) < 2:
        return f"no domain ends in .{labels[-1]}"
    return ""


class GetEmailTask(CollectTask[GetEmailResult]):
    """Asks for an e-mail address."""

    def __init__(
        self,
        *,
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(
            noun="email",
            what="the caller's e-mail address",
            hint=(
                "Callers say 'at', 'dot', 'dash', 'underscore', and spell letters, also by words "
                "(A as in Anna): write down what they mean."
            ),
            readback=", what could be misheard letter by letter",
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    @function_tool
    async def update_email(self, ctx: RunContext[Any], email: str) -> str | None:
        """Notes the e-mail address, or the corrected one.

        Args:
            email: The whole address, e.g. ada.lovelace@example.com
        """
        address = read_email(email)
        return self.note(ctx, GetEmailResult(address), address)
