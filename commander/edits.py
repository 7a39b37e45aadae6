"""How far apart two names are."""

from __future__ import annotations

__all__ = ["edits"]


def edits(one: str, other: str, most: int) -> int:
    """Levenshtein's distance, or any number above ``most`` if it is above it."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        above, row = row, [i]
        for j, b in enumerate(other, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b)))
    return row[-1]
