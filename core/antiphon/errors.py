"""The errors of antiphon.

* AntiphonError
  x ConfigurationError             something in the user's set-up; nothing was called
    - ModelStringError             (ValueError)   a model string that cannot be read
    - SettingError                 (ValueError)   a setting that a provider does not have or take
    - ProviderNotFound             (LookupError)  no installed package has that name
    - ProviderUnavailable          (ImportError)  installed, but an extra or a key is missing, or
    it is broken
    - SlotMissing                  (LookupError)  neither the agent nor the session fills a slot
    - ToolDefinitionError          (ValueError, TypeError)  a function that cannot be a tool
  x ProviderError                  a vendor, a model or a worker failed
    - ProviderConnectionError      (ConnectionError)
    - ProviderTimeout              (TimeoutError)
    - ProviderRateLimited
    - ProviderRejected             the request itself was refused: key, model, arguments
    - TruncatedStream              a stream that ended without its end marker
  x AudioError                     (ValueError)   audio of the wrong shape, or a file that is not
  audio x SessionClosed                  (RuntimeError)
  x TransportError
  x ToolError                      raised in a tool: its message is shown to the LLM

`StopResponse` is control flow, not an error: raised in a tool or in `on_user_turn_completed`, it
means that no reply is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable


class AntiphonError(Exception):
    """The root of every error that antiphon raises on purpose."""


class ConfigurationError(AntiphonError):
    """Something in the user's set-up is wrong; nobody has been called yet."""


class ModelStringError(ConfigurationError, ValueError):
    """A model string that cannot be read, e.g. an empty one or one with two variants."""


class SettingError(ConfigurationError, ValueError):
    """A setting that does not exist, has the wrong type, or is out of its range."""


class ProviderNotFound(ConfigurationError, LookupError):
    """No installed package offers a provider of that name, or that slot of it."""


class ProviderUnavailable(ConfigurationError, ImportError):
    """The provider is installed but cannot be used: an extra or a key is missing, or it is
    broken."""


class SlotMissing(ConfigurationError, LookupError):
    """Neither the agent nor the session fills a slot that is needed."""


class ToolDefinitionError(ConfigurationError, ValueError, TypeError):
    """A function whose signature cannot be offered to an LLM, or two tools of one name."""


class ProviderError(AntiphonError):
    """A vendor, a model or a worker process failed.

    Providers wrap whatever their SDK raises into this tree once, `from` the original, and never put
    a key into the message.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        provider: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable
        self.provider = provider
        self.status = status
        """The HTTP status, where there was one."""
        self.request_id = request_id
        """The vendor's own id of the request, to quote to its support."""
        self.retry_after = retry_after
        """Seconds the vendor asked to wait, or None."""


class ProviderConnectionError(ProviderError, ConnectionError):
    """The connection could not be made, or broke, or the worker process died."""


class ProviderTimeout(ProviderError, TimeoutError):
    """No answer within the time that core allows."""


class ProviderRateLimited(ProviderError):
    """The vendor asks to slow down (HTTP 429 and its like)."""


class ProviderRejected(ProviderError):
    """The vendor refused the request itself: a wrong key, model or argument."""

    retryable = False


class TruncatedStream(ProviderError):
    """A stream that ended without its end marker: an error, not an answer."""


class AudioError(AntiphonError, ValueError):
    """Audio of the wrong shape or rate, or a file that holds no readable audio."""


class SessionClosed(AntiphonError, RuntimeError):
    """The session has been closed, or closed while the call was waiting."""


class TransportError(AntiphonError):
    """A transport cannot do what was asked, or lost its far end."""


class ToolError(AntiphonError):
    """Raised by a tool: `message` goes to the LLM as the output of the call, marked as an error."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StopResponse(Exception):
    """Raised in a tool or in `on_user_turn_completed`: no reply is wanted this time."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'acme'?"` for the nearest of `known`, or `""` when none is near."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
