"""Which program an exit status comes from."""

from __future__ import annotations

from commander.policy.budget import TooMuchError
from commander.policy.grammar import parse
from commander.policy.tree import Command, Pipeline, Simple
from commander.policy.words import TooDeepError, UnreadableError

__all__ = ["final_program"]


def final_program(command: str) -> str | None:
    """The program whose exit status is that of the command.

    Returns:
        The first word of the last element, as written without quotes, if the text
        is one pipeline of simple commands with static words, not negated and not in
        the background; else None. Leading assignments give None too.
    """
    try:
        script = parse(command)
    except (UnreadableError, TooDeepError, TooMuchError):
        return None
    match script:
        case (Pipeline(background=False, after_keyword=False, commands=commands),):
            names = [_program(command) for command in commands]
            return names[-1] if all(names) else None
    return None


def _program(command: Command) -> str | None:
    match command:
        case Simple(assignments=(), words=(first, *_)) if not _substitutes(command):
            return first.static
    return None


def _substitutes(command: Simple) -> bool:
    targets = (redirection.target for redirection in command.redirections)
    return any(
        next(word.scripts(), None) is not None for word in (*command.words, *targets)
    )
