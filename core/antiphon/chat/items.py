"""The items of a conversation: messages, tool calls and their outputs, hand-offs."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from ..clock import new_id
from ..errors import did_you_mean

ChatRole: TypeAlias = Literal["system", "developer", "user", "assistant"]


def _item_id() -> str:
    return new_id("item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageContent:
    """A picture within a message."""

    image: str | bytes
    """A URL (`data:` ones too), or the bytes of the encoded picture."""
    mime_type: str | None = None
    """E.g. `"image/png"`; needed with bytes unless the vendor guesses."""
    detail: Literal["auto", "low", "high"] = "auto"
    """How closely the model should look, for vendors that ask."""


ChatContent: TypeAlias = str | list[str | ImageContent]


@dataclass(slots=True, kw_only=True)
class ChatMessage:
    """What somebody said, or the instructions. Items are values: `replace` one, don't change it."""

    type: ClassVar[Literal["message"]] = "message"

    id: str = field(default_factory=_item_id)
    role: ChatRole
    content: ChatContent
    """For the agent: as heard by the caller."""
    interrupted: bool = False
    created_at: float | None = None
    """Seconds from the session's start; None until the item enters a session."""
    agent_id: str | None = None
    """The agent that spoke."""
    generated_text: str | None = None
    """The whole of what the model wrote, where less was heard."""
    estimated: bool = False
    """Whether the split between heard and unheard is an estimate."""
    display_text: str | None = None
    """What a page should show instead of the text."""
    step_id: str | None = None
    """The LLM step that wrote it: shared with that step's calls and notes."""
    extra: dict[str, Any] | None = None

    @property
    def text_content(self) -> str:
        """The text parts of the content, joined by newlines."""
        content = self.content
        if isinstance(content, str):
            return content
        return "\n".join(part for part in content if isinstance(part, str))


@dataclass(slots=True, kw_only=True)
class FunctionCall:
    """A tool call that the model made."""

    type: ClassVar[Literal["function_call"]] = "function_call"

    id: str = field(default_factory=_item_id)
    call_id: str
    """The model's own id of the call: its output has the same."""
    name: str
    arguments: str
    """JSON; the repaired form where the model's was slightly broken."""
    created_at: float | None = None
    step_id: str | None = None
    """Calls of one LLM step share it."""
    provider_data: Any = None
    """Opaque JSON, given back to the same provider only."""


@dataclass(slots=True, kw_only=True)
class FunctionCallOutput:
    """What a tool call gave: every call has exactly one."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"

    id: str = field(default_factory=_item_id)
    call_id: str
    name: str = ""
    output: str
    is_error: bool = False
    created_at: float | None = None


@dataclass(slots=True, kw_only=True)
class AgentHandoff:
    """Control passed from one agent to another."""

    type: ClassVar[Literal["agent_handoff"]] = "agent_handoff"

    id: str = field(default_factory=_item_id)
    old_agent_id: str | None = None
    """None at the start of a session."""
    new_agent_id: str
    created_at: float | None = None


@dataclass(slots=True, kw_only=True)
class ProviderNote:
    """Opaque JSON of one LLM step (signatures, reasoning), given back to the same provider only."""

    type: ClassVar[Literal["provider_note"]] = "provider_note"

    id: str = field(default_factory=_item_id)
    provider: str
    data: Any
    step_id: str | None = None
    created_at: float | None = None


ChatItem: TypeAlias = ChatMessage | FunctionCall | FunctionCallOutput | AgentHandoff | ProviderNote

_CLASSES: dict[str, type[ChatItem]] = {
    cls.type: cls
    for cls in (ChatMessage, FunctionCall, FunctionCallOutput, AgentHandoff, ProviderNote)
}
_FIELDS: dict[str, tuple[Field[Any], ...]] = {name: fields(cls) for name, cls in _CLASSES.items()}
_STRINGS = {"id", "call_id", "name", "arguments", "output", "new_agent_id", "provider"}
_ROLES: tuple[str, ...] = get_args(ChatRole)


def item_to_dict(
    item: ChatItem, *, exclude_image: bool = False, exclude_timestamp: bool = False
) -> dict[str, Any]:
    """The item as JSON-able values: `id`, `type`, then every field that is not at its default."""
    out: dict[str, Any] = {"id": item.id, "type": item.type}
    for spec in _FIELDS[item.type]:
        if spec.name == "id" or (exclude_timestamp and spec.name == "created_at"):
            continue
        value = getattr(item, spec.name)
        if spec.default is not MISSING and value == spec.default:
            continue
        if spec.name == "content" and not isinstance(value, str):
            value = [
                part if isinstance(part, str) else _image_to_dict(part)
                for part in value
                if isinstance(part, str) or not exclude_image
            ]
        out[spec.name] = value
    return out


def item_from_dict(data: Mapping[str, Any], where: str = "item") -> ChatItem:
    """The inverse of `item_to_dict`; raises `ValueError` that names `where`."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} is not an object but {type(data).__name__}")
    kind = data.get("type")
    cls = _CLASSES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        known = ", ".join(_CLASSES)
        raise ValueError(f"{where} has the unknown type {kind!r} (known: {known})")
    values = {name: value for name, value in data.items() if name != "type"}
    names = {spec.name for spec in _FIELDS[cls.type]}
    for name in values:
        if name not in names:
            raise ValueError(f"{where}: {kind} has no field {name!r}{did_you_mean(name, names)}")
    for spec in _FIELDS[cls.type]:
        required = spec.default is MISSING and spec.default_factory is MISSING
        if required and spec.name not in values:
            raise ValueError(f"{where}: {kind} lacks the field {spec.name!r}")
    for name, value in values.items():
        if name in _STRINGS and not isinstance(value, str):
            raise ValueError(f"{where}: {name!r} must be a string, not {value!r}")
    if "role" in values and values["role"] not in _ROLES:
        raise ValueError(f"{where}: unknown role {values['role']!r} (known: {', '.join(_ROLES)})")
    if "content" in values:
        values["content"] = _content_from_json(values["content"], where)
    return cls(**values)


