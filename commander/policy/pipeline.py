"""Which program an exit status comes from."""

from __future__ import annotations

from collections.abc import Iterator

from commander.policy.budget import Budget, TooDeepError, TooMuchError
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import (
    Command,
    CommandSubstitution,
    Dialect,
    HereDocument,
    Parameter,
    Pipeline,
    ProcessSubstitution,
    Simple,
    Statement,
    Word,
)

__all__ = ["final_program"]


def final_program(command: str, dialect: Dialect = Dialect.SH) -> str | None:
    """The program whose exit status is that of the command.

    Args:
        command: A shell text.
        dialect: Of the shell that reads it.

    Returns:
        The first word of the last element, as written without quotes, if the text
        is one pipeline of simple commands with static words, not negated and not in
        the background; else None. Leading assignments give None too.
    """
    try:
        script = parse(command, dialect, budget=Budget())
    except (NotModelledError, TooDeepError, TooMuchError):
        return None
    match script:
        case (
            Statement(
                Pipeline(commands, negated=False, timed=False), (), background=False
            ),
        ):
            names = [_program(command) for command in commands]
            return names[-1] if all(names) else None
    return None


def _program(command: Command) -> str | None:
    match command:
        case Simple((), (Word() as first, *_)) if not any(
            map(_substitutes, _words(command))
        ):
            return first.static
    return None


def _words(command: Simple) -> Iterator[Word]:
    yield from (word for word in command.words if isinstance(word, Word))
    for each in command.redirections:
        yield each.body if isinstance(each, HereDocument) else each.target


def _substitutes(word: Word) -> bool:
    """Whether commands run while a word is expanded."""
    for part in word.parts:
        if isinstance(part, CommandSubstitution | ProcessSubstitution):
            return True
        if isinstance(part, Parameter) and any(map(_substitutes, part.words)):
            return True
    return False
