"""What must not run, whatever the allow-list says: defaults and the operator's.

An operator's pattern is compared word by word with every command of the text: the
program by its base name, the rest with and without the options before a subcommand.
A pattern that only redirects (``> /etc/hosts``) is compared with what is written. One
that is more than a simple command of static words cannot be compared so; it is
searched in the text as it stands, where there is one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from commander.policy.block.carriers import program_of
from commander.policy.block.dangers import DISPLAY_NAMES, RULED_PROGRAMS, default_danger
from commander.policy.block.harmless import is_harmless
from commander.policy.block.invocation import Invocation
from commander.policy.block.options import read_options
from commander.policy.block.scan import commands, forks
from commander.policy.block.scope import UNKNOWN, Scope
from commander.policy.block.walk import Walk
from commander.policy.block.wrappers import WRAPPERS
from commander.policy.budget import Budget, TooDeepError, TooMuchError
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import (
    Dialect,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Statement,
    Word,
)
from commander.policy.wordset import wordset

__all__ = ["Blocklist", "Hit"]

_GIT_GLOBAL: Final = wordset(
    "C c git-dir work-tree namespace config-env super-prefix attr-source"
)
"""Options before git's subcommand that take the next word."""
_SHELLS: Final = wordset("sh bash dash zsh ksh")
_NO_ENVIRONMENT: Final[Mapping[str, str]] = {}


@attrs.frozen
class Hit:
    """Why a text is refused."""

    name: str
    """The entry, as the lists show it."""
    operators: bool
    """The entry is the operator's, not a default one."""
    found: str
    """The words that it stands for in this text."""


class _FoundError(Exception):
    """Ends a walk at the first hit."""

    def __init__(self, hit: Hit) -> None:
        super().__init__(hit.name)
        self.hit = hit


class Blocklist:
    """The operator's patterns and, unless switched off, the default list."""

    def __init__(self, patterns: tuple[str, ...], *, use_default: bool) -> None:
        self.names = patterns + (DISPLAY_NAMES if use_default else ())
        self._use_default = use_default
        self._patterns: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._writes: dict[str, str] = {}
        self._texts: list[str] = []
        for pattern in patterns:
            self._add(pattern)
        programs = RULED_PROGRAMS | WRAPPERS | _SHELLS if use_default else frozenset()
        self._programs = programs | self._patterns.keys()

    def _add(self, pattern: str) -> None:
        match _simple(pattern):
            case (program, *words), ():
                entry = (pattern, tuple(words))
                name = posixpath.basename(program)
                self._patterns.setdefault(name, []).append(entry)
            case (), (target,):
                self._writes[posixpath.normpath(target)] = pattern
            case _ if pattern.strip():
                self._texts.append(pattern)

    def find(
        self,
        script: Script,
        directory: str | None,
        *,
        dialect: Dialect,
        budget: Budget,
        environment: Mapping[str, str] = _NO_ENVIRONMENT,
        text: str = "",
    ) -> Hit | None:
        """The first thing in a script that is listed.

        Args:
            script: What the shell gets, parsed.
            directory: Where it starts; counts only if absolute.
            dialect: In which the script was read, and texts inside it are.
            budget: Of the decision.
            environment: Variables that the call sets.
            text: The script as it was written, for patterns that are searched in it.

        Raises:
            TooDeepError: It nests too deep to be judged.
            TooMuchError: It takes too much work to be judged.
        """
        hit = self._search(text)
        if hit is not None:
            return hit
        if not self._writes and is_harmless(script, self._patterns):
            return None
        scope = _scope(directory, dialect, budget, environment)
        try:
            Walk(budget, _Judge(self), self._programs).script(script, scope)
        except _FoundError as error:
            return error.hit
        return None

    def scan(
        self,
        text: str,
        directory: str | None = None,
        *,
        dialect: Dialect = Dialect.SH,
        budget: Budget | None = None,
    ) -> Hit | None:
        """The first thing that is listed in a text that is not modelled.

        Only what may stand in the place of a command counts. The caller judges what
        comes before that place with ``find`` first.

        Args:
            text: The text, or what is left of it.
            directory: Where it starts; counts only if absolute.
            dialect: Of the shell that will read it.
            budget: Of the decision; a new one if it is left out.

        Raises:
            TooDeepError: It nests too deep to be judged.
            TooMuchError: It takes too much work to be judged.
        """
        budget = budget or Budget()
        hit = self._search(text)
        if hit is not None:
            return hit
        judge = _Judge(self)
        try:
            judge.scan(text)
            for found in commands(text):
                judge.command(Invocation(words=(), writes=found.writes))
                scope = _scope(directory, dialect, budget, _NO_ENVIRONMENT)
                if found.words:
                    walk = Walk(budget, judge, self._programs)
                    walk.words(found.words, scope)
        except _FoundError as error:
            return error.hit
        return None

    def _search(self, text: str) -> Hit | None:
        for pattern in self._texts:
            if pattern in text:
                return Hit(pattern, operators=True, found=pattern)
        return None

    def hits(self, invocation: Invocation) -> Iterator[Hit]:
        """Every entry that one command falls under."""
        danger = default_danger(invocation) if self._use_default else None
        if danger is not None:
            yield Hit(danger, operators=False, found=_shown(invocation))
        for pattern in self._matching(invocation):
            yield Hit(pattern, operators=True, found=_shown(invocation))

    def _matching(self, invocation: Invocation) -> Iterator[str]:
        for path in invocation.writes if self._writes else ():
            if pattern := self._writes.get(posixpath.normpath(path)):
                yield pattern
        words = invocation.words
        program = program_of(words)
        entries = self._patterns.get(program, ())
        if not entries:
            return
        with_value = _GIT_GLOBAL if program == "git" else ()
        operands = read_options(words[1:], with_value, permute=False).operands
        for pattern, wanted in entries:
            if wanted in (words[1 : len(wanted) + 1], operands[: len(wanted)]):
                yield pattern

    def forks(self, text: str) -> Hit | None:
        """A function in a text that is not modelled and calls itself."""
        name = forks(text) if self._use_default else None
        return None if name is None else Hit("fork bombs", operators=False, found=name)


