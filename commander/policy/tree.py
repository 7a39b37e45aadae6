"""What a shell text is made of, as far as blocklists need to know.

The tree is looser than the shell's grammar: conditions, loops and branches are
flattened into the sequence of their commands, since a blocklist cares what can
run and not when.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

__all__ = [
    "Command",
    "Function",
    "Group",
    "Loop",
    "Parameter",
    "Part",
    "Pipeline",
    "Redirection",
    "Script",
    "Simple",
    "Substitution",
    "Text",
    "Word",
]


@attrs.frozen
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool
    """Not open to brace expansion, and never part of a keyword."""


@attrs.frozen
class Parameter:
    """``$name``, or any other expansion that is not a command's output."""

    name: str | None
    """None for what is not looked up: arithmetic, lengths, substrings, arrays."""
    inner: Word | None
    """The default of ``${name:-default}``; without a name, whatever stands inside,
    kept for the substitutions in it."""
    quoted: bool


@attrs.frozen
class Substitution:
    """``$(...)``, backticks, ``<(...)`` or ``>(...)``."""

    script: Script
    quoted: bool
    is_file: bool = False
    """It becomes the name of a file that the output can be read from."""


Part = Text | Parameter | Substitution


@attrs.frozen
class Word:
    """One word as written: its pieces, in order."""

    parts: tuple[Part, ...]

    @property
    def bare(self) -> str | None:
        """The text, if all of it is unquoted: only then can it be a keyword."""
        match self.parts:
            case (Text(text=text, quoted=False),):
                return text
        return None

    @property
    def static(self) -> str | None:
        """The text after quote removal, or None if anything is expanded in it."""
        if all(isinstance(part, Text) for part in self.parts):
            return "".join(part.text for part in self.parts if isinstance(part, Text))
        return None

    def scripts(self) -> Iterator[Script]:
        """The commands that run while the word is expanded."""
        for part in self.parts:
            if isinstance(part, Substitution):
                yield part.script
            elif isinstance(part, Parameter) and part.inner is not None:
                yield from part.inner.scripts()


@attrs.define
class Redirection:
    """``> file``, ``<<< text`` or a here-document."""

    operator: str
    target: Word
    """Of a here-document: its body, known only once its lines were read."""


@attrs.frozen
class Simple:
    """Assignments, words and redirections."""

    assignments: tuple[tuple[str, Word], ...] = ()
    """Name, with a ``+`` at its end if the value is appended."""
    words: tuple[Word, ...] = ()
    redirections: tuple[Redirection, ...] = ()


@attrs.frozen
class Group:
    """Commands in braces or parentheses, or the branches of a ``case``."""

    body: Script
    redirections: tuple[Redirection, ...] = ()
    subshell: bool = False


@attrs.frozen
class Function:
    """A function definition."""

    name: str
    body: Script


@attrs.frozen
class Loop:
    """The head of a ``for``, ``select`` or ``case``; what it governs follows."""

    name: str
    """The variable that takes each of the words; empty for a ``case``."""
    words: tuple[Word, ...]


Command = Simple | Group | Function | Loop


@attrs.frozen
class Pipeline:
    """Commands joined by ``|``."""

    commands: tuple[Command, ...]
    background: bool = False
    after_keyword: bool = False
    """A keyword such as ``!``, ``time`` or ``then`` stands before a command in it."""


Script = tuple[Pipeline, ...]
