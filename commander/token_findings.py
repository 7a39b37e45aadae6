"""What ``commander-mcp doctor`` finds of tokens: where from, and who could see them.

A token in the environment of what started the server can be read there by root and by
that user's processes, mostly the commands. Behind ``commander.entrypoint``, as in our
image, it has come through a pipe and stands in no environment: unless another process 1
keeps the environment of the container, or somebody runs this doctor by ``docker exec``,
which gets the token with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from commander.auth.state import state_file
from commander.entrance import listed_tokens
from commander.entrypoint import SERVERS
from commander.errors import StartError
from commander.findings import Finding
from commander.first_process import is_first_process
from commander.settings import Settings
from commander.sources import Loaded, Source

__all__ = ["examine_tokens"]

_VARIABLE: Final = "MCP_AUTH_TOKEN"
_FIRST_NAME: Final = Path("/proc/1/comm")


def examine_tokens(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Finding]:
    """One line for the server's own token, one for those of a file.

    Args:
        loaded: The settings, and where they are from.
        environ: The environment, without what an entry point has handed over.
    """
    settings = loaded.settings
    listed = settings.auth_tokens_file
    if listed is None or settings.transport == "stdio":
        yield _token(loaded, environ)
        return
    if settings.auth_token is not None:
        yield _token(loaded, environ)
    yield _list(settings, listed)


def _list(settings: Settings, listed: str) -> Finding:
    try:
        tokens = listed_tokens(settings)
    except StartError as error:
        return Finding(subject="tokens", state=listed, cost=f"no start: {error}")
    now = time.time()
    expired = sum(token.has_expired(now) for token in tokens)
    principals = len({token.principal for token in tokens})
    return Finding(
        subject="tokens",
        state=f"{len(tokens)} of {principals} principals in {listed}",
        cost=f"{expired} of them expired" if expired else "",
    )


def _token(loaded: Loaded, environ: Mapping[str, str]) -> Finding:
    settings = loaded.settings
    if settings.transport == "stdio":
        return Finding(subject="token", state="none needed on stdio")
    if settings.auth_token is not None:
        return _given_token(loaded.sources["auth_token"], environ)
    if settings.no_auth:
        return Finding(
            subject="token",
            state="off by --no-auth",
            cost="every process of this machine can run commands",
        )
    path = state_file(environ)
    if path is not None and path.exists():
        return Finding(subject="token", state=f"generated earlier; digest in {path}")
    return Finding(subject="token", state="will be generated and shown at the start")


def _given_token(source: Source, environ: Mapping[str, str]) -> Finding:
    if source is Source.FILE:
        return Finding(
            subject="token",
            state=f"from {source.value}",
            cost="root, and commands of the user that the file belongs to, can read it",
        )
    if _VARIABLE not in environ:
        return Finding(
            subject="token",
            state="handed over by the entry point, in no environment",
            cost=""
            if is_first_process()
            else "process 1 is an init, and shows the token in its environment: "
            "start the container without --init",
        )
    if _server_is_first():
        return Finding(
            subject="token",
            state="handed over by the entry point; the server is process 1",
            cost="commands can find it in the environment of this doctor while it runs",
        )
    return Finding(
        subject="token",
        state=f"from {_VARIABLE}",
        cost="root, or who can read the environment of what started the server, can "
        "find it there",
    )


def _server_is_first() -> bool:
    """Whether this is run beside a server in its container."""
    if is_first_process():
        return False
    try:
        return _FIRST_NAME.read_text().strip() in SERVERS
    except OSError:
        return False
