"""How ``find`` reads its words: where it starts, and what it runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import attrs

from commander.policy.wordset import wordset

__all__ = ["Search", "find_commands", "search_roots", "split_find"]

_RUNNERS: Final = wordset("-exec -execdir -ok -okdir")
_MAX_ROOTS: Final = 16
_NOT_NARROWING: Final = wordset(
    "-H -L -P -delete -depth -d -follow -ls -maxdepth -mindepth -mount -noleaf -print "
    "-print0 -type -xdev"
)


@attrs.frozen
class Search:
    """The words of a ``find``, told apart."""

    own: tuple[str, ...]
    """Without the commands and the options that name them."""
    commands: tuple[tuple[str, ...], ...]
    """What it runs on what it meets."""


def split_find(words: Sequence[str]) -> Search:
    """Tell the words behind ``find`` apart."""
    own: list[str] = []
    commands: list[list[str]] = []
    target = own
    for word in words:
        if target is own and word in _RUNNERS:
            commands.append(target := [])
        elif target is not own and word in (";", "+"):
            target = own
        else:
            target.append(word)
    return Search(tuple(own), tuple(map(tuple, commands)))


def find_commands(search: Search) -> list[tuple[str, ...]]:
    """The commands that are not empty."""
    return [command for command in search.commands if command]


def search_roots(words: Sequence[str]) -> list[str]:
    """Where a ``find`` starts, if no test narrows what it meets to less than all."""
    own = split_find(words).own
    if any(w.startswith("-") and w not in _NOT_NARROWING for w in own):
        return []
    paths = itertools.takewhile(
        lambda word: not word.startswith(("-", "(", "!")),
        itertools.dropwhile(lambda word: word in ("-H", "-L", "-P"), own),
    )
    return list(itertools.islice(paths, _MAX_ROOTS)) or ["."]
