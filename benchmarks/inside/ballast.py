"""Memory that a server holds, as a busy one does: in many small objects.

A fork copies the page tables of all of it. One large block could stand in huge
pages, of which there are few.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ballast"]

_OBJECT_BYTES: Final = 1000


def ballast(mebibytes: int) -> list[bytes]:
    """Resident as long as the result is kept."""
    count = (mebibytes << 20) // _OBJECT_BYTES
    return [bytes((number & 0xFF,)) * _OBJECT_BYTES for number in range(count)]
