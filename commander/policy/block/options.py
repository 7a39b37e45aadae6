"""Telling options from operands on a command's words, the way getopt does."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

__all__ = ["Parsed", "read_options"]


@attrs.frozen
class Parsed:
    """A command's words after its program, told apart."""

    options: tuple[tuple[str, str | None], ...]
    """Name without dashes, and its value if it has one."""
    operands: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether one of the options was given.

        Long names also match by abbreviation, from their second letter on.
        """
        return any(
            _stands_for(given, name) for given, _ in self.options for name in names
        )

    def values(self, names: Collection[str]) -> list[str]:
        """The values given to some options."""
        return [
            value for name, value in self.options if name in names and value is not None
        ]


def _stands_for(given: str, name: str) -> bool:
    return given == name or (len(given) > 1 and name.startswith(given))


def read_options(
    words: Sequence[str], with_value: Collection[str] = (), *, permute: bool = True
) -> Parsed:
    """Split words into options and operands.

    Args:
        words: What follows the program.
        with_value: Names of options, of one letter or long, that take the next
            word as value if none is attached.
        permute: Whether options may also follow operands, as in GNU programs;
            without it the first operand ends them.
    """
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            if not permute:
                break
            continue
        found = _long(word) if word.startswith("--") else _cluster(word, with_value)
        name, value = found[-1]
        if name in with_value and value is None and index < len(words):
            found[-1] = (name, words[index])
            index += 1
        options.extend(found)
    return Parsed(tuple(options), (*operands, *words[index:]))


def _long(word: str) -> list[tuple[str, str | None]]:
    name, equals, value = word[2:].partition("=")
    return [(name, value if equals else None)]


def _cluster(word: str, with_value: Collection[str]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for place, letter in enumerate(word[1:], start=2):
        if letter in with_value:
            found.append((letter, word[place:] or None))
            break
        found.append((letter, None))
    return found
