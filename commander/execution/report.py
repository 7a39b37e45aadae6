"""What a command reports beside its output, on a descriptor of its own.

It is for what the server itself has put into a command's text, such as a shell that
tells its variables at the end. The descriptor is inherited by all that the command
starts, so what comes is to be judged like output: anybody below may have written it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["REPORT_BYTES", "Receiver", "Report"]

REPORT_BYTES: Final = 256 * 1024
"""A shell's variables and functions seldom take a tenth; held until the command ends,
for as many commands as run at once."""

Receiver = Callable[[bytes | None], None]
"""Gets the whole report; or None if it was longer than ``REPORT_BYTES``, as a part of
it would be taken for the whole."""

_log: Final = Logger()


class Report:
    """The report of one command.

    Args:
        receiver: Gets it in the end.
    """

    __slots__ = ("_data", "_receiver", "_too_long")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._data = bytearray()
        self._too_long = False

    def add(self, data: bytes) -> None:
        """Take the next part; thrown away with all others if it is too much."""
        if self._too_long or len(self._data) + len(data) > REPORT_BYTES:
            self._too_long = True
            self._data.clear()
        else:
            self._data += data

    def deliver(self) -> None:
        """Hand it over; called once. A receiver that raises is logged."""
        report = None if self._too_long else bytes(self._data)
        try:
            self._receiver(report)
        except Exception:  # the command's outcome must not be lost for it
            _log.failure("report_lost", Failure())
