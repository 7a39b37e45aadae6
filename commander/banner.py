"""What a person at a desk reads when the server starts: pure text.

Every line that looks like a command can be pasted as it is.
"""

from __future__ import annotations

import shlex
from typing import Final

import msgspec

__all__ = ["banner"]

_SAMPLE: Final = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "execute_command", "arguments": {"command": "uname -a"}},
}


def banner(
    *,
    url: str,
    socket: str | None = None,
    token: str | None,
    token_is_set: bool,
    tokens_are_listed: bool = False,
    kept: bool,
    script: str,
) -> str:
    """The text for standard error.

    Args:
        url: Of the MCP endpoint.
        socket: Path of the Unix socket on which that URL is served, if it is one.
        token: A token that was made just now, else None.
        token_is_set: ``MCP_AUTH_TOKEN`` holds the token.
        tokens_are_listed: Those of ``MCP_AUTH_TOKENS_FILE`` are valid, too.
        kept: Whether a generated token outlives this process.
        script: How to call ``commander-mcp`` here.
    """
    lines = [
        f"commander listens on {socket or url}",
        *_about_token(token, token_is_set, tokens_are_listed, kept),
    ]
    if not (token_is_set or tokens_are_listed):
        lines.append(f"  make a new one: {shlex.quote(script)} token new")
    lines += ["", *_ways_in(url, socket, token or "$MCP_AUTH_TOKEN"), ""]
    return "\n".join(lines)


def _ways_in(url: str, socket: str | None, token: str) -> list[str]:
    # Double quotes, so that the shell fills in the variable.
    bearer = f'"Authorization: Bearer {token}"'
    # Brackets of an IPv6 address are patterns to some shells.
    at = shlex.quote(url)
    where = at if socket is None else f"--unix-socket {shlex.quote(socket)} {at}"
    body = msgspec.json.encode(_SAMPLE).decode()
    lines = [
        "run a command:",
        f"  curl -sS {where} -H {bearer} -H 'Content-Type: application/json' "
        f"-d '{body}'",
    ]
    if socket is None:  # Claude Code knows no Unix sockets
        lines += [
            "",
            "add it to Claude Code:",
            f"  claude mcp add --transport http commander {at} --header {bearer}",
        ]
    return lines


def _about_token(
    token: str | None, token_is_set: bool, tokens_are_listed: bool, kept: bool
) -> list[str]:
    if token_is_set and tokens_are_listed:
        return ["  token: as set in MCP_AUTH_TOKEN, or one of MCP_AUTH_TOKENS_FILE"]
    if tokens_are_listed:
        return [
            "  token: one of MCP_AUTH_TOKENS_FILE; below, put it into MCP_AUTH_TOKEN"
        ]
    if token_is_set:
        return ["  token: as set in MCP_AUTH_TOKEN"]
    if token is None:
        return [
            "  token: as shown at the first start; below, put it into MCP_AUTH_TOKEN"
        ]
    lines = [f"  token: {token}"]
    if kept:
        lines.append("  it is shown this once and stays valid after a restart")
    else:
        lines.append("  it ends with this process: no place to keep its digest")
    return lines
