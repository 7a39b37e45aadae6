"""MCP over standard input and output, for clients that start the server themselves."""
