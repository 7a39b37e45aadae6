"""The mark of what nobody knows."""

from __future__ import annotations

from typing import Final

__all__ = ["UNKNOWN"]

UNKNOWN: Final = "\ufdd0"
"""Stands for text that is not known: a code point that is no character, so it reads as
an ordinary one where a text that holds it is parsed again."""
