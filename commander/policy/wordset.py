"""Tables of words, written the way people read them."""

from __future__ import annotations

__all__ = ["wordset"]


def wordset(text: str) -> frozenset[str]:
    """The words of a text, without their order."""
    return frozenset(text.split())
