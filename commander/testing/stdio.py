"""The client of a server on standard input and output, over pipes and a fake clock.

The pipes are real, so that what a full one does to both ends is real too; nothing moves
on them but in ``pump``.
"""

from __future__ import annotations

import os
import select
from typing import Any, Final

import msgspec
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from commander.stdio.descriptors import Wire

__all__ = ["StdioClient"]

_MOST_BYTES: Final = 1 << 20


class StdioClient:
    """Whoever started the server.

    Args:
        reactor: The server's; reads and writes its ends of the pipes in ``pump``.

    Attributes:
        wire: The server's ends.
        reading: Whether it takes what is written.
    """

    def __init__(self, reactor: MemoryReactorClock) -> None:
        self._reactor = reactor
        stdin, self._stdin = os.pipe()
        self._stdout, stdout = os.pipe()
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)
        self.wire = Wire(reading=stdin, writing=stdout, found=())
        self.reading = True
        self._received = bytearray()
        self._to_send = bytearray()
        self._input_open = True
        self._output_open = True

    def send(self, data: bytes) -> None:
        """Write bytes to the server's standard input, and let it read them."""
        self._to_send += data
        self.pump()

    def send_message(self, message: object) -> None:
        """Write one message."""
        self.send(msgspec.json.encode(message) + b"\n")

    def received(self) -> bytes:
        """All bytes that came from the server's standard output."""
        return bytes(self._received)

    def messages(self) -> list[Any]:
        """The whole lines among them."""
        return [
            msgspec.json.decode(line)
            for line in self._received.split(b"\n")[:-1]
            if line.strip()
        ]

    @property
    def unsent(self) -> int:
        """Bytes that the server has not read from its pipe yet."""
        return len(self._to_send)

    def close_input(self) -> None:
        """Close the server's standard input."""
        if self._input_open:
            self.pump()
            self._input_open = False
            os.close(self._stdin)
            self.pump()

    def close_output(self) -> None:
        """Take nothing more, and never again."""
        if self._output_open:
            self._output_open = False
            os.close(self._stdout)
            self.pump()

    def close(self) -> None:
        """Close both, and the server's ends, which Twisted leaves to its process."""
        self.close_input()
        self.close_output()
        os.close(self.wire.reading)
        os.close(self.wire.writing)

    def pump(self) -> None:
        """Move bytes until nothing moves any more."""
        while any((self._write(), self._serve(), self._read())):
            pass

    def _write(self) -> bool:
        if not self._to_send or not self._input_open:
            return False
        try:
            written = os.write(self._stdin, self._to_send[:_MOST_BYTES])
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self._to_send.clear()
            return False
        del self._to_send[:written]
        return True

    def _read(self) -> bool:
        if not self.reading or not self._output_open:
            return False
        try:
            data = os.read(self._stdout, _MOST_BYTES)
        except BlockingIOError:
            return False
        self._received += data
        return bool(data)

    def _serve(self) -> bool:
        """What a reactor does in one turn."""
        readers, writers = self._reactor.readers, self._reactor.writers
        readable, writable, _ = select.select(list(readers), list(writers), [], 0)
        for selectable in readable:
            if selectable in readers:
                self._after(selectable, selectable.doRead())
        for selectable in writable:
            if selectable in writers:
                self._after(selectable, selectable.doWrite())
        return bool(readable or writable)

    def _after(self, selectable: Any, why: Exception | None) -> None:
        if why:
            self._reactor.removeReader(selectable)
            self._reactor.removeWriter(selectable)
            selectable.connectionLost(Failure(why))
