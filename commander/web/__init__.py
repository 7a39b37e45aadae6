"""HTTP: bytes and requests. Nothing here knows a tool."""
