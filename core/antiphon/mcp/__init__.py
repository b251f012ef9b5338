"""MCP servers as tools. Needs the extra `mcp`."""

from .server import MCPServer
from .toolset import MCPProgress, MCPToolset

__all__ = ["MCPProgress", "MCPServer", "MCPToolset"]
