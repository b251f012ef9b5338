"""What an MCP tool gave, as the value of a tool of ours."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from ..chat import ImageContent
from ..errors import ToolError

if TYPE_CHECKING:
    from mcp_types import CallToolResult


def result_value(result: CallToolResult) -> Any:
    """Text, or a list of texts and pictures; raises `ToolError` for a result that is an error.

    Structured content is used where there is no text: servers give it as text too. Sound and
    binary resources are named, not passed on.
    """
    parts: list[str | ImageContent] = []
    for block in result.content:
        part = _part(block)
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += "\n" + part
        else:
            parts.append(part)
    if result.structured_content is not None and not any(isinstance(each, str) for each in parts):
        parts.insert(0, json.dumps(result.structured_content, ensure_ascii=False))
    if result.is_error:
        texts = [part for part in parts if isinstance(part, str)]
        raise ToolError("\n".join(texts) or "the tool failed and did not say why")
    if all(isinstance(part, str) for part in parts):
        return "\n".join(str(part) for part in parts)
    return parts


def _part(block: Any) -> str | ImageContent:
    match block.type:
        case "text":
            return str(block.text)
        case "image":
            try:
                data = base64.b64decode(block.data, validate=True)
            except (binascii.Error, ValueError):
                return f"[a picture that cannot be read, {block.mime_type}]"
            return ImageContent(image=data, mime_type=block.mime_type)
        case "audio":
            return f"[sound, {block.mime_type}]"
        case "resource_link":
            return f"[{block.name}: {block.uri}]"
        case "resource":
            text = getattr(block.resource, "text", None)
            return str(text) if text is not None else f"[{block.resource.uri}]"
        case kind:
            return f"[{kind}]"
