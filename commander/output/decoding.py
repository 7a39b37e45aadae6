"""From kept bytes to text, at the moment that somebody wants to read it.

Output is UTF-8 by convention and anything in practice. Bytes that are not UTF-8
become U+FFFD. A character that our own cut between head and tail went through is
not the command's fault: its bytes count as omitted instead.

``render`` takes a whole window. A ``StreamDecoder`` takes a stream piece by piece,
for those who follow it.
"""

from __future__ import annotations

import codecs
from typing import Final

import attrs
import msgspec

from commander.commands import OutputWindow

__all__ = [
    "HEAD_SHARE",
    "Rendered",
    "StreamDecoder",
    "gap_marker",
    "render",
    "shortened",
]

HEAD_SHARE: Final = 4
"""One part in this many is for the head: errors stand at the end of output."""

_LONGEST_CHARACTER: Final = 4
_CONTINUATION: Final = range(0x80, 0xC0)
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


@attrs.frozen(kw_only=True)
class Rendered:
    """A window as text."""

    text: str
    """With a marker line where bytes were omitted; else the whole stream."""
    omitted_bytes: int
    """What the marker says; zero if there is none."""


def render(
    window: OutputWindow, most_encoded_bytes: int | None = None, remedy: str = ""
) -> Rendered:
    """Turn what was kept into text; the marker's counts are exact.

    Args:
        window: What was kept.
        most_encoded_bytes: About how long the text may become as JSON. Control
            characters take six bytes each there, so a megabyte of zeros would become
            six. Where that is too long, more is omitted, and counted.
        remedy: Stands in the marker: how to get what is omitted.
    """
    if most_encoded_bytes is not None:
        kept = _text(window.head + window.tail)
        encoded_bytes = len(msgspec.json.encode(kept))
        if encoded_bytes > most_encoded_bytes:
            window = _shortened(window, most_encoded_bytes / encoded_bytes)
    return _rendered(window, remedy)


def shortened(window: OutputWindow, most_bytes: int) -> OutputWindow:
    """The window with at most so many bytes: a quarter of its head, the rest its tail.

    What is cut away counts as omitted.
    """
    head, tail = window.head, window.tail
    if len(head) + len(tail) <= most_bytes:
        return window
    if not window.omitted_bytes:
        # Nothing is missing yet, so the border between the two means nothing.
        data = head + tail
        head, tail = data[: most_bytes // HEAD_SHARE], data[most_bytes // HEAD_SHARE :]
    head_bytes = min(len(head), most_bytes // HEAD_SHARE)
    tail_bytes = min(len(tail), most_bytes - head_bytes)
    head_bytes = min(len(head), most_bytes - tail_bytes)
    return _cut(window, head[:head_bytes], tail[len(tail) - tail_bytes :])


def _rendered(window: OutputWindow, remedy: str) -> Rendered:
    if not window.omitted_bytes:
        return Rendered(text=_text(window.head + window.tail), omitted_bytes=0)
    head = _without_cut_end(window.head)
    tail = _without_cut_start(window.tail)
    omitted_bytes = window.total_bytes - len(head) - len(tail)
    marker = gap_marker(omitted_bytes, window.omitted_lines, remedy)
    return Rendered(
        text=f"{_text(head)}\n{marker}\n{_text(tail)}", omitted_bytes=omitted_bytes
    )


def _shortened(window: OutputWindow, share: float) -> OutputWindow:
    """The window with only this share of it left, cut in its middle."""
    head_bytes = int(len(window.head) * share)
    tail_start = len(window.tail) - int(len(window.tail) * share)
    return _cut(window, window.head[:head_bytes], window.tail[tail_start:])


def _cut(window: OutputWindow, head: bytes, tail: bytes) -> OutputWindow:
    """The window with only these of its bytes."""
    before, after = window.head + window.tail, head + tail
    newlines = before.count(b"\n") - after.count(b"\n")
    return attrs.evolve(
        window,
        head=head,
        tail=tail,
        omitted_bytes=window.omitted_bytes + len(before) - len(after),
        omitted_lines=window.omitted_lines + newlines,
    )


def gap_marker(omitted_bytes: int, omitted_lines: int, remedy: str = "") -> str:
    """The line that stands where output was left out."""
    how = f" - {remedy}" if remedy else ""
    return f"[... {omitted_bytes:,} bytes, {omitted_lines:,} lines omitted{how} ...]"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _without_cut_end(head: bytes) -> bytes:
    """Take off a character that begins in the last bytes and does not end there."""
    for length in range(1, min(_LONGEST_CHARACTER, len(head) + 1)):
        byte = head[-length]
        if byte in _CONTINUATION:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return head[:-length] if needed > length else head
    return head


def _without_cut_start(tail: bytes) -> bytes:
    """Take off the end of a character that began before the tail."""
    start = 0
    while (
        start < min(_LONGEST_CHARACTER - 1, len(tail)) and tail[start] in _CONTINUATION
    ):
        start += 1
    return tail[start:]


class StreamDecoder:
    """Decodes one stream from pieces that follow each other, with or without gaps.

    A character that two pieces share comes out with the second. One that a gap went
    through does not come out at all. Work is proportional to the piece: some 15
    milliseconds for a megabyte that is not UTF-8, so hand in parts of one.

    Args:
        offset: Where the first piece is expected. If it begins later, what is
            missing counts as omitted.
    """

    def __init__(self, offset: int = 0) -> None:
        self.invalid = 0
        """How often U+FFFD stands for bytes that are not UTF-8."""
        self.omitted_bytes = 0
        """What did not come, and what a gap cut of the characters beside it."""
        self._offset = offset
        self._begun = b""
        """A character's first bytes; the others have not come yet."""
        self._cut = _LONGEST_CHARACTER - 1 if offset else 0
        """Continuation bytes that may still belong to the character before a gap."""

    @property
    def pending_bytes(self) -> int:
        """Bytes that begin a character and wait for the rest of it."""
        return len(self._begun)

    def decode(self, offset: int, data: bytes) -> str:
        """The text of a piece, and of what was left of the one before.

        Args:
            offset: The first byte's, in the stream; not before the end of the
                last piece.
            data: Its bytes.
        """
        if offset != self._offset:
            self.omitted_bytes += offset - self._offset + len(self._begun)
            self._begun = b""
            self._cut = _LONGEST_CHARACTER - 1
        self._offset = offset + len(data)
        if self._cut:
            data = self._after_cut(data)
        return self._decoded(self._begun + data, final=False)

    def finish(self) -> str:
        """The stream has ended: what is left of it is no character."""
        return self._decoded(self._begun, final=True)

    def _after_cut(self, data: bytes) -> bytes:
        start = 0
        while self._cut and start < len(data):
            if data[start] in _CONTINUATION:
                self._cut -= 1
                start += 1
            else:
                self._cut = 0
        self.omitted_bytes += start
        return data[start:]

    def _decoded(self, data: bytes, *, final: bool) -> str:
        text, used = codecs.utf_8_decode(data, "replace", final)
        self._begun = data[used:]
        replaced = text.count(_REPLACEMENT)
        if replaced:
            # The command may have printed the character itself.
            own = data.count(_REPLACEMENT.encode(), 0, used)
            self.invalid += replaced - own
        return text
