"""Standard input and output are the wire, and nothing else may touch it.

A print, a log line or a child that reads its inherited input would break the
client's stream. So the wire moves to private descriptors before anything can write:
descriptor 0 becomes /dev/null, descriptor 1 becomes standard error.
"""

from __future__ import annotations

import errno
import os
import sys

import attrs

__all__ = ["Wire", "claim_wire"]

_STDIN, _STDOUT, _STDERR = 0, 1, 2


@attrs.frozen(kw_only=True)
class Wire:
    """The client's two streams, on descriptors that no child inherits."""

    reading: int
    writing: int
    found: tuple[tuple[int, bool], ...]
    """More descriptors of the same streams, each with the mode it was found in."""

    def restore(self) -> None:
        """Give the streams back in the mode in which they were found; call once.

        The mode belongs to the open file, which the client shares: a terminal that
        stays in non-blocking mode would break the shell behind us.
        """
        for descriptor, blocking in self.found:
            os.set_blocking(descriptor, blocking)
            os.close(descriptor)


def claim_wire() -> Wire:
    """Move the wire away from descriptors 0 and 1; call once, before any output.

    Raises:
        OSError: Standard input, output or error is not open.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # Closed before Python began; another file may have their number by now.
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.flush()
    found = [
        (os.dup(descriptor), os.get_blocking(descriptor))
        for descriptor in (_STDIN, _STDOUT)
    ]
    reading, writing = os.dup(_STDIN), os.dup(_STDOUT)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, _STDIN)
    os.close(null)
    os.dup2(_STDERR, _STDOUT)
    return Wire(reading=reading, writing=writing, found=tuple(found))
