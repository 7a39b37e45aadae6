"""What a shell text is made of: one tree for sh and for bash.

The tree is canonical. It says what a text means, not how it was spelled: quotes are
removed, backticks are substitutions, brace expansions are the words they stand for,
line continuations and comments are gone. So two texts that mean the same tend to
have the same tree, rules have one shape to look at, and the text that ``render``
writes from a tree reads back to an equal tree.

Every value is frozen, and every sequence a tuple.
"""

from __future__ import annotations

import enum

import attrs

__all__ = [
    "Arithmetic",
    "ArithmeticCommand",
    "ArithmeticFor",
    "Array",
    "Assignment",
    "Case",
    "CaseArm",
    "Command",
    "CommandSubstitution",
    "Conditional",
    "Dialect",
    "For",
    "Function",
    "Glob",
    "Group",
    "HereDocument",
    "If",
    "Link",
    "Literal",
    "Loop",
    "Parameter",
    "Part",
    "Pipeline",
    "ProcessSubstitution",
    "Redirection",
    "Script",
    "Simple",
    "Statement",
    "Subshell",
    "Tilde",
    "Word",
]


class Dialect(enum.Enum):
    """Which shell reads a text."""

    SH = "sh"
    """POSIX, as dash reads it; what only bash knows is ordinary text here."""
    BASH = "bash"


# --- words -------------------------------------------------------------------------


@attrs.frozen
class Literal:
    """Characters that stand for themselves, quoted or not. Never next to another."""

    text: str
    """Empty only where it is the only part of its word, as in ``''``."""


@attrs.frozen
class Glob:
    """A run of unquoted characters that hold, or belong to, a pattern.

    In a word that has an unquoted ``*``, ``?`` or ``[`` every unquoted run is one of
    these, since what ``-`` or ``!`` means may depend on a bracket before it. So
    ``src/*.py`` is one ``Glob``, and ``'a b'*`` a ``Literal`` and a ``Glob``.
    """

    text: str
    """As written. Holds no character that quotes, expands or ends a word, and none of
    ``{ } , ~ # %``, which mean nothing in a pattern and are literals beside it. Only
    in a regular expression of ``[[`` there may be any of these but quotes."""


@attrs.frozen
class Tilde:
    """``~`` or ``~user`` where the shell expands it to a home directory."""

    user: str = ""


@attrs.frozen
class Parameter:
    """``$name`` and ``${name...}``.

    ``operator`` tells what happens to the value, and ``words`` holds its operands:

    =====================================  ==========================================
    operator                               words
    =====================================  ==========================================
    (empty)                                none
    ``-`` ``:-`` ``=`` ``:=`` ``?`` ``:?``
    ``+`` ``:+``                           the alternative
    ``%`` ``%%`` ``#`` ``##``              the pattern
    ``length``                             none: ``${#name}``
    ``/`` ``//`` ``/#`` ``/%``             pattern, and the replacement if there is one
    ``^`` ``^^`` ``,`` ``,,``              the pattern if there is one
    ``:``                                  offset, and length if there is one;
                                           arithmetic text
    ``@X``, X a letter                     none: ``${name@Q}``
    ``!``                                  none: ``${!name}``; or ``*`` or ``@``, of
                                           ``${!prefix*}``
    =====================================  ==========================================

    Operators from ``/`` on are bash's.
    """

    name: str
    """A name, a number, or one of ``@ * # ? - $ !``."""
    quoted: bool = False
    """It stands between double quotes: the value is one word and no pattern."""
    operator: str = ""
    words: tuple[Word, ...] = ()
    subscript: Word | None = None
    """Of ``${name[subscript]}``; ``@`` and ``*`` are literals."""


@attrs.frozen
class CommandSubstitution:
    """``$(...)`` or backticks: the output of commands."""

    script: Script
    quoted: bool = False


@attrs.frozen
class ProcessSubstitution:
    """``<(...)`` or ``>(...)``: the name of a pipe to commands."""

    direction: str
    """``<`` or ``>``."""
    script: Script


@attrs.frozen
class Arithmetic:
    """``$((...))``."""

    expression: Word
    """Expanded as if between double quotes, then calculated."""
    quoted: bool = False


Part = (
    Literal
    | Glob
    | Tilde
    | Parameter
    | CommandSubstitution
    | ProcessSubstitution
    | Arithmetic
)


