"""What must not run, whatever the allow-list says: defaults and the operator's.

An operator's pattern is compared word by word with every command of the text: the
program by its base name, the rest with and without the options before a subcommand.
A pattern that is more than plain words (``> /etc/hosts``) cannot be compared so; it
is searched in the text as it stands.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

import attrs

from commander.policy.budget import Budget
from commander.policy.carriers import program_of
from commander.policy.dangers import DISPLAY_NAMES, PROGRAMS, default_danger
from commander.policy.expansion import UNKNOWN
from commander.policy.options import read_options
from commander.policy.simple import plain_words
from commander.policy.walk import Invocation, invocations
from commander.policy.words import UnreadableError
from commander.policy.wordset import wordset

__all__ = ["Blocklist", "Hit"]

_GIT_GLOBAL: Final = wordset(
    "C c git-dir work-tree namespace config-env super-prefix attr-source"
)
"""Options before git's subcommand that take the next word."""
_QUOTING: Final = re.compile(r"[\\'\"]")
_WORD: Final = re.compile(r"[A-Za-z0-9_./~*-]+")


@attrs.frozen
class Hit:
    """Why a text is refused."""

    name: str
    """The entry, as the lists show it."""
    operators: bool
    """The entry is the operator's, not a default one."""
    found: str
    """The words that it stands for in this text."""


class Blocklist:
    """The operator's patterns and, unless switched off, the default list."""

    def __init__(self, patterns: tuple[str, ...], *, use_default: bool) -> None:
        self.names = patterns + (DISPLAY_NAMES if use_default else ())
        self._use_default = use_default
        self._patterns: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._texts: list[str] = []
        for pattern in patterns:
            words = plain_words(pattern)
            if isinstance(words, tuple) and words:
                entry = (pattern, words[1:])
                self._patterns.setdefault(program_of(words), []).append(entry)
            elif pattern.strip():
                self._texts.append(pattern)

    def find(self, text: str, directory: str | None) -> Hit | None:
        """The first thing in a shell text that is listed.

        Args:
            text: Any shell text.
            directory: Where it starts; None if that is not known.

        Raises:
            TooDeepError: The text nests too deep to be judged.
            TooMuchError: It takes too much work to be judged.
        """
        return next(self._hits(text, directory), None)

    def _hits(self, text: str, directory: str | None) -> Iterator[Hit]:
        for pattern in self._texts:
            if pattern in text:
                yield Hit(pattern, operators=True, found=pattern)
        try:
            for invocation in invocations(text, directory, Budget()):
                danger = default_danger(invocation) if self._use_default else None
                if danger is not None:
                    yield Hit(danger, operators=False, found=_shown(invocation))
                for pattern in self._matching(invocation.words):
                    yield Hit(pattern, operators=True, found=_shown(invocation))
        except UnreadableError:
            yield from self._scan(text)

    def _matching(self, words: tuple[str, ...]) -> Iterator[str]:
        program = program_of(words)
        entries = self._patterns.get(program, ())
        if not entries:
            return
        with_value = _GIT_GLOBAL if program == "git" else ()
        operands = read_options(words[1:], with_value, permute=False).operands
        for pattern, wanted in entries:
            if wanted in (words[1 : len(wanted) + 1], operands[: len(wanted)]):
                yield pattern

    def _scan(self, text: str) -> Iterator[Hit]:
        """Look for blocked programs as whole words, in a text that has no structure."""
        words = _WORD.findall(_QUOTING.sub("", text))
        names = {posixpath.basename(word) for word in words}
        defaults = sorted(names & PROGRAMS) if self._use_default else []
        yield from (Hit(name, operators=False, found=name) for name in defaults)
        if self._use_default and "rm" in names and not {"/", "/*"}.isdisjoint(words):
            yield Hit("rm -rf /", operators=False, found="rm")
        for program in sorted(names & self._patterns.keys()):
            for pattern, wanted in self._patterns[program]:
                if names.issuperset(wanted):
                    yield Hit(pattern, operators=True, found=program)


def _shown(invocation: Invocation) -> str:
    writes = (f"> {path}" for path in invocation.writes)
    return " ".join((*invocation.words, *writes)).replace(UNKNOWN, "...")
