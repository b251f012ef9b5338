"""An MCP server with one tool, run as a program over its standard input and output."""

from mcp.server.mcpserver import MCPServer

server = MCPServer("stock", log_level="ERROR")
STOCK = {"lamp": 3, "chair": 0}


@server.tool()
def in_stock(article: str) -> str:
    """How many of an article there are."""
    return f"{STOCK.get(article, 0)} of {article}"


if __name__ == "__main__":
    server.run("stdio")
