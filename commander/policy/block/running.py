"""Running one command: what it carries, what it does to its shell, what it prints."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from commander.policy.block.builtins import follow
from commander.policy.block.carriers import Inner, ShellText, carried_by
from commander.policy.block.filters import printed
from commander.policy.block.invocation import Invocation
from commander.policy.block.scope import MAX_ALTERNATIVES, UNKNOWN, Scope, Texts
from commander.policy.budget import MAX_NESTING, Budget, TooDeepError
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import Command, Dialect, Script
from commander.policy.wordset import wordset

__all__ = ["Runner", "Visitor", "union"]

_STEPS_PER_COMMAND: Final = 4
_WORDS_PER_STEP: Final = 4
_MAX_CALLS: Final = 64
"""Function bodies that are looked at in one decision, beside their definitions."""
_MAX_SAME_CALLS: Final = 2
"""Calls of one function inside each other."""
_SAME_SHELL: Final = wordset(". source eval command builtin exec")
_BASH_LIKE: Final = wordset("bash rbash zsh ksh mksh")
_NOTHING: Final[Texts] = ("",)
_NOBODY_KNOWS: Final[Texts] = (UNKNOWN,)
_GLOB: Final = re.compile(r"[*?\[]")
_MAX_GLOB_CHARACTERS: Final = 64
_PLACES: Final = (
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
)
_STEERING: Final = re.compile(
    r"PS[14]|\w*(?:PAGER|EDITOR|VISUAL|_COMMAND|_RSH|LESSOPEN|ASKPASS|_DIFF|GIT_SSH)"
)
"""Names of variables whose values programs run."""
_FOREIGN: Final = re.compile(r"#!(?![^\n]*\bt?(?:ba|da|z|k|a)?sh\b)")
"""The first line of a script for another interpreter."""


class Visitor(Protocol):
    """Who is shown what a text would run."""

    def command(self, invocation: Invocation) -> None:
        """See one command."""

    def unread(self, text: str) -> None:
        """See a text that a shell would run and that is not modelled."""


def union(texts: Sequence[Texts]) -> Texts:
    """Every alternative of several."""
    merged = dict.fromkeys(text for each in texts for text in each)
    return tuple(merged)[:MAX_ALTERNATIVES] or _NOTHING


class Runner:
    """Runs commands for a walk.

    Args:
        budget: Of the decision.
        visitor: Sees all that is run.
        programs: Names that a glob in the place of a program may stand for.
        execute: Runs a command of the tree.
        interpret: Runs a script.
    """

    def __init__(
        self,
        budget: Budget,
        visitor: Visitor,
        programs: frozenset[str],
        *,
        execute: Callable[[Command, Scope], Texts],
        interpret: Callable[[Script, Scope], Texts],
    ) -> None:
        self._budget = budget
        self._visitor = visitor
        self._programs = programs
        self._execute = execute
        self._interpret = interpret
        self._calls = 0
        self._parsed: dict[tuple[str, Dialect], Script] = {}

    def run(self, words: tuple[str, ...], scope: Scope) -> Texts:
        """Run a command; what it does to its shell happens to the scope.

        Returns:
            What it prints.
        """
        if scope.depth > MAX_NESTING:
            raise TooDeepError
        self._budget.spend(_STEPS_PER_COMMAND + len(words) // _WORDS_PER_STEP)
        self._visitor.command(Invocation(words=words, directories=scope.directories))
        scope.depth += 1
        try:
            for name in self._matching(words[0]):
                self.run((name, *words[1:]), scope.inner())
            return self._run(words, scope)
        finally:
            scope.depth -= 1

    def _run(self, words: tuple[str, ...], scope: Scope) -> Texts:
        name, *arguments = words
        if name in scope.functions:
            return self._call(name, tuple(arguments), scope)
        if name in scope.aliases:
            return self._alias(words, scope)
        carried = carried_by(words, scope.read)
        same = name in _SAME_SHELL
        outputs = [self._inner(each, scope, same=same) for each in carried.commands]
        texts = carried.texts
        if not texts and _GLOB.search(name) is None:
            texts = self._script_of(words, scope)
        outputs += [self._text(each, scope, same=same) for each in texts]
        if not (same and carried.texts):
            follow(words, scope)
        if name == "tee":
            for path in arguments:
                scope.write(path, scope.input)
        return union(outputs) if outputs else printed(words, scope)

    def _call(self, name: str, arguments: tuple[str, ...], scope: Scope) -> Texts:
        calls = scope.calls
        if name in calls:
            frame = len(calls) - calls[::-1].index(name)
            if scope.forked >= frame:
                self._visitor.command(Invocation(words=(name,), multiplies=True))
        if calls.count(name) >= _MAX_SAME_CALLS or self._calls >= _MAX_CALLS:
            return _NOBODY_KNOWS
        self._calls += 1
        before = scope.variables.get("@")
        scope.calls = (*calls, name)
        scope.assign("@", [arguments])
        try:
            return self._execute(scope.functions[name], scope)
        finally:
            scope.calls = calls
            if before is None:
                scope.variables.pop("@", None)
            else:
                scope.variables["@"] = before

    def _alias(self, words: tuple[str, ...], scope: Scope) -> Texts:
        texts = scope.aliases.pop(words[0])
        outputs = []
        for text in texts:
            meant = (*text.split(), *words[1:])
            outputs.append(self.run(meant, scope) if meant else _NOTHING)
        scope.name(words[0], texts)
        return union(outputs)

    def _matching(self, word: str) -> list[str]:
        """The programs that are known and that a glob may stand for."""
        if not _GLOB.search(word) or len(word) > _MAX_GLOB_CHARACTERS:
            return []
        place, _, name = word.rpartition("/")
        if place.startswith("/"):
            found = any(
                place.count("/") == known.count("/")
                and fnmatch.fnmatchcase(known, place)
                for known in _PLACES
            )
        else:  # ./* can be anything: nothing is told by it
            found = len(_GLOB.sub("", name)) >= 2
        self._budget.spend(len(self._programs) // 4 if found else 0)
        matching = fnmatch.filter(self._programs, name) if found else []
        return sorted(matching)[:MAX_ALTERNATIVES]

    # --- what a command carries --------------------------------------------------

    def _inner(self, command: Inner, scope: Scope, *, same: bool) -> Texts:
        if not command.words:
            return _NOTHING
        inner = scope if same else scope.inner()
        if command.directory is not None:
            inner.enter([command.directory])
        for name, value in command.settings:
            inner.assign_text(name, (value,))
            self.steer(name, (value,), inner)
        return self.run(command.words, inner)

    def _text(self, text: ShellText, scope: Scope, *, same: bool) -> Texts:
        inner = scope if same else scope.inner()
        if text.arguments is not None:
            inner.assign("@", [text.arguments])
        if text.name is not None:
            inner.assign_text("0", (text.name,))
        if UNKNOWN in text.text and same:
            scope.open = True
        dialect = scope.dialect
        if text.reader:
            dialect = Dialect.BASH if text.reader in _BASH_LIKE else Dialect.SH
        return self.text(text.text, inner, dialect, guessed=text.guessed)

    def text(
        self, text: str, scope: Scope, dialect: Dialect, *, guessed: bool = False
    ) -> Texts:
        """Run a shell text.

        Args:
            text: The text.
            scope: Of the shell that reads it.
            dialect: How that shell reads it; if it cannot, the other is tried.
            guessed: Leave it alone if it cannot be read.
        """
        self._budget.nested_text(len(text))
        other = Dialect.SH if dialect is Dialect.BASH else Dialect.BASH
        try:
            script = self._parse(text, dialect, scope.depth + 1)
        except NotModelledError as error:
            try:
                script = self._parse(text, other, scope.depth + 1)
            except NotModelledError:
                if guessed:
                    return _NOBODY_KNOWS
                self._interpret(error.before, scope)
                self._visitor.unread(text)
                return _NOBODY_KNOWS
        before, scope.dialect = scope.dialect, dialect
        scope.depth += 1
        try:
            return self._interpret(script, scope)
        finally:
            scope.dialect = before
            scope.depth -= 1

    def _parse(self, text: str, dialect: Dialect, depth: int) -> Script:
        key = (text, dialect)
        if key not in self._parsed:
            if depth > MAX_NESTING:
                raise TooDeepError
            self._parsed[key] = parse(text, dialect, budget=self._budget, depth=depth)
        return self._parsed[key]

    def _script_of(self, words: tuple[str, ...], scope: Scope) -> tuple[ShellText, ...]:
        """The text of a script that the text itself has written, if that is run."""
        if "/" not in words[0] or scope.path(words[0]) not in scope.files:
            return ()
        return tuple(
            ShellText(text, words[1:], reader="sh", guessed=True)
            for text in scope.read(words[0])
            if not _FOREIGN.match(text) and text.strip(UNKNOWN)
        )

    def steer(self, name: str, texts: Texts, scope: Scope) -> None:
        """Look at the value of a variable that programs run."""
        if _STEERING.fullmatch(name):
            for text in texts:
                if text.strip(UNKNOWN + " |"):
                    self.text(text.strip("| "), scope.inner(), Dialect.SH, guessed=True)
