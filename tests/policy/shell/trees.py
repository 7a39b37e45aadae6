"""Shorthands for trees, for tests of what reads and writes them."""

from __future__ import annotations

from hypothesis import strategies as st

from commander.policy.shell.parser import (
    parse,
)
from commander.policy.shell.syntax import (
    Command,
    Dialect,
    HereDocument,
    Literal,
    Parameter,
    Part,
    Pipeline,
    Script,
    Simple,
    Statement,
    Word,
)

SH, BASH = Dialect.SH, Dialect.BASH
BOTH = (SH, BASH)


SHELLISH = st.lists(
    st.sampled_from(
        [
            *"abx '\"\\$`(){}[]<>|&;\n#~*?!=:,.-+/%^@0",
            *("$(", "${", "$((", "<<E\n", "E\n", "if ", "then ", "fi ", "case "),
            *(" in ", "esac ", "do ", "done ", "for ", "[[ "),
        ]
    ),
    max_size=40,
).map("".join)
"""Characters and words that mean something to a shell, in any order."""


def word(*parts: Part | str) -> Word:
    """A word; text stands for a literal."""
    return Word(
        tuple(Literal(part) if isinstance(part, str) else part for part in parts)
    )


def simple(*words: str | Word) -> Simple:
    return Simple(
        words=tuple(word(one) if isinstance(one, str) else one for one in words)
    )


def script(*commands: Command) -> Script:
    return tuple(Statement(Pipeline((command,))) for command in commands)


A, B, C = (script(simple(name)) for name in "abc")
"""The scripts ``a``, ``b`` and ``c``."""
X = Parameter("x")
QUOTED_X = Parameter("x", quoted=True)


def only(text: str, dialect: Dialect = BASH) -> Command:
    """The one command of a text."""
    (statement,) = parse(text, dialect)
    (command,) = statement.first.commands
    assert statement == Statement(Pipeline((command,)))
    return command


def argument(text: str, dialect: Dialect = BASH) -> Word:
    """What the one argument of a command was read as."""
    command = only(f"echo {text}", dialect)
    assert isinstance(command, Simple)
    (_, one) = command.words
    assert isinstance(one, Word)
    return one


def arguments(text: str, dialect: Dialect = BASH) -> list[str | None]:
    """The arguments of a command, if they are static."""
    command = only(f"echo {text}", dialect)
    assert isinstance(command, Simple)
    return [one.static for one in command.words[1:] if isinstance(one, Word)]


def here(*parts: Part | str, descriptor: int | None = None) -> HereDocument:
    return HereDocument(word(*parts), descriptor)
