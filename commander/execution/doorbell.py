"""A way for other threads to call the reactor's."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.reader import IDescriptorReactor
from commander.execution.short_calls import write

__all__ = ["Doorbell"]

_ONE: Final = (1).to_bytes(8, sys.byteorder)
"""What an eventfd takes."""


@implementer(IReadDescriptor)
class Doorbell:
    """Calls back in the reactor's thread when another thread rings.

    Args:
        reactor: Calls ``answered``.
        answered: Called once for any number of rings before it.
    """

    def __init__(
        self, reactor: IDescriptorReactor, answered: Callable[[], None]
    ) -> None:
        self._reactor = reactor
        self._answered = answered
        self._ringing = False
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        reactor.addReader(self)

    def ring(self) -> None:
        """From any thread, one at a time, until ``close``."""
        if not self._ringing:
            self._ringing = True
            write(self._descriptor, _ONE)

    def close(self) -> None:
        """No ring may come any more."""
        self._reactor.removeReader(self)
        os.close(self._descriptor)
        self._descriptor = -1

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._descriptor

    def logPrefix(self) -> str:
        """For log lines."""
        return "spawner"

    def doRead(self) -> None:
        """Somebody rang."""
        with contextlib.suppress(BlockingIOError):  # nobody did: a stale event
            os.eventfd_read(self._descriptor)
        # Before the answer: who comes during it rings again.
        self._ringing = False
        self._answered()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
