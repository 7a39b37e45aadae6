"""Commands in a text that the parser does not model, as far as they can be told.

A text is cut where a shell would begin another command, quotes are removed, and what
stands in front of a command (keywords, assignments, redirections) is dropped. That
finds what stands in the place of a command and leaves ``git add`` and
``grep 'dd if='`` alone. It is a scan and no parser: quotes that are never closed
count for nothing, and what is inside double quotes is looked at for substitutions
only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from commander.policy.wordset import wordset

__all__ = ["Found", "commands", "forks"]

_TOKEN: Final = re.compile(
    r"""
      (?P<comment>(?:^|(?<=[\s;&|(]))\#[^\n]*)
    | (?P<single>\$?'[^']*')
    | (?P<double>\$?"(?:[^"\\$`]|\\.)*+")
    | (?P<escaped>\\.)
    | (?P<default>\$\{\w+:?[-=+])
    | (?P<inside>\$\(|<\(|>\()
    | (?P<redirection>\d*(?:<<-?|[<>]+[&|]?)[ \t]*)
    | (?P<end>[;&|\n(){}`])
    | (?P<blank>[ \t]+)
    | (?P<quote>['"])
    | (?P<plain>[^\s;&|(){}`'"\\<>$]+|\$)
    """,
    re.VERBOSE | re.DOTALL,
)
_HERE_DOCUMENT: Final = re.compile(r"<<-?[ \t]*(['\"]?)(\w{1,64})\1([^\n]*)\n")
_KEYWORDS: Final = wordset(
    "if then elif else fi while until do done ! time coproc in esac"
)
_NAMING: Final = wordset("for select function case")
"""Keywords that take the next word."""
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^]]*\])?\+?=")
_SHELL: Final = re.compile(r"\b(?:ba|da|z|k)?sh\b")
_MAX_BODIES: Final = 32
_FORKS: Final = re.compile(
    r"(?:^|[\s;&|])(?:function\s+)?(?P<name>[\w:.@-]{1,32})\s{0,9}\(\s{0,9}\)\s{0,9}"
    r"[{(][^}]{0,256}?(?<![\w:.@-])(?P=name)\s{0,9}(?:\|\s{0,9}(?P=name)|&(?!&))"
)
_MAX_WORDS: Final = 256
_PIECES: Final = frozenset({"single", "double", "escaped", "plain"})


@attrs.frozen
class Found:
    """What may be a command."""

    words: tuple[str, ...]
    """Without quotes; empty for a redirection that stands alone."""
    writes: tuple[str, ...] = ()
    """Files that its output is redirected to."""


def commands(text: str) -> Iterator[Found]:
    """Everything that may be a command, one after the other."""
    words: list[str] = []
    writes: list[str] = []
    pieces: list[str] = []
    target: list[str] | None = words
    for token in _TOKEN.finditer(_without_bodies(text)):
        kind = token.lastgroup
        if kind is not None and kind in _PIECES:
            pieces.append(_unquoted(kind, token[0]))
            continue
        if kind == "default" and not words and not pieces:
            continue  # ${x:-a b}: the text is the command
        if kind != "quote" and pieces:
            if target is not None:
                target.append("".join(pieces))
            pieces, target = [], words
        if kind == "redirection":
            target = writes if ">" in token[0] else None
        elif kind in ("inside", "end"):
            yield from _command(words, writes)
            words, writes = [], []
            target = words
    if pieces and target is not None:
        target.append("".join(pieces))
    yield from _command(words, writes)


def _unquoted(kind: str, text: str) -> str:
    if kind == "escaped":
        return text[1:].strip("\n")
    return text if kind == "plain" else text.lstrip("$")[1:-1]


def _command(words: list[str], writes: list[str]) -> Iterator[Found]:
    start = 0
    while start < len(words):
        if words[start] in _NAMING:
            start += 1  # and what it names
        elif words[start] not in _KEYWORDS and not _ASSIGNMENT.match(words[start]):
            break
        start += 1
    if start < len(words) or writes:
        yield Found(tuple(words[start : start + _MAX_WORDS]), tuple(writes))


def _without_bodies(text: str) -> str:
    """Drop here-documents that no shell reads."""
    kept: list[str] = []
    start = 0
    last_line = text.rfind("\n") + 1
    for _ in range(_MAX_BODIES):
        found = _HERE_DOCUMENT.search(text, start, last_line)
        if found is None:
            break
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.end()]
        end = re.compile(rf"^[ \t]*{found[2]}$", re.MULTILINE).search(text, found.end())
        if end is None or _SHELL.search(line):
            kept.append(text[start : found.end()])
            start = found.end()
        else:
            kept.append(text[start : found.start()] + found[3])
            start = end.end()
    return "".join(kept) + text[start:]


def forks(text: str) -> str | None:
    """The name of a function that calls itself in a pipeline or the background."""
    found = _FORKS.search(text)
    return found["name"] if found else None
