"""What waits for the disk, or is on its way there."""

from __future__ import annotations

from array import array
from typing import Final

from commander.output.order import RUN_BYTES

__all__ = ["NOTHING", "Block"]


class Block:
    """Bytes in the order of reads, and the ends of runs among them."""

    __slots__ = ("data", "ends")

    def __init__(self) -> None:
        self.data = bytearray()
        self.ends: array[int] = array("Q")

    @property
    def size_bytes(self) -> int:
        """In memory, and then on disk."""
        return len(self.data) + RUN_BYTES * len(self.ends)


NOTHING: Final = Block()
"""Of all jobs that have none; never written to."""
