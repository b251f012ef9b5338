"""The conversation as data: `ChatContext`, and the items in it."""

from .context import ChatContext, ReadOnlyChatContext
from .items import (
    AgentHandoff,
    ChatContent,
    ChatItem,
    ChatMessage,
    ChatRole,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    ProviderNote,
    item_from_dict,
    item_to_dict,
    report_item,
)

__all__ = [
    "AgentHandoff",
    "ChatContent",
    "ChatContext",
    "ChatItem",
    "ChatMessage",
    "ChatRole",
    "FunctionCall",
    "FunctionCallOutput",
    "ImageContent",
    "ProviderNote",
    "ReadOnlyChatContext",
    "item_from_dict",
    "item_to_dict",
    "report_item",
]