@attrs.frozen
class Word:
    """One word: its parts, in order. Without parts it is the empty text of a body."""

    parts: tuple[Part, ...]

    @property
    def static(self) -> str | None:
        """The text, or None if anything in it is expanded or is a pattern."""
        parts = self.parts
        if len(parts) == 1 and isinstance(parts[0], Literal):
            return parts[0].text
        return None if parts else ""


# --- simple commands ---------------------------------------------------------------


@attrs.frozen
class Array:
    """``(a b [key]=c)``: the value of an array assignment."""

    elements: tuple[Word | Assignment, ...]
    """An ``Assignment`` for ``[key]=value``; its name is empty."""


@attrs.frozen
class Assignment:
    """``name=value``, ``name+=value``, ``name[subscript]=value``."""

    name: str
    value: Word | Array
    append: bool = False
    subscript: Word | None = None


@attrs.frozen
class Redirection:
    """``2>file`` and the like; also ``<<<word``.

    ``&>file`` is two of them: ``>file`` and ``2>&1``.
    """

    operator: str
    """``<`` ``>`` ``>>`` ``>|`` ``<>`` ``<&`` ``>&`` or ``<<<``."""
    target: Word
    descriptor: int | None = None
    """None for what the operator means without a number."""


@attrs.frozen
class HereDocument:
    """``<<END``: lines that a command reads.

    Whether the delimiter was quoted shows only in the body: a quoted one makes all
    of it literal.
    """

    body: Word
    """Parts as between double quotes; without tabs that ``<<-`` strips."""
    descriptor: int | None = None


@attrs.frozen
class Simple:
    """Assignments, words and redirections; not all three empty."""

    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word | Assignment, ...] = ()
    """An ``Assignment`` only after a declaring builtin of bash, as in
    ``declare -a x=(1 2)``, and only for an ``Array``; everything else is a word."""
    redirections: tuple[Redirection | HereDocument, ...] = ()


# --- compound commands -------------------------------------------------------------


@attrs.frozen
class Group:
    """``{ ...; }``."""

    body: Script
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class Subshell:
    """``( ... )``."""

    body: Script
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class If:
    """``if``, with every ``elif``."""

    branches: tuple[tuple[Script, Script], ...]
    """Condition and body of each, in order; at least one."""
    otherwise: Script | None = None
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class Loop:
    """``while`` or ``until``."""

    condition: Script
    body: Script
    until: bool = False
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class For:
    """``for name in words``, or bash's ``select``."""

    name: str
    words: tuple[Word, ...] | None
    """None without ``in``: the arguments of the shell."""
    body: Script
    select: bool = False
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class ArithmeticFor:
    """bash's ``for ((start; condition; step))``."""

    start: Word
    condition: Word
    step: Word
    body: Script
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class CaseArm:
    """``pattern|pattern) ... ;;``."""

    patterns: tuple[Word, ...]
    body: Script
    """May be empty."""
    terminator: str = ";;"
    """``;;``, or bash's ``;&`` and ``;;&``."""


@attrs.frozen
class Case:
    """``case word in ... esac``."""

    subject: Word
    arms: tuple[CaseArm, ...]
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class Function:
    """``name() command``."""

    name: str
    body: Command


@attrs.frozen
class ArithmeticCommand:
    """bash's ``(( ... ))``."""

    expression: Word
    redirections: tuple[Redirection | HereDocument, ...] = ()


@attrs.frozen
class Conditional:
    """bash's ``[[ ... ]]``."""

    tokens: tuple[Word | str, ...]
    """Words; and as text ``(`` ``)`` ``!`` ``&&`` ``||``, and operators such as ``-f``,
    ``==`` ``=~`` ``<`` that stood unquoted where one was expected."""
    redirections: tuple[Redirection | HereDocument, ...] = ()


Command = (
    Simple
    | Group
    | Subshell
    | If
    | Loop
    | For
    | ArithmeticFor
    | Case
    | Function
    | ArithmeticCommand
    | Conditional
)


# --- sequences ---------------------------------------------------------------------


@attrs.frozen
class Pipeline:
    """Commands joined by ``|``. ``a |& b`` is ``a 2>&1 | b``."""

    commands: tuple[Command, ...]
    negated: bool = False
    timed: bool = False
    """bash's keyword ``time``; in sh that is the name of a program."""


@attrs.frozen
class Link:
    """One more link of a list: ``&& pipeline`` or ``|| pipeline``."""

    operator: str
    pipeline: Pipeline


@attrs.frozen
class Statement:
    """A list of pipelines, ended by ``;``, a line break or ``&``."""

    first: Pipeline
    rest: tuple[Link, ...] = ()
    background: bool = False


Script = tuple[Statement, ...]
