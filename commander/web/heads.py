"""The fields of an ordinary request head, read in one go.

Twisted reads a head line by line, and each line in several steps: a fourth of the
time of a small request. Nearly all heads arrive in one piece and hold nothing odd;
those are read here. Whatever is odd, hostile or merely old, is not judged here but
left to Twisted's reader, so what is refused and how does not change.
"""

from __future__ import annotations

from typing import Final

from twisted.web.http_headers import Headers

__all__ = ["read_fields"]

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


def read_fields(text: bytes) -> tuple[Headers, list[bytes]] | None:
    """Read header lines, or return None if there is anything odd about them.

    Args:
        text: The lines, CR LF between them and none at the end.

    Returns:
        The fields; and the lines that say how long the body is, which are not among
        them, for Twisted to judge.
    """
    lines = text.split(b"\r\n")
    if b"\0" in text or not text.count(b"\r") == text.count(b"\n") == len(lines) - 1:
        return None
    headers = Headers()
    framing = []
    try:
        for line in lines:
            name, value = line.split(b":", 1)
            if name.lower() in _FRAMING:
                framing.append(line)
            else:
                headers.addRawHeader(name, value.strip(b" \t"))
    except ValueError:  # no colon, or no name, as in a continued line
        return None
    return headers, framing
