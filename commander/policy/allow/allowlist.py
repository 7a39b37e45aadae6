"""The operator's entries, and which of them a command begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from commander.policy.allow.fields import Field

__all__ = ["AllowList"]

_MAX_SHOWN: Final = 12


class AllowList:
    """Entries, each as words.

    Args:
        entries: As the operator wrote them.
        words: The same, as words.
        may_set: Names that the operator allows to be set.
    """

    def __init__(
        self,
        entries: Iterable[str],
        words: Iterable[tuple[str, ...]],
        *,
        may_set: frozenset[str] = frozenset(),
    ) -> None:
        self._entries = tuple(entries)
        self._may_set = may_set
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for entry in words:
            if entry:
                self._by_first.setdefault(entry[0], []).append(entry)
        for found in self._by_first.values():
            found.sort(key=len, reverse=True)

    def may_set(self, name: str) -> bool:
        """Whether the operator allows a variable to be set."""
        return name in self._may_set

    def matching(self, fields: Sequence[Field]) -> tuple[tuple[str, ...], ...]:
        """The entries that a command begins with, word by word; the longest first."""
        return tuple(
            entry
            for entry in self._by_first.get(fields[0].text, ())
            if _begins(fields, entry)
        )

    def remedy(self) -> str:
        """What would be allowed, for a model."""
        shown = ", ".join(f"`{entry}`" for entry in self._entries[:_MAX_SHOWN])
        more = len(self._entries) - _MAX_SHOWN
        rest = f" (and {more} more)" if more > 0 else ""
        return (
            f"Allowed are commands that begin with {shown}{rest}; an operator can add "
            "others to MCP_ALLOWED_COMMANDS."
        )


def _begins(fields: Sequence[Field], entry: tuple[str, ...]) -> bool:
    if len(fields) < len(entry):
        return False
    return all(
        field.static and field.text == word
        for field, word in zip(fields, entry, strict=False)
    )
