"""What ``commander.entrypoint`` hands over: the secrets, on a pipe that is read once.

They are settings like those of the environment, but never part of it: what the
server starts cannot inherit them, and ``/proc`` does not show them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from typing import Final

from commander.entrypoint import VARIABLE
from commander.errors import StartError

__all__ = ["take_secrets"]

_VARIABLE: Final = VARIABLE.decode()
_CHUNK_BYTES: Final = 64 * 1024


def take_secrets(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Read and close the pipe that the environment names, and forget about it.

    Returns:
        Variables and their values; none if nothing was handed over, or if it was taken
        before.

    Raises:
        StartError: A pipe is named and cannot be read.
    """
    named = environ.pop(_VARIABLE, None)
    if named is None:
        return {}
    try:
        text = _read_pipe(int(named))
    except (ValueError, OverflowError, OSError) as error:
        raise StartError(
            f"{_VARIABLE}={named[:20]} names no pipe of secrets: {error}"
        ) from None
    pairs = (os.fsdecode(each).partition("=") for each in text.split(b"\0") if each)
    return {name: value for name, _, value in pairs}


def _read_pipe(descriptor: int) -> bytes:
    """All that it holds; closes it.

    Raises:
        OSError: It is no pipe, or somebody could still write to it.
    """
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        raise OSError("not a pipe")
    os.set_blocking(descriptor, False)
    try:
        return b"".join(iter(lambda: os.read(descriptor, _CHUNK_BYTES), b""))
    finally:
        os.close(descriptor)
