"""The generated token of a desk: made once, kept as a digest.

A server on loopback without ``MCP_AUTH_TOKEN`` makes a token at its first start and
shows it once. Only its SHA-256 is written down, so the file gives nobody access and
the token stays valid over restarts.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from commander.auth.tokens import TokenDigest, digest_of
from commander.errors import StartError

__all__ = ["DeskToken", "desk_token", "keep_token", "new_desk_token", "state_file"]

_TOKEN_BYTES: Final = 32
_DIGEST_BYTES: Final = 32
_MOST_BYTES: Final = 4 * _DIGEST_BYTES
"""Read of a state file: its 64 hexadecimal digits, and some blanks."""
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@attrs.frozen(kw_only=True)
class DeskToken:
    """The token of a server that was given none."""

    digest: TokenDigest
    token: str | None = attrs.field(default=None, repr=False)
    """The token itself, at the one moment that it is known; else None."""
    kept: bool = True
    """False if it is not written down and ends with this process."""


def state_file(environ: Mapping[str, str]) -> Path | None:
    """Where the digest is kept; None without a home directory."""
    state = environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state, "commander-mcp", "token.sha256")
    home = environ.get("HOME", "")
    if home.startswith("/"):
        return Path(home, ".local", "state", "commander-mcp", "token.sha256")
    return None


def desk_token(environ: Mapping[str, str]) -> DeskToken:
    """The kept token's digest, or a new token, which nobody has kept yet.

    Raises:
        StartError: A state file is there and cannot be trusted or read.
    """
    path = state_file(environ)
    kept = None if path is None else _read(path)
    return _new() if kept is None else DeskToken(digest=kept)


def keep_token(desk: DeskToken, environ: Mapping[str, str]) -> DeskToken:
    """Write a new token's digest down, if there is a place for it.

    To be called when the token is sure to be shown: a start that fails later would
    leave the digest of a token that nobody has seen.
    """
    if desk.token is None:
        return desk
    path = state_file(environ)
    return attrs.evolve(desk, kept=path is not None and _write(path, desk.digest))


def new_desk_token() -> int:
    """``commander-mcp token new``: make a token, keep its digest, show it once."""
    made = keep_token(_new(), os.environ)
    if not made.kept:
        print(  # noqa: T201 - the output of a command
            "commander-mcp: the token's digest cannot be written: set HOME or "
            "XDG_STATE_HOME to a writable directory",
            file=sys.stderr,
        )
        return 1
    print(made.token)  # noqa: T201 - as above
    print(  # noqa: T201 - as above
        "This token replaces the generated one at the server's next start. "
        "It is not shown again.",
        file=sys.stderr,
    )
    return 0


def _new() -> DeskToken:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return DeskToken(digest=digest_of(token), token=token, kept=False)


def _read(path: Path) -> TokenDigest | None:
    """The digest in a state file, or None if there is no file."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(_MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}") from None
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_MAY_WRITE:
        raise StartError(
            f"{path} can be written by others: remove it, or make it yours with "
            "mode 0600"
        )
    try:
        value = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != _DIGEST_BYTES:
        raise StartError(f"{path} holds no SHA-256: remove it to make a new token")
    return TokenDigest(value)


def _write(path: Path, digest: TokenDigest) -> bool:
    """Replace the state file as a whole; False if that is not possible here."""
    new = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.unlink(missing_ok=True)  # left by a process that was killed here
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(digest.value.hex() + "\n")
        new.replace(path)
    except OSError:
        return False
    return True