def report_item(item: ChatItem) -> dict[str, Any]:
    """The item as the session report lists it: text as heard, arguments as an object."""
    out: dict[str, Any] = {"id": item.id, "type": item.type}
    if isinstance(item, ChatMessage):
        text = item.text_content
        out |= {"role": item.role, "text": text, "interrupted": item.interrupted}
        if item.role == "assistant":
            out["agent_id"] = item.agent_id
            out["generated_text"] = text if item.generated_text is None else item.generated_text
            out["estimated"] = item.estimated
    elif isinstance(item, FunctionCall):
        out |= {
            "call_id": item.call_id,
            "name": item.name,
            "arguments": _arguments_object(item.arguments),
        }
    elif isinstance(item, FunctionCallOutput):
        out |= {"call_id": item.call_id, "output": item.output, "is_error": item.is_error}
    elif isinstance(item, AgentHandoff):
        out |= {"old_agent_id": item.old_agent_id, "new_agent_id": item.new_agent_id}
    else:
        out["provider"] = item.provider
    out["created_at"] = item.created_at
    return out


def _arguments_object(arguments: str) -> dict[str, Any]:
    """The arguments as an object; what was beyond repair stands under `raw_arguments`."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"raw_arguments": arguments}


def _image_to_dict(image: ImageContent) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "image"}
    if isinstance(image.image, bytes):
        out["base64"] = base64.b64encode(image.image).decode("ascii")
    else:
        out["url"] = image.image
    if image.mime_type is not None:
        out["mime_type"] = image.mime_type
    if image.detail != "auto":
        out["detail"] = image.detail
    return out


def _content_from_json(content: Any, where: str) -> ChatContent:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ValueError(f"{where}: 'content' must be a string or a list, not {content!r}")
    return [part if isinstance(part, str) else _image_from_dict(part, where) for part in content]


def _image_from_dict(data: Any, where: str) -> ImageContent:
    if not isinstance(data, Mapping) or data.get("type") != "image":
        raise ValueError(f"{where}: {data!r} is neither a string nor an image")
    mime_type, detail = data.get("mime_type"), data.get("detail", "auto")
    if isinstance(url := data.get("url"), str):
        return ImageContent(image=url, mime_type=mime_type, detail=detail)
    try:
        image = base64.b64decode(data["base64"], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError) as error:
        raise ValueError(f"{where}: an image needs a 'url', or 'base64' that is valid") from error
    return ImageContent(image=image, mime_type=mime_type, detail=detail)