class _Judge:
    """Looks at what a walk shows, and ends it at the first hit."""

    def __init__(self, blocklist: Blocklist) -> None:
        self._blocklist = blocklist

    def command(self, invocation: Invocation) -> None:
        for hit in self._blocklist.hits(invocation):
            raise _FoundError(hit)

    def unread(self, text: str) -> None:
        self.scan(text)
        for found in commands(text):
            self.command(Invocation(words=found.words, writes=found.writes))

    def scan(self, text: str) -> None:
        hit = self._blocklist.forks(text)
        if hit is not None:
            raise _FoundError(hit)


def _scope(
    directory: str | None,
    dialect: Dialect,
    budget: Budget,
    environment: Mapping[str, str],
) -> Scope:
    known = directory if directory and directory.startswith("/") else None
    scope = Scope(budget, dialect, (known,) if known else ())
    scope.assign("@", [()])
    for name, value in environment.items():
        scope.assign_text(name, (value,))
    return scope


def _simple(pattern: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The static words and targets of a pattern, if that is all it is."""
    try:
        script = parse(pattern, Dialect.SH, budget=Budget())
    except (NotModelledError, TooDeepError, TooMuchError):
        return None
    match script:
        case (Statement(Pipeline((Simple((), words, redirections),)), ()),):
            texts = tuple(w.static for w in words if isinstance(w, Word))
            targets = tuple(
                r.target.static
                for r in redirections
                if isinstance(r, Redirection) and r.operator.startswith(">")
            )
            known = None not in texts and None not in targets
            if known and len(targets) == len(redirections):
                return tuple(filter(None, texts)), tuple(filter(None, targets))
    return None


def _shown(invocation: Invocation) -> str:
    writes = (f"> {path}" for path in invocation.writes)
    return " ".join((*invocation.words, *writes)).replace(UNKNOWN, "...")
