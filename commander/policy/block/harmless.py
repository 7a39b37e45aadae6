"""Scripts that no blocklist can be about, told at a glance.

Most commands are a few programs by name, joined by pipes and ``&&``. Where each of
them is one that runs nothing else, whatever its words are, there is nothing to walk
through. Whatever is not that plain is walked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from commander.policy.shell.syntax import (
    Command,
    Glob,
    HereDocument,
    Literal,
    Parameter,
    Script,
    Simple,
    Tilde,
    Word,
)
from commander.policy.wordset import wordset

__all__ = ["is_harmless"]

_PROGRAMS: Final = wordset(
    "ls cat grep egrep fgrep head tail wc sort uniq cut tr echo printf pwd true false "
    ": test [ basename dirname realpath readlink date whoami id uname hostname stat "
    "file du df ps which md5sum sha1sum sha256sum sha512sum cksum nl rev tac fold fmt "
    "paste "
    "comm join seq sleep diff cmp column jq tree mkdir rmdir touch wait exit "
    "printenv nproc free uptime lsof ss"
)
"""They write to no device but by a redirection, and run no command that they are
given."""


def is_harmless(script: Script, listed: Collection[str]) -> bool:
    """Whether nothing in a script can be on a list.

    Args:
        script: What would run.
        listed: Programs that the operator's patterns are about.
    """
    return all(_is_plain(command, listed) for command in _commands(script))


def _commands(script: Script) -> Iterator[Command]:
    for statement in script:
        yield from statement.first.commands
        for link in statement.rest:
            yield from link.pipeline.commands


def _is_plain(command: Command, listed: Collection[str]) -> bool:
    if not isinstance(command, Simple) or command.assignments or not command.words:
        return False
    first = command.words[0]
    name = first.static if isinstance(first, Word) else None
    if name not in _PROGRAMS or name in listed:
        return False
    if not all(
        isinstance(word, Word) and _runs_nothing(word) for word in command.words
    ):
        return False
    for redirection in command.redirections:
        if isinstance(redirection, HereDocument):
            if not _runs_nothing(redirection.body):
                return False
        else:
            target = redirection.target.static
            if target is None or (target[:1] == "/" and target != "/dev/null"):
                return False
    return True


def _runs_nothing(word: Word) -> bool:
    for part in word.parts:
        if isinstance(part, Literal | Glob | Tilde):
            continue
        if not isinstance(part, Parameter) or part.words or part.subscript:
            return False
    return True
