"""Where the protocol meets the tools."""
