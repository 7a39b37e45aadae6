"""Keeping the beginning and the end of a stream in bounded memory.

Operations: ``append`` takes a chunk of any size in time proportional to the
chunk; ``window`` copies out what is kept. Goals: the first quarter of the limit
is the head, the rest is the tail; what fell between is counted to the byte and
the line; a stream that ends within the limit is kept whole.

The tail is a deque of segments of up to ``SEGMENT_BYTES``. Small chunks are joined
to the last segment, so a million one-byte writes do not become a million objects;
whole segments leave at the front. So memory is the limit plus one segment, and no
chunk is moved twice (growing one ``bytes`` with ``+=`` would be quadratic).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from commander.commands import OutputWindow

__all__ = ["HEAD_SHARE", "SEGMENT_BYTES", "HeadTailBuffer"]

HEAD_SHARE: Final = 4
"""One part in this many is for the head: errors stand at the end of output,
versions and the command's own echo at its start."""

SEGMENT_BYTES: Final = 64 * 1024


class HeadTailBuffer:
    """The first and the last bytes of one output stream.

    Args:
        limit_bytes: Head and tail together; at least 1.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._head_limit = limit_bytes // HEAD_SHARE
        self._tail_limit = limit_bytes - self._head_limit
        self._head = bytearray()
        self._segments: deque[bytearray] = deque()
        self._tail_bytes = 0
        self._omitted_bytes = 0
        self._omitted_lines = 0

    @property
    def total_bytes(self) -> int:
        """Bytes appended so far, kept or not."""
        return len(self._head) + self._omitted_bytes + self._tail_bytes

    def append(self, data: bytes) -> None:
        """Take the next chunk of the stream; the chunk itself is not kept."""
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._append_to_tail(data)

    def window(self) -> OutputWindow:
        """What is kept now, cut to the limit; may be asked at any time."""
        tail = bytearray().join(self._segments)
        surplus = max(0, len(tail) - self._tail_limit)
        return OutputWindow(
            head=bytes(self._head),
            tail=bytes(tail[surplus:]),
            total_bytes=self.total_bytes,
            omitted_bytes=self._omitted_bytes + surplus,
            omitted_lines=self._omitted_lines + tail.count(b"\n", 0, surplus),
        )

    def _append_to_tail(self, data: bytes) -> None:
        surplus = len(data) - self._tail_limit
        if surplus > 0:
            # The chunk alone fills the tail: all that was there is omitted now.
            self._omit_segments_over(0)
            self._omitted_bytes += surplus
            self._omitted_lines += data.count(b"\n", 0, surplus)
            data = data[surplus:]
        last = self._segments[-1] if self._segments else None
        if last is not None and len(last) + len(data) <= SEGMENT_BYTES:
            last += data
        else:
            self._segments.append(bytearray(data))
        self._tail_bytes += len(data)
        self._omit_segments_over(self._tail_limit)

    def _omit_segments_over(self, limit: int) -> None:
        """Drop whole segments as long as what stays is at least the limit."""
        while self._segments and self._tail_bytes - len(self._segments[0]) >= limit:
            gone = self._segments.popleft()
            self._tail_bytes -= len(gone)
            self._omitted_bytes += len(gone)
            self._omitted_lines += gone.count(b"\n")
