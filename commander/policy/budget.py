"""How much work one decision may take.

A shell text of a few hundred characters can stand for millions of words. Everything
that reads, expands or walks a text draws on one budget per decision, so the time of
a decision has a bound whatever the text is.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_COMMANDS",
    "MAX_NESTED_CHARACTERS",
    "MAX_NESTING",
    "MAX_WORK",
    "Budget",
    "TooDeepError",
    "TooMuchError",
]

MAX_COMMANDS: Final = 2_000
"""Read in one decision, nested texts included."""

MAX_WORK: Final = 20_000
"""Steps of one decision: words read, words expanded, commands looked at. A step
takes one or two microseconds."""

MAX_NESTED_CHARACTERS: Final = 128 * 1024
"""All texts that nested shells are given, together: variables can multiply them."""

MAX_NESTING: Final = 60
"""Levels of substitutions, groups and nested shell texts; deeper has no honest use,
and the readers recurse."""

_CHARACTERS_PER_STEP: Final = 16
_CHARGE_PER_TEXT: Final = 64


class TooDeepError(ValueError):
    """The text nests deeper than ``MAX_NESTING``."""


class TooMuchError(ValueError):
    """A bound of this module is reached; the message continues "the command"."""


class Budget:
    """What is left for one decision."""

    def __init__(self) -> None:
        self.commands = 0
        """Commands read so far."""
        self.work = 0
        """Steps taken so far."""
        self._nested_characters = 0

    def command(self) -> None:
        """Count one command.

        Raises:
            TooMuchError: There were ``MAX_COMMANDS`` before it.
        """
        self.commands += 1
        if self.commands > MAX_COMMANDS:
            raise TooMuchError(f"holds over {MAX_COMMANDS} commands")

    def spend(self, steps: int, characters: int = 0) -> None:
        """Count work before it is done.

        Raises:
            TooMuchError: All of it comes to over ``MAX_WORK`` steps.
        """
        self.work += steps + characters // _CHARACTERS_PER_STEP
        if self.work > MAX_WORK:
            raise TooMuchError(f"takes over {MAX_WORK} steps to expand and check")

    def nested_text(self, characters: int) -> None:
        """Count a text that a shell is given.

        Raises:
            TooMuchError: All of them are longer than ``MAX_NESTED_CHARACTERS``.
        """
        self._nested_characters += characters + _CHARGE_PER_TEXT
        if self._nested_characters > MAX_NESTED_CHARACTERS:
            raise TooMuchError(
                f"has nested shells run over {MAX_NESTED_CHARACTERS} characters"
            )
